"""The commands of each model as tables (reference smu-and-ovens, sections 7 to 10, 16 and 17).

Templates hold names in braces: ``{S}`` is the function that is sourced, ``{M}`` the one that is measured and limited
(VOLT or CURR), ``{L}`` the 2450's word for the limit, and the values of one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from drivers.smu.models import SmuModel


class Form(Enum):
    """How the answer to a question is compared with what was ordered."""

    NUMBER = "a number"
    RANGE = "a range, which some models answer with their 5 % more"
    SWITCH = "0 or 1"
    WORD = "a keyword, short or long"
    NAMES = "a list that holds these names, in any order"


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to set and to read back: order, question, and the answer that confirms it.

    An empty ``ask`` is an order with nothing to read back; an empty ``order`` only reads back. ``resolution`` names the
    range whose ten-thousandth a number may differ by: sources and limits are quantised (section 2). ``key`` is the
    setting of the bench file that it follows, for the sentence of a difference; empty where an order decides.
    """

    order: str
    ask: str = ""
    wanted: str = ""
    form: Form = Form.WORD
    resolution: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The commands of one model.

    ``off_states`` are set before anything else, and whenever the output is found off: only high impedance is open
    circuit. ``setup`` is sent with the output off, in this order. ``reading`` asks for everything of one moment;
    ``values`` names the fields of its second part, ``has_trip`` whether a third part tells that the limit holds.
    ``reset`` is the last resort of a stop. ``asks_language``: it may speak another language than SCPI.
    """

    off_states: tuple[Setting, ...]
    setup: tuple[Setting, ...]
    function: Setting
    level: Setting
    limit: Setting
    reading: str
    values: tuple[str, ...]
    has_trip: bool
    reset: str
    abort: str = ":ABOR"
    asks_language: bool = False


_FUNCTION = Setting(":SOUR:FUNC {S}", ":SOUR:FUNC?", "{S}")
_LEVEL = Setting(":SOUR:{S} {level}", ":SOUR:{S}?", "{level}", Form.NUMBER, "source_range")
_LEVEL_ZERO = Setting(":SOUR:{S} 0")
_SOURCE_RANGE = Setting(":SOUR:{S}:RANG {source_range}", ":SOUR:{S}:RANG?", "{source_range}", Form.RANGE)
_MEASURE_RANGE = Setting(":SENS:{M}:RANG {measure_range}", ":SENS:{M}:RANG?", "{measure_range}", Form.RANGE)
_MEASURE_FIXED = Setting(":SENS:{M}:RANG:AUTO OFF", ":SENS:{M}:RANG:AUTO?", "0", Form.SWITCH)
_NPLC = Setting(":SENS:{M}:NPLC {nplc}", ":SENS:{M}:NPLC?", "{nplc}", Form.NUMBER, "nplc")
_ASCII = Setting(":FORM ASC", ":FORM?", "ASC")
_FIXED = Setting(":SOUR:{S}:MODE FIX", ":SOUR:{S}:MODE?", "FIX")
_BOTH = Setting(':SENS:FUNC "VOLT","CURR"', ":SENS:FUNC?", "VOLT,CURR", Form.NAMES)
_LINE_FREQUENCY = Setting(":SYST:LFR {line_hz}", ":SYST:LFR?", "{line_hz}", Form.NUMBER, key="line_frequency_hz")
_TERMINALS = Setting(":ROUT:TERM {terminals}", ":ROUT:TERM?", "{terminals}", key="terminals")
_QUIET = Setting(":SYST:BEEP:STAT OFF")

_LIMIT_2400 = Setting(":SENS:{M}:PROT {limit}", ":SENS:{M}:PROT?", "{limit}", Form.NUMBER, "measure_range")
_HIMP_2400 = Setting(":OUTP:SMOD HIMP", ":OUTP:SMOD?", "HIMP")

_KEITHLEY_2400 = Dialect(
    off_states=(_HIMP_2400,),
    setup=(
        # On, it would switch the output on and off around each reading (section 16).
        Setting(":SOUR:CLE:AUTO OFF", ":SOUR:CLE:AUTO?", "0", Form.SWITCH),
        _TERMINALS,
        Setting(":SYST:RSEN {four_wire}", ":SYST:RSEN?", "{four_wire}", Form.SWITCH, key="four_wire"),
        _ASCII,
        Setting(":FORM:ELEM VOLT,CURR,STAT", ":FORM:ELEM?", "VOLT,CURR,STAT", Form.NAMES),
        Setting(":ARM:SOUR IMM;:ARM:COUN 1", ":ARM:COUN?", "1", Form.NUMBER),
        Setting(":TRIG:SOUR IMM;:TRIG:COUN 1", ":TRIG:COUN?", "1", Form.NUMBER),
        _LINE_FREQUENCY,
        _QUIET,
        # Auto-ohms would set source and range by itself; both functions are sensed, or V is the programmed one.
        Setting(":SENS:RES:MODE MAN", ":SENS:RES:MODE?", "MAN"),
        Setting(":SENS:FUNC:OFF:ALL"),
        Setting(":SENS:FUNC:CONC ON", ":SENS:FUNC:CONC?", "1", Form.SWITCH),
        _BOTH,
        _FUNCTION,
        _FIXED,
        _LEVEL_ZERO,
        _SOURCE_RANGE,
        _MEASURE_FIXED,
        # A limit and a measuring range hinder each other (+822, +824): every pair is reached through the largest limit.
        Setting(":SENS:{M}:PROT {widest}"),
        _MEASURE_RANGE,
        _LIMIT_2400,
        _NPLC,
        Setting(":SYST:AZER {autozero}", ":SYST:AZER?", "{autozero}", Form.SWITCH),
        Setting(":SENS:AVER OFF", ":SENS:AVER?", "0", Form.SWITCH),
        _LEVEL,
    ),
    function=_FUNCTION,
    level=_LEVEL,
    limit=_LIMIT_2400,
    # Off, it answers the first question alone: ``:READ?`` is then an error without a reply (+803).
    reading=":OUTP?;:READ?",
    values=("voltage", "current", "status"),
    has_trip=False,
    reset="*RST;:OUTP:SMOD HIMP",
)

_LIMIT_2450 = Setting(":SOUR:{S}:{L} {limit}", ":SOUR:{S}:{L}?", "{limit}", Form.NUMBER, "measure_range")

_KEITHLEY_2450 = Dialect(
    # Stored per source function: a change of function could bring another one back (section 9).
    off_states=(
        Setting(":OUTP:VOLT:SMOD HIMP", ":OUTP:VOLT:SMOD?", "HIMP"),
        Setting(":OUTP:CURR:SMOD HIMP", ":OUTP:CURR:SMOD?", "HIMP"),
    ),
    setup=(
        _ASCII,
        _TERMINALS,
        _FUNCTION,
        Setting(':SENS:FUNC "{M}"', ":SENS:FUNC?", "{M}", Form.NAMES),
        Setting(":SENS:{M}:RSEN {four_wire}", ":SENS:{M}:RSEN?", "{four_wire}", Form.SWITCH, key="four_wire"),
        _LEVEL_ZERO,
        # A change of the source range may change the limit, with a warning only: the limit comes after it.
        _SOURCE_RANGE,
        Setting(":SOUR:{S}:{L} {widest}"),
        _MEASURE_FIXED,
        _MEASURE_RANGE,
        _LIMIT_2450,
        Setting(":SOUR:{S}:READ:BACK ON", ":SOUR:{S}:READ:BACK?", "1", Form.SWITCH),
        _NPLC,
        Setting(":SENS:{M}:AZER {autozero}", ":SENS:{M}:AZER?", "{autozero}", Form.SWITCH),
        Setting(":SENS:{M}:AVER OFF", ":SENS:{M}:AVER?", "0", Form.SWITCH),
        _LEVEL,
        Setting(':TRAC:CLE "defbuffer1"'),
    ),
    function=_FUNCTION,
    level=_LEVEL,
    limit=_LIMIT_2450,
    reading=':OUTP?;:READ? "defbuffer1",READ,SOUR;:SOUR:{S}:{L}:TRIP?',
    values=("measured", "sourced"),
    has_trip=True,
    reset="*RST;:OUTP:SMOD HIMP",
    asks_language=True,
)

_FUNCTION_B29 = Setting(":SOUR:FUNC:MODE {S}", ":SOUR:FUNC:MODE?", "{S}")

_KEYSIGHT_B2901A = Dialect(
    off_states=(
        # On, a reading would switch the output on by itself (section 1.6).
        Setting(":OUTP:ON:AUTO OFF", ":OUTP:ON:AUTO?", "0", Form.SWITCH),
        Setting(":OUTP:OFF:MODE HIZ", ":OUTP:OFF:MODE?", "HIZ"),
    ),
    setup=(
        # On, it would switch off at the limit, which is where a constant current is held.
        Setting(":OUTP:PROT OFF", ":OUTP:PROT?", "0", Form.SWITCH),
        Setting(":SENS:REM {four_wire}", ":SENS:REM?", "{four_wire}", Form.SWITCH, key="four_wire"),
        _ASCII,
        Setting(":FORM:ELEM:SENS VOLT,CURR", ":FORM:ELEM:SENS?", "VOLT,CURR", Form.NAMES),
        _LINE_FREQUENCY,
        _QUIET,
        _FUNCTION_B29,
        Setting(":SOUR:FUNC:SHAP DC", ":SOUR:FUNC:SHAP?", "DC"),
        _FIXED,
        _BOTH,
        _LEVEL_ZERO,
        _SOURCE_RANGE,
        Setting(":SENS:{M}:PROT {widest}"),
        _MEASURE_FIXED,
        _MEASURE_RANGE,
        _LIMIT_2400,
        _NPLC,
        Setting(":SENS:{S}:NPLC {nplc}", ":SENS:{S}:NPLC?", "{nplc}", Form.NUMBER, "nplc"),
        _LEVEL,
    ),
    function=_FUNCTION_B29,
    level=_LEVEL,
    limit=_LIMIT_2400,
    reading=":OUTP?;:MEAS?;:SENS:{M}:PROT:TRIP?",
    values=("voltage", "current"),
    has_trip=True,
    reset="*RST;:OUTP:ON:AUTO OFF;:OUTP:OFF:MODE HIZ",
)

DIALECTS: Mapping[SmuModel, Dialect] = MappingProxyType(
    {
        SmuModel.KEITHLEY_2400: _KEITHLEY_2400,
        SmuModel.KEITHLEY_2450: _KEITHLEY_2450,
        SmuModel.KEITHLEY_2460: _KEITHLEY_2450,
        SmuModel.KEYSIGHT_B2901A: _KEYSIGHT_B2901A,
    }
)
