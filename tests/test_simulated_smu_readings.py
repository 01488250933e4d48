"""What a simulated source meter reads, when, and in which dialect (reference smu-and-ovens, sections 1, 2, 10, 12)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulators.smu.settings import ErrorFormat, Quirks, ReadWhenOff
from tests.smu_talk import EXACT, READY, Battery, Talk

_NAN = 9.91e37


def _ready(model: str, cell: Battery, quirks: Quirks = EXACT, seed: str = "1") -> Talk:
    """Return a unit that is ready for a cell."""
    talk = Talk(model, cell, quirks, seed)
    talk.tell(*READY[model])
    return talk


def test_2400_shows_the_programmed_voltage_unless_it_senses_it() -> None:
    """In V-source mode without "VOLT" the voltage is the level, digit by digit, though a limit holds (section 1.7)."""
    talk = _ready("keithley-2400", Battery(3.3))
    talk.tell(':SENS:FUNC:OFF "VOLT"', ":SOUR:VOLT:RANG 20;:SOUR:VOLT -2;:SENS:CURR:PROT 1E-3;:OUTP ON")
    assert (talk.ask(":READ?") or "").startswith("-2.000000E+00,-1.000000E-03,")
    talk.tell(':SENS:FUNC "VOLT"')
    assert talk.values(":READ?")[0] == pytest.approx(3.29)


def test_2400_sends_not_a_number_for_what_is_not_measured_and_for_overflow() -> None:
    """9.91E37 stands for both; overflow alone sets bit 0 (section 1.9)."""
    talk = _ready("keithley-2400", Battery(3.7, 10.0))
    talk.tell(":SOUR:FUNC CURR;:SOUR:CURR:RANG 1E-3;:SENS:VOLT:PROT 1;:SENS:VOLT:RANG 2;:OUTP ON")
    # 105 mA through 10 ohm leave 2.65 V, more than the range of 2 V holds.
    reading = talk.values(":READ?")
    assert reading[0] == _NAN
    assert int(reading[3]) & 1 == 1
    talk.tell(":OUTP OFF;:SOUR:FUNC VOLT;:SOUR:VOLT:RANG 20;:FORM:ELEM VOLT,CURR,RES,STAT;:OUTP ON")
    assert talk.values(":READ?")[2] == _NAN
    assert int(talk.values(":READ?")[3]) & 1 == 0


def test_elements_come_in_their_own_order() -> None:
    """``:FORM:ELEM TIME,CURR,VOLT`` sends V, I, time on a 2400; a 2450 sends what is listed as it is listed."""
    talk = _ready("keithley-2400", Battery(3.3))
    talk.tell(":FORM:ELEM STAT,CURR,VOLT", ":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.3;:OUTP ON")
    assert talk.values(":READ?")[:2] == [pytest.approx(3.3), pytest.approx(0.0, abs=1e-9)]
    assert talk.ask(":FORM:ELEM?") == "VOLT,CURR,STAT"
    other = _ready("keithley-2450", Battery(3.3))
    other.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.4;:SOUR:VOLT:READ:BACK ON;:OUTP ON")
    assert other.values(":READ? SOUR, READ")[0] == pytest.approx(3.301, abs=1e-3)


def test_2450_shows_the_programmed_level_without_read_back() -> None:
    """In compliance that hides the cell (section 1.7)."""
    talk = _ready("keithley-2450", Battery(3.3))
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 2.8;:SOUR:VOLT:ILIM 1E-3;:OUTP ON")
    assert talk.values(":READ? SOUR") == [2.8]
    talk.tell(":SOUR:VOLT:READ:BACK ON")
    assert talk.values(":READ? SOUR") == [pytest.approx(3.29)]


def test_2450_buffers_keep_readings_by_name() -> None:
    """Each reading is appended; a range of them is read back, another element is 1133, another buffer -222."""
    talk = _ready("keithley-2450", Battery(3.3))
    talk.tell(':TRAC:MAKE "mine", 100', ":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.3;:OUTP ON")
    first, second = (talk.ask(':READ? "mine", READ, REL') for _ in range(2))
    assert talk.ask(':TRAC:ACT? "mine";:TRAC:ACT?') == "2;0"
    assert talk.ask(':TRAC:DATA? 1,2,"mine",READ,REL') == f"{first},{second}"
    talk.tell(':TRAC:CLE "mine"')
    for line in (':READ? "mine", OHMS', ':READ? "yours"', ':TRAC:DATA? 1,2,"mine"', ':FETC? "mine"'):
        assert talk.ask(line) is None
    assert talk.errors() == [1133, -222, -222, -230]


def test_2400_measure_resets_the_limit_and_switches_the_output_on() -> None:
    """``:MEAS:CURR?`` brings 105 uA and autorange back, and energises a cell that was off (section 1.5)."""
    talk = _ready("keithley-2400", Battery(3.3))
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 4;:SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-3")
    assert talk.ask(":MEAS:CURR?") is not None
    assert talk.ask(":OUTP?;:SENS:CURR:PROT?;:SENS:CURR:RANG:AUTO?") == "1;1.050000E-04;1"


def test_2450_measure_keeps_its_settings() -> None:
    """``:MEAS:CURR?`` changes the function only."""
    talk = _ready("keithley-2450", Battery(3.3))
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 4;:SOUR:VOLT:ILIM 1E-3;:SENS:CURR:RANG 1E-3;:OUTP ON")
    assert talk.values(":MEAS:CURR?") == [pytest.approx(1e-3)]
    assert talk.ask(":SOUR:VOLT:ILIM?;:SENS:CURR:RANG?") == "1.000000E-03;1.000000E-03"


@pytest.mark.parametrize(("line", "energises"), [(":READ?", True), (":INIT", True), (":MEAS?", False)])
def test_b2901a_reading_switches_the_output_on(line: str, energises: bool) -> None:
    """READ and INIT turn it on by themselves, until that is switched off (section 1.6)."""
    talk = Talk("keysight-b2901a", Battery(3.3))
    talk.tell("*RST")
    talk.ask(line)
    assert talk.ask(":OUTP?") == ("1" if energises else "0")
    talk.tell("*RST", ":OUTP:ON:AUTO OFF")
    talk.ask(line)
    assert talk.ask(":OUTP?") == "0"


@pytest.mark.parametrize("quirk", list(ReadWhenOff))
def test_2450_has_no_reading_behind_an_open_relay(quirk: ReadWhenOff) -> None:
    """With high impedance a reading is an error, or a number that is none."""
    talk = _ready("keithley-2450", Battery(3.3), replace(EXACT, read_when_off=quirk))
    answer = talk.ask(":READ?")
    assert (answer, talk.errors()) == ((None, [-221]) if quirk is ReadWhenOff.ERROR else ("9.910000E+37", []))


def test_2450_off_state_belongs_to_the_source_function() -> None:
    """High impedance of the voltage source is not that of the current source (section 9)."""
    talk = Talk("keithley-2450", Battery(3.3))
    talk.tell("*RST", ":OUTP:VOLT:SMOD HIMP", ":SOUR:FUNC CURR")
    assert talk.ask(":OUTP:VOLT:SMOD?;:OUTP:SMOD?") == "HIMP;NORM"


def test_2450_lowers_a_limit_without_a_word_when_the_source_range_asks_for_it() -> None:
    """1 A does not go with 200 V: the limit becomes 105 mA, and the error queue stays empty (section 8)."""
    talk = _ready("keithley-2450", Battery(3.3))
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT:ILIM 1", ":SOUR:VOLT:RANG 200")
    assert talk.values(":SOUR:VOLT:ILIM?") == [pytest.approx(0.105)]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ((":SENS:CURR:PROT 1E-2", ":SENS:CURR:RANG 1E-2", ":SENS:CURR:PROT 1E-6"), 822),
        ((":SENS:CURR:PROT 1E-4", ":SENS:CURR:RANG 1E-3"), 824),
        ((":SOUR:VOLT:RANG 200", ":SENS:CURR:PROT 1"), 826),
        ((":SENS:CURR:PROT 1", ":SOUR:VOLT:RANG 200"), 826),
    ],
)
def test_2400_refuses_limits_and_ranges_that_do_not_go_together(lines: tuple[str, ...], error: int) -> None:
    """Each pair has its number, and the last line has changed nothing."""
    talk = _ready("keithley-2400", Battery(3.3))
    talk.tell(*lines[:-1])
    question = f"{lines[-1].split(' ')[0]}?"
    before = talk.ask(question)
    assert talk.ask(lines[-1]) is None
    assert talk.errors() == [error]
    assert talk.ask(question) == before


@pytest.mark.parametrize(
    ("setting", "least_s", "most_s"),
    [
        (":SYST:AZER OFF;:SENS:CURR:NPLC 1", 0.050, 0.062),
        (":SYST:AZER ON;:SENS:CURR:NPLC 1", 0.130, 0.160),
        (':SYST:AZER ON;:SENS:CURR:NPLC 1;:SENS:FUNC:OFF "VOLT"', 0.075, 0.085),
        (":SYST:AZER OFF;:SENS:CURR:NPLC 0.1", 0.018, 0.025),
        (":SYST:AZER OFF;:SENS:CURR:NPLC 0.1;:SENS:AVER ON;:SENS:AVER:COUN 10", 0.055, 0.065),
    ],
)
def test_2400_reading_takes_its_time(setting: str, least_s: float, most_s: float) -> None:
    """Integration, autozero, functions and filter make a reading of section 12's length."""
    talk = _ready("keithley-2400", Battery(3.3))
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.3;:SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-3;:OUTP ON", setting)
    before_s = talk.now_s
    talk.ask(":READ?")
    assert least_s <= talk.now_s - before_s <= most_s


def test_level_and_relay_take_milliseconds() -> None:
    """7 ms for a level in a fixed range, 10 ms with autorange, 15 ms for the relay of high impedance."""
    talk = _ready("keithley-2400", Battery(3.3))
    times = []
    for line in (":SOUR:VOLT:RANG 20", ":OUTP ON", ":SOUR:VOLT 3", ":SOUR:VOLT:RANG:AUTO ON", ":SOUR:VOLT 3.1"):
        before_s = talk.now_s
        talk.tell(line)
        times.append(round(talk.now_s - before_s, 6))
    assert times == [0.0, 0.015, 0.007, 0.0, 0.010]


def test_2400_clock_wraps_after_a_day() -> None:
    """99,999.999 s are the end of the time stamp."""
    talk = _ready("keithley-2400", Battery(3.3))
    talk.tell(":FORM:ELEM TIME", ":OUTP ON")
    talk.now_s = 99_999.99
    assert talk.values(":READ?")[0] < 1.0


def test_errors_are_the_units_own() -> None:
    """The same seed gives the same gain and offset, another seed others, all within the accuracy (section 2.1)."""
    quiet = Quirks(noise_scale=0.0)
    found = []
    for seed in ("1", "1", "2", "3", "4", "5"):
        talk = _ready("keithley-2400", Battery(3.3), quiet, seed)
        talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 4;:SENS:CURR:PROT 1.57E-4;:SENS:CURR:RANG 1E-3;:OUTP ON")
        found.append(talk.unit.point().current_a)
        assert talk.values(":READ?")[0] == pytest.approx(3.3, abs=2.1e-3)
    assert found[0] == found[1]
    assert len(set(found)) == 5
    assert all(0.0 < abs(it - 1.57e-4) < 3.3e-6 for it in found)
    # A limit is less exact than a source, whose level lies within 0.25 uA here.
    assert max(abs(it - 1.57e-4) for it in found) > 2.5e-7


@pytest.mark.parametrize(("nplc", "most_v"), [(1.0, 4e-4), (0.1, 1.5e-3), (0.01, 1.2e-2)])
def test_short_apertures_are_noisier(nplc: float, most_v: float) -> None:
    """Readings of one voltage scatter more the shorter they integrate, and never beyond what the sheet says."""
    talk = _ready("keithley-2400", Battery(3.3), Quirks(error_scale=0.0))
    talk.tell(f":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.3;:SENS:CURR:NPLC {nplc};:OUTP ON")
    read = [talk.values(":READ?")[0] for _ in range(50)]
    assert 0.0 < max(read) - min(read) < most_v
    assert max(read) - min(read) > most_v / 20


def test_readings_are_steps_of_their_resolution() -> None:
    """On 20 V a 2400 reads in steps of 100 uV."""
    talk = _ready("keithley-2400", Battery(3.31234567), EXACT)
    talk.tell(":SOUR:FUNC CURR;:SOUR:CURR:RANG 1E-6;:SENS:VOLT:PROT 20;:SENS:VOLT:RANG 20;:OUTP ON")
    assert (talk.ask(":READ?") or "").startswith("+3.312300E+00,")


def test_2400_fetches_only_what_it_has_measured() -> None:
    """``:FETC?`` is the last reading again; before one it is -230. INIT and a trace buffer hold several."""
    talk = _ready("keithley-2400", Battery(3.3))
    assert talk.ask(":FETC?") is None
    assert talk.errors() == [-230]
    talk.tell(
        ":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.3;:OUTP ON",
        ":TRIG:COUN 3;:TRAC:POIN 3;:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT",
        ":INIT",
    )
    assert len(talk.values(":FETC?")) == 3 * 4
    assert talk.ask(":FETC?") == talk.ask(":TRAC:DATA?")
    assert talk.ask(":STAT:MEAS:COND?") == str((1 << 6) | (1 << 9))


@pytest.mark.parametrize(
    ("form", "empty", "full"),
    [
        (ErrorFormat.PLAIN, '0,"No error"', '-113,"Undefined header"'),
        (ErrorFormat.SIGNED, '+0,"No error"', '-113,"Undefined header"'),
        (ErrorFormat.FIELDS, '0,"No error;0;', '-113,"Undefined header;1;'),
    ],
)
def test_error_queue_can_be_written_in_other_ways(form: ErrorFormat, empty: str, full: str) -> None:
    """What is not known of the queue's form is a quirk."""
    talk = Talk("keithley-2450", Battery(3.3), replace(EXACT, error_format=form))
    assert (talk.ask(":SYST:ERR?") or "").startswith(empty)
    talk.ask("NONSENSE")
    assert (talk.ask(":SYST:ERR?") or "").startswith(full)


def test_current_at_the_limit_of_a_full_range_is_a_number() -> None:
    """105 uA on 100 uA are read, also a little more: readings reach 105.5 % (section 2.1)."""
    quirks = replace(EXACT, fixed_errors={("limit", "CURR"): (0.0, 3e-7)})
    talk = _ready("keithley-2400", Battery(3.3), quirks)
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 4;:OUTP ON")
    assert talk.values(":READ?")[1] == pytest.approx(105.3e-6)


def test_auto_clear_makes_a_pulse_of_each_reading() -> None:
    """Where ``*RST`` leaves it on, the output is on for each reading and off after it (section 16.7)."""
    talk = _ready("keithley-2400", Battery(3.3), replace(EXACT, reset_auto_clear=True))
    talk.tell(":SOUR:VOLT:RANG 20;:SOUR:VOLT 3.4")
    assert talk.values(":READ?")[1] > 0.0
    assert talk.ask(":OUTP?") == "0"
    assert talk.unit.stage.exposure.switched_on == 1
