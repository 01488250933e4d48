"""Writes the replies of BTS Client byte for byte: its line ends, indents, blanks before ``/>``, and its misspellings.

Layout and attribute order follow the reference, section 4 and appendix B. Only text is made here; what it says comes
from ``server``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from simulators.neware.memory import LogRow, StepRow, StoredTest
from simulators.neware.schedule import STEP_TYPE_TEXT, TICKS_PER_S
from simulators.neware.tester import LiveValues

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\r\n<bts version="1.0">\r\n'
_KIND_TEXT = {int(kind): text for kind, text in STEP_TYPE_TEXT.items()}


_SPECIAL = re.compile(r"""[&<>"\r\n\t]""")
_IN_QUOTES = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_TWO_DIGITS = tuple(f"{n:02d}" for n in range(60))
_MINUTES = tuple(f"{n // 60:02d}:{n % 60:02d}" for n in range(1440))


class PcClock:
    """The BTS PC's local clock: an offset to UTC and a drift, written as the API writes times."""

    def __init__(self, epoch_unix_s: float, utc_offset_s: int, drift: float) -> None:
        """Show ``epoch_unix_s`` plus the offset at tick 0; ``drift`` is in seconds per second."""
        self._start_s = epoch_unix_s + utc_offset_s
        self._rate = (1.0 + drift) / TICKS_PER_S
        self._days: dict[int, str] = {}
        self._minute = -1
        self._minute_text = ""

    def text(self, tick: int) -> str:
        """Return ``YYYY-MM-DD HH:MM:SS``, whole seconds rounded down."""
        minute, second = divmod(int(self._start_s + tick * self._rate), 60)
        if minute != self._minute:
            day, of_day = divmod(minute, 1440)
            date = self._days.get(day)
            if date is None:
                date = self._days[day] = datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")
            self._minute, self._minute_text = minute, f"{date} {_MINUTES[of_day]}:"
        return self._minute_text + _TWO_DIGITS[second]


def attributes(pairs: Mapping[str, str]) -> str:
    """Write `` name="value"`` pairs, escaped."""
    return "".join([f' {name}="{_quoted(value)}"' for name, value in pairs.items()])


def _quoted(value: str) -> str:
    """Escape what must not stand between quotation marks; most values hold nothing of the kind."""
    return escape(value, _IN_QUOTES) if _SPECIAL.search(value) else value


def element(tag: str, pairs: Mapping[str, str], text: str | None = None) -> str:
    """Write one element; without text it ends in blank, slash."""
    if text is None:
        return f"<{tag}{attributes(pairs)} />"
    return f"<{tag}{attributes(pairs)}>{escape(text)}</{tag}>"


def listed(rows: Sequence[str], count: int | None = None) -> list[str]:
    """Write a ``list`` with its rows as lines; an empty list is one element."""
    shown = len(rows) if count is None else count
    if not rows:
        return [f'  <list count="{shown}" />']
    return [f'  <list count="{shown}">', *(f"    {row}" for row in rows), "  </list>"]


def reply(command: str, lines: Iterable[str]) -> str:
    """Write a whole reply up to ``</bts>``, from its indented lines."""
    body = "\r\n".join((f"  <cmd>{command}</cmd>", *lines))
    return f"{_HEAD}{body}\r\n</bts>"


def rounded(value: float) -> str:
    """Write a live value: 4 decimals, trailing zeros dropped (4.3)."""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def live_row(
    device: str, live: LiveValues, status: str, barcode: str | None, log_code: int, *, idle: bool
) -> dict[str, str]:
    """Return the attributes of one ``inquire`` row; ``step_id`` is missing from idle channels."""
    row = {"dev": device, "cycle_id": str(live.cycle)}
    if not idle:
        row["step_id"] = str(live.step)
    row |= {"step_type": live.step_type, "workstatus": status}
    if barcode is not None:
        row["barcode"] = barcode
    return row | {
        "current": rounded(live.current_a),
        "voltage": rounded(live.voltage_v),
        "capacity": rounded(live.capacity_ah),
        "energy": rounded(live.energy_wh),
        "totaltime": rounded(live.total_s),
        "relativetime": rounded(live.step_s),
        "open_or_close": "0",
        "log_code": str(log_code),
    }


def record_rows(test: StoredTest, first_seq: int, count: int, clock: PcClock) -> list[str]:
    """Write records for ``download``, full precision; this is the only place where speed matters."""
    local = clock.text
    first, packed = test.packed(first_seq, count)
    numbered = enumerate(packed, first) if test.plant is None else test.plant.rows(test, first_seq, count)
    rows: list[str] = []
    shown, place = (0, 0, 0), ""
    for seq, (step, cycle, kind, ms, tick, volt, curr, cap, eng) in numbered:
        if (step, cycle, kind) != shown:
            shown = (step, cycle, kind)
            place = f'stepid="{step}" cycleid="{cycle}" steptype="{_KIND_TEXT[kind]}"'
        rows.append(
            f'<data seqid="{seq}" {place} testtime="{ms}" atime="{local(tick)}"'
            f' volt="{volt:.15g}" curr="{curr:.15g}" cap="{cap:.15g}" eng="{eng:.15g}" />'
        )
    return rows


def step_row(index: int, row: StepRow, clock: PcClock) -> str:
    """Write one executed step for ``downloadStepLayer``."""
    return (
        f'<data startseqid="{row.first_seq}" endseqid="{row.last_seq}" stepindex="{index}" stepid="{row.step}"'
        f' cycleid="{row.cycle}" steptype="{_KIND_TEXT[row.kind]}" steptime="{row.step_time_ms}"'
        f' endatime="{clock.text(row.end_tick)}" startvolt="{row.start_voltage_v:.15g}"'
        f' endvolt="{row.end_voltage_v:.15g}" startcurr="{row.start_current_a:.15g}"'
        f' endcurr="{row.end_current_a:.15g}" cap="{row.capacity_ah:.15g}" eng="{row.energy_wh:.15g}" dcir="0" />'
    )


def log_row(row: LogRow, clock: PcClock) -> str:
    """Write one event for ``downloadlog``."""
    return f'<data seqid="{row.seq}" log_code="{row.code}" atime="{clock.text(row.tick)}" />'
