"""The results of a run in the program's memory until they are saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Form(Enum):
    """How a column is written."""

    EXPONENT = "exponent"
    DECIMAL = "decimal"
    PHASE = "phase"


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique's names and numbers: abbreviation and id as in ``.bin`` files, columns as in text files [9.4, 10]."""

    short: str
    name: str
    chinese: str
    number: int
    columns: tuple[tuple[str, Form], ...]


_TIME, _FREQUENCY = ("Time/sec", Form.EXPONENT), ("Freq/Hz", Form.EXPONENT)
_POTENTIAL, _SWEPT = ("Potential/V", Form.EXPONENT), ("Potential/V", Form.DECIMAL)
_CURRENT = ("Current/A", Form.EXPONENT)

TECHNIQUES: Mapping[str, Technique] = {
    "ocpt": Technique("OCPT", "Open Circuit Potential - Time", "开路电位-时间", 26, (_TIME, _POTENTIAL)),
    "cv": Technique("CV", "Cyclic Voltammetry", "循环伏安法", 0, (_SWEPT, _CURRENT)),
    "lsv": Technique("LSV", "Linear Sweep Voltammetry", "线性扫描伏安法", 1, (_SWEPT, _CURRENT)),
    "ca": Technique("CA", "Chronoamperometry", "计时电流法", 4, (_TIME, _CURRENT)),
    "i-t": Technique("i-t", "Amperometric i-t Curve", "电流-时间曲线", 11, (_TIME, _CURRENT)),
    "cp": Technique("CP", "Chronopotentiometry", "计时电位法", 15, (_TIME, _POTENTIAL)),
    "istep": Technique("ISTEP", "Multi-Current Steps", "多电流阶跃", 32, (_TIME, _POTENTIAL)),
    "imp": Technique(
        "IMP", "A.C. Impedance", "交流阻抗", 14,
        (
            _FREQUENCY, ("Z'/ohm", Form.EXPONENT), ('Z"/ohm', Form.EXPONENT), ("Z/ohm", Form.EXPONENT),
            ("Phase/deg", Form.PHASE),
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run's data: parameter lines as the text file shows them, rows as its columns, numbers as in the ``.bin``.

    ``values`` are the parameters by macro name; ``unix_s`` is when the run ended.
    """

    technique: Technique
    parameters: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    values: Mapping[str, float] = field(default_factory=dict)
    results: tuple[str, ...] = ()
    dummy: bool = False
    unix_s: float = 0.0
