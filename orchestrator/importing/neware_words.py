"""The words of Neware's files: columns of BTSDA's exports in English and Chinese, units, and kinds of steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What a step does, by the words of fastnda, of BTSDA in English, and in Chinese; all without blanks, lower case.
_STEP_WORDS = {
    "cc": ("ccchg", "恒流充电"),
    "dc": ("ccdchg", "ccdch", "恒流放电"),
    "cv": ("cvchg", "恒压充电"),
    "dv": ("cvdchg", "cvdch", "恒压放电"),
    "cccv": ("cccvchg", "恒流恒压充电"),
    "cccd": ("cccvdchg", "cccvdch", "恒流恒压放电"),
    "rest": ("rest", "搁置", "静置", "休眠"),
    "cp": ("cpchg", "恒功率充电"),
    "dp": ("cpdchg", "恒功率放电"),
    "cr": ("crchg", "恒阻充电"),
    "dr": ("crdchg", "恒阻放电"),
    "cpcv": ("cpcvchg", "恒功率恒压充电"),
    "dpcv": ("cpcvdchg", "恒功率恒压放电"),
}
KNOWN_MODES = frozenset(_STEP_WORDS)
_STEP_OF = {word: mode for mode, words in _STEP_WORDS.items() for word in words}

# Columns by role, lower case without blanks, dots, underscores. Older ones call a capacity ``Capacitance_Chg(mAh)``.
_COLUMNS = {
    "sequence": ("datapoint", "recordindex", "recordid", "recordnumber", "index", "数据序号", "记录序号", "记录号"),
    "cycle": ("cycleindex", "cycleid", "cycle", "cyclenumber", "循环号", "循环序号"),
    "step": ("stepindex", "stepid", "step", "steps", "stepnumber", "工步号", "工步序号"),
    "mode": ("steptype", "stepname", "status", "state", "工步类型", "工步状态", "工步名称", "状态"),
    "step_time_s": ("time", "steptime", "relativetime", "时间", "相对时间", "工步时间"),
    "total_time_s": ("totaltime", "cumulativetime", "testtime", "总时间", "测试时间", "累计时间"),
    "current": ("current", "cur", "电流"),
    "voltage": ("voltage", "volt", "电压"),
    "capacity": ("capacity", "cap", "容量"),
    "charge_capacity": ("chgcap", "capchg", "capacitancechg", "chargecapacity", "充电容量"),
    "discharge_capacity": ("dchgcap", "capdchg", "capacitancedchg", "dischargecapacity", "放电容量"),
    "energy": ("energy", "能量"),
    "charge_energy": ("chgenergy", "engychg", "chargeenergy", "充电能量"),
    "discharge_energy": ("dchgenergy", "engydchg", "dischargeenergy", "放电能量"),
    "date": ("date", "datetime", "absolutetime", "realtime", "systemtime", "日期", "绝对时间", "系统时间"),
    "simulated": ("simulated",),
    "temperature": ("t1", "temperature", "auxtemperature", "温度"),
}
_ROLE_OF = {word: role for role, words in _COLUMNS.items() for word in words}

# Units by the physical quantity: how many places the decimal point moves to the SI unit (or Ah, Wh, degC).
_SHIFTS = {
    "current": {"a": 0, "ma": -3, "ua": -6, "μa": -6, "µa": -6},
    "voltage": {"v": 0, "mv": -3},
    "capacity": {"ah": 0, "mah": -3, "uah": -6, "μah": -6, "µah": -6},
    "energy": {"wh": 0, "mwh": -3, "uwh": -6, "μwh": -6, "µwh": -6},
}
# Chinese exports may write brackets of full width.
_OPEN, _CLOSE = "(\\[\uff08", ")\\]\uff09"
_HEAD = re.compile(rf"(?P<words>[^{_OPEN}]*)(?:[{_OPEN}](?P<unit>[^{_CLOSE}]*)[{_CLOSE}])?")


@dataclass(frozen=True, slots=True)
class Head:
    """One column of an export: its ``role``, and the places by which its unit is off, None where it bears none."""

    header: str
    role: str
    unit: str
    shift: int | None


def mode_of(word: str) -> str:
    """Return our word (docs/store.md) for what a step did; an unknown word stays as it is."""
    return _STEP_OF.get("".join(word.split()).replace("_", "").replace("-", "").casefold(), word)


def head_of(header: str) -> Head | None:
    """Return the role of a column by its head; None for one that nothing is made of."""
    found = _HEAD.match(header.strip())
    if found is None:
        return None
    words = re.sub(r"[\s._]", "", found["words"]).casefold()
    role = _ROLE_OF.get(words)
    if role is None:
        return None
    unit = (found["unit"] or "").strip()
    quantity = role.rpartition("_")[2]
    shifts = _SHIFTS.get(quantity)
    return Head(header, role, unit, shifts.get(unit.casefold()) if shifts else 0)


def shift_of_current(unit: str) -> int | None:
    """Return the places of a unit of current, None for none that is known."""
    return _SHIFTS["current"].get(unit.casefold())


def heads_of(header: list[str]) -> dict[str, Head]:
    """Return the columns of a table by role; of two with one role the first one counts."""
    found: dict[str, Head] = {}
    for one in header:
        if (head := head_of(one)) is not None:
            found.setdefault(head.role, head)
    return found


def is_record_table(header: list[str]) -> bool:
    """Return whether heads are those of a table of BTSDA's records: kind of step, voltage, current and a time.

    Other testers' tables (Arbin's, say) have no kind of step, and other rules for capacities.
    """
    roles = heads_of(header)
    return {"mode", "voltage", "current"} <= set(roles) and bool({"step_time_s", "total_time_s"} & set(roles))
