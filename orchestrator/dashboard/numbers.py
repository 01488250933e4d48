"""Writes measured values, durations and moments for people, as ``static/numbers.js`` does in a browser.

Signs are always shown, the minus is U+2212, a no-break space stands before a unit, and what was not measured is an en
dash, never a zero. Both formatters are held to the cases of ``tests/golden/numbers.json``.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from math import isfinite
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.clock.iso_time import within_years
from orchestrator.dashboard.words import Words

NOT_MEASURED = "\N{EN DASH}"
_MINUS, _SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
_MICRO_BELOW_A = 1e-5
_LEAST_GROUPED = 10_000
# No quantity here is so large: what a spoiled record says is shown as what it is, and breaks no page.
_LEAST_ABSURD = 1e15
DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60


def voltage(voltage_v: float | None) -> str:
    """Return a voltage in V with four decimals, such as ``+0.0866 V``."""
    return _fixed(voltage_v, 4, "V")


def current(current_a: float | None) -> str:
    """Return a current in mA with four significant digits; in µA below 0.01 mA."""
    if current_a is None or not isfinite(current_a):
        return NOT_MEASURED
    if 0 < abs(current_a) < _MICRO_BELOW_A:
        return _significant(current_a, 4, "µA", factor=1e6)
    return _significant(current_a, 4, "mA", factor=1e3)


def resistance(resistance_ohm: float | None) -> str:
    """Return a resistance in Ω with three significant digits."""
    return _significant(resistance_ohm, 3, "Ω", signed=False)


def capacity(capacity_mah: float | None) -> str:
    """Return a capacity in mAh with four significant digits."""
    return _significant(capacity_mah, 4, "mAh", signed=False)


def specific(capacity_mah_g: float | None) -> str:
    """Return a specific capacity in mAh/g with two decimals."""
    return _fixed(capacity_mah_g, 2, "mAh/g", signed=False)


def areal(capacity_mah_cm2: float | None) -> str:
    """Return an areal capacity in mAh/cm² with three decimals."""
    return _fixed(capacity_mah_cm2, 3, "mAh/cm²", signed=False)


def percent(value_percent: float | None, decimals: int = 2) -> str:
    """Return a percentage: an efficiency with two decimals, a retention with one."""
    return _fixed(value_percent, decimals, "%", signed=False)


def c_rate(rate: float | None) -> str:
    """Return a C rate with two significant digits, such as ``0.50 C``."""
    return _significant(rate, 2, "C", signed=False)


def left(left_s: float | None, lang: str = "en") -> str:
    """Return how long something still takes: ``23 d 22 h``, ``7 h 12 min``, ``12 min``, ``under a minute``."""
    if left_s is None or not isfinite(left_s):
        return NOT_MEASURED
    whole_s = max(0, int(left_s))
    words = Words.load()
    if whole_s >= DAY_S:
        return words.say(lang, "left.days", days=whole_s // DAY_S, hours=whole_s % DAY_S // _HOUR_S)
    if whole_s >= _HOUR_S:
        return words.say(lang, "left.hours", hours=whole_s // _HOUR_S, minutes=whole_s % _HOUR_S // _MINUTE_S)
    if whole_s >= _MINUTE_S:
        return words.say(lang, "left.minutes", minutes=whole_s // _MINUTE_S)
    return words.say(lang, "left.soon")


def age(age_s: float | None, lang: str = "en") -> str:
    """Return how old something is: ``6 s``, ``4 min``, ``3 h``, ``2 d``."""
    if age_s is None or not isfinite(age_s):
        return NOT_MEASURED
    whole_s = max(0, int(age_s))
    words = Words.load()
    if whole_s >= DAY_S:
        return words.say(lang, "age.days", days=whole_s // DAY_S)
    if whole_s >= _HOUR_S:
        return words.say(lang, "age.hours", hours=whole_s // _HOUR_S)
    if whole_s >= _MINUTE_S:
        return words.say(lang, "age.minutes", minutes=whole_s // _MINUTE_S)
    return words.say(lang, "age.seconds", seconds=whole_s)


def moment(unix_s: float | None, zone: str, lang: str = "en", now_unix_s: float | None = None) -> str:
    """Return a moment in a zone: ``14:05`` on the day of ``now_unix_s``, else with its day, in another year with that.

    ``zone`` is a name such as ``Europe/Zurich``, or an offset such as ``+01:00``.
    """
    if unix_s is None or not isfinite(unix_s):
        return NOT_MEASURED
    there = zone_named(zone)
    then = datetime.fromtimestamp(within_years(unix_s), there)
    time = f"{then.hour:02}:{then.minute:02}"
    now = None if now_unix_s is None else datetime.fromtimestamp(within_years(now_unix_s), there)
    if now is not None and now.date() == then.date():
        return time
    words = Words.load()
    weekday = words.text(lang, "weekdays").split()[then.weekday()]
    month = words.text(lang, "months").split()[then.month - 1]
    if now is not None and now.year == then.year:
        return words.say(lang, "moment.day", weekday=weekday, day=then.day, month=month, time=time)
    return words.say(lang, "moment.year", weekday=weekday, day=then.day, month=month, year=then.year, time=time)


@lru_cache(maxsize=8)
def zone_named(name: str) -> tzinfo:
    """Return a time zone by its name or offset; UTC for a name that this machine does not know."""
    if name[:1] in {"+", "-"}:
        return datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo or UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _fixed(value: float | None, decimals: int, unit: str, *, signed: bool = True) -> str:
    if value is None or not isfinite(value):
        return NOT_MEASURED
    if abs(value) >= _LEAST_ABSURD:
        return _absurd(value, unit, signed=signed)
    return _told(_rounded(Decimal(float(value)), -decimals), unit, signed=signed)


def _significant(value: float | None, digits: int, unit: str, *, signed: bool = True, factor: float = 1.0) -> str:
    """Return a number with significant digits; digits before the point are all shown."""
    if value is None or not isfinite(value):
        return NOT_MEASURED
    if not abs(value * factor) < _LEAST_ABSURD:
        return _absurd(value * factor, unit, signed=signed)
    exact = Decimal(float(value) * factor)
    if exact == 0:
        return _told(_rounded(Decimal(0), 1 - digits), unit, signed=signed)
    rounded = _rounded(exact, exact.adjusted() - digits + 1)
    # 9.9996 has a digit more before the point once it is rounded.
    place = min(rounded.adjusted() - digits + 1, 0)
    return _told(_rounded(exact, place), unit, signed=signed)


def _absurd(value: float, unit: str, *, signed: bool) -> str:
    if not isfinite(value):
        return NOT_MEASURED
    sign = _MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{abs(value):.2e}{_SPACE}{unit}"


def _rounded(value: Decimal, place: int) -> Decimal:
    # Of the exact value of the binary number, halves away from zero: what a browser's toFixed does.
    return value.quantize(Decimal(1).scaleb(place), rounding=ROUND_HALF_UP)


def _told(value: Decimal, unit: str, *, signed: bool) -> str:
    digits = f"{abs(value):f}"
    whole, point, decimals = digits.partition(".")
    if int(whole) >= _LEAST_GROUPED:
        whole = f"{int(whole):,}"
    # What is rounded to zero has no side.
    sign = "" if value == 0 and not signed else _MINUS if value < 0 else "+" if signed else ""
    return f"{sign}{whole}{point}{decimals}{_SPACE}{unit}"


def amount(name: str, value: object, zone: str = "UTC", lang: str = "en", now_unix_s: float | None = None) -> str:
    """Return a value of a sentence as text, by the unit at the end of its name: ``4.1 V``, ``0.157 mA``, ``12 min``."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "" if value is None else str(value)
    if name.endswith(("_unix_s", "_at")):
        return moment(value, zone, lang, now_unix_s)
    if name.endswith("_s"):
        return left(value, lang)
    for ending, digits, unit, factor in _AMOUNTS:
        if name.endswith(ending):
            return _trimmed(_significant(value, digits, unit, signed=False, factor=factor))
    if not isfinite(value):
        return NOT_MEASURED
    # A count is told to its last digit.
    return str(int(value)) if value == int(value) else f"{Decimal(f'{value:.6g}'):f}"


_AMOUNTS = (
    ("_v", 4, "V", 1.0),
    ("_a", 4, "mA", 1e3),
    ("_ohm", 3, "Ω", 1.0),
    ("_w", 4, "mW", 1e3),
    ("_ah", 4, "mAh", 1e3),
    ("_ma", 4, "mA", 1.0),
    ("_h", 4, "h", 1.0),
)


def _trimmed(text: str) -> str:
    number, space, unit = text.partition(_SPACE)
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + unit
