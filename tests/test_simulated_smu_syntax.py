"""What the parser of a simulated source meter takes (reference smu-and-ovens, sections 5, 8 and 11)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.smu.command_tree import CommandTree
from tests.smu_talk import READY, Battery, Talk

MODELS = sorted(READY)


@pytest.fixture
def talk() -> Talk:
    """Return a 2400 after its reset."""
    talk = Talk("keithley-2400", Battery(3.3))
    talk.tell("*RST;*CLS")
    return talk


@pytest.mark.parametrize(
    "line",
    [
        ":SENS:CURR:PROT 2E-3;:SENS:CURR:PROT?",
        "sense1:current:dc:protection:level 2e-3;:curr:prot?",
        ":SENSe:CURRent:PROTection .002;PROTection?",
        ":CURR:PROT +2.0E-03;:*OPC?;PROT?",
        ":SENS:CURR:RANG:AUTO ON;:SENS:CURR:PROT 2E-3;:SENS:CURR:PROT?",
    ],
)
def test_one_setting_has_many_spellings(talk: Talk, line: str) -> None:
    """Short and long words, any case, optional words left out, the path kept after a semicolon and by star commands."""
    answer = talk.ask(line)
    assert answer is not None
    assert answer.endswith("2.000000E-03")
    assert not talk.errors()


@pytest.mark.parametrize(
    "header", [":CURRE:PROT?", ":SENS:CUR:PROT?", ":SENS2:CURR:PROT?", ":SOUR:VOLT:LEVE?", "VOLT:"]
)
def test_neither_short_nor_long_is_an_undefined_header(talk: Talk, header: str) -> None:
    """A word between its two forms, or with another number, is -113 and has no answer."""
    assert talk.ask(header) is None
    assert talk.errors() == [-113]


def test_path_is_kept_after_a_semicolon_and_ends_at_a_colon(talk: Talk) -> None:
    """``:SOUR:VOLT:RANG 20;LEV 3`` is one branch; the same word from the root is not."""
    talk.tell(":SOUR:VOLT:RANG 20;LEV 3")
    assert talk.ask(":SOUR:VOLT?") == "3.000000E+00"
    assert talk.ask(":SOUR:VOLT:RANG 20;:LEV 3") is None
    assert talk.errors() == [-113]


def test_answers_of_one_line_come_in_one_line(talk: Talk) -> None:
    """Several queries are joined by semicolons, writes between them say nothing."""
    answer = talk.ask(":SOUR:FUNC?;:SOUR:VOLT 1;:SOUR:VOLT?;*OPC?;:SYST:ERR?")
    assert answer == 'VOLT;1.000000E+00;1;0,"No error"'


def test_rest_of_a_line_behind_a_syntax_error_is_ignored(talk: Talk) -> None:
    """A command error ends the line; an execution error does not."""
    talk.ask(":SOUR:VOLT 1;:NONSENSE 2;:SOUR:VOLT 3")
    talk.ask(":SOUR:VOLT 1000;:SENS:CURR:PROT 5E-5")
    assert talk.ask(":SOUR:VOLT?;:SENS:CURR:PROT?") == "1.000000E+00;5.000000E-05"
    assert talk.errors() == [-113, -222]


def test_both_quotes_and_a_semicolon_in_them_are_texts(talk: Talk) -> None:
    """A display text keeps its semicolon, and function names may stand in either kind of quotes."""
    talk.tell(":DISP:TEXT 'run; 3'", ":SENS:FUNC 'VOLT:DC',\"CURR\"")
    assert talk.ask(":SENS:FUNC?") == '"VOLT:DC","CURR:DC"'


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("value", ["1E9", "-1e9"])
def test_value_out_of_range_keeps_the_old_one(model: str, value: str) -> None:
    """-222, and nothing has changed (section 1.8)."""
    talk = Talk(model, Battery(3.3))
    talk.tell(*READY[model], ":SOUR:VOLT 2")
    before = talk.values(":SOUR:VOLT?")
    assert talk.ask(f":SOUR:VOLT {value}") is None
    assert talk.errors() == [-222]
    assert talk.values(":SOUR:VOLT?") == before == [2.0]


@pytest.mark.parametrize(("word", "expected"), [("MIN", 1e-9), ("MAX", 1.05), ("DEF", 1.05e-4), ("maximum", 1.05)])
def test_bounds_can_be_asked_for_and_set(talk: Talk, word: str, expected: float) -> None:
    """MIN, MAX and DEF stand in a query and in the place of a number."""
    assert talk.values(f":SENS:CURR:PROT? {word}") == [pytest.approx(expected)]
    talk.tell(f":SENS:CURR:PROT {word}")
    assert talk.values(":SENS:CURR:PROT?") == [pytest.approx(expected)]


def test_ranges_go_up_and_down(talk: Talk) -> None:
    """UP and DOWN choose the next range, answered with the 5 % beyond its name (section 2.1)."""
    talk.tell(":SENS:CURR:PROT 1E-2", ":SENS:CURR:RANG 1E-4", ":SENS:CURR:RANG UP")
    assert talk.ask(":SENS:CURR:RANG?") == "1.050000E-03"
    talk.tell(":SENS:CURR:RANG DOWN")
    assert talk.ask(":SENS:CURR:RANG?;:SENS:CURR:RANG:AUTO?") == "1.050000E-04;0"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (":SOUR:VOLT", -109),
        (":SOUR:VOLT ABC", -104),
        (":SOUR:VOLT 1,2", -108),
        (":OUTP:SMOD OPEN", -224),
        (":SENS:FUNC VOLT", -104),
        ("*IDN", -113),
        (":SENS:CURR:PROT:TRIP 1", -113),
        (":SOUR:VOLT nan", -104),
        (":SOUR:VOLT 1_0", -102),
    ],
)
def test_wrong_lines_have_their_own_numbers(talk: Talk, line: str, error: int) -> None:
    """Missing, wrong and superfluous values and forms that there are not are told apart."""
    assert talk.ask(line) is None
    assert talk.errors() == [error]


def test_error_queue_holds_ten_and_ends_with_its_overflow(talk: Talk) -> None:
    """The eleventh error makes the last entry -350; the count says ten."""
    for _ in range(12):
        talk.ask("NONSENSE")
    assert talk.ask(":SYST:ERR:COUN?") == "10"
    answers = [talk.ask(":SYST:ERR?") for _ in range(11)]
    assert answers == ['-113,"Undefined header"'] * 9 + ['-350,"Queue overflow"', '0,"No error"']


def test_power_on_is_told_once() -> None:
    """Bit 7 of the standard events is set by power alone, and reading clears it."""
    talk = Talk("keithley-2400", Battery(3.3))
    assert talk.ask("*ESR?;*ESR?") == "128;0"
    talk.ask("NONSENSE;*OPC")
    talk.ask(":SOUR:VOLT 999;*OPC")
    assert talk.ask("*ESR?") == str(32 + 16 + 1)


def test_status_byte_sums_up_what_is_enabled(talk: Talk) -> None:
    """Errors are bit 2; standard events bit 5 when enabled, and bit 6 when that asks for service."""
    talk.ask("*ESR?;*ESE 32;*SRE 32")
    assert talk.ask("*STB?") == "0"
    talk.ask("NONSENSE")
    assert talk.ask("*STB?") == str(4 + 32 + 64)
    talk.tell("*CLS")
    assert talk.ask("*STB?;*ESE?") == "0;32"


def test_2400_accepts_a_colon_before_a_star(talk: Talk) -> None:
    """``*RST;:stat:pres;:*CLS`` is what a public driver sends."""
    talk.ask("NONSENSE")
    talk.tell("*CLS", "*RST;:stat:pres;:*CLS")


def test_2400_commands_are_no_commands_of_a_2450() -> None:
    """The commands in which the two differ are undefined headers on a 2450 (section 16)."""
    talk = Talk("keithley-2450", Battery(3.3))
    for line in (":FORM:ELEM VOLT", ":SENS:CURR:PROT 1E-3", ":SYST:RSEN ON", ":SYST:AZER OFF", ":TRAC:FEED SENS"):
        assert talk.ask(line) is None
        assert talk.errors() == [-113], line


def test_one_spelling_names_one_command() -> None:
    """Two commands whose headers can be written alike are a mistake in a table."""
    with pytest.raises(ValueError, match="two commands"):
        CommandTree({":OUTPut[:STATe]": 1, ":OUTPut": 2})


_ARGUMENTS = (
    "", "1", "-1E-3", "1e99", "nan", "INF", "MIN", "UP", "ON", "VOLT", '"VOLT","CURR"', '"defbuffer1", READ', "1,2",
    "'", ",,", "#HFF", "é", "BUS", "REAL,32", "TSP", "SAV0", "PROT20", "NONE", "24",
)  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=25)
@given(data=st.data())
def test_no_line_breaks_a_unit(model: str, data: st.DataObject) -> None:
    """Whatever is written behind any header, and whatever else is sent, ends in an answer, silence or an error."""
    talk = Talk(model, Battery(3.3))
    headers = sorted(re.sub(r"\[[^\]]*\]\]?|[a-z]", "", header) for header in talk.instrument.headers)
    unit = st.tuples(st.sampled_from(headers), st.sampled_from(["", "?"]), st.sampled_from(_ARGUMENTS))
    line = st.one_of(unit.map(lambda it: f"{it[0]}{it[1]} {it[2]}"), st.text(max_size=20))
    for text in data.draw(st.lists(line, max_size=15)):
        steps = talk.instrument.run(text)
        answer = None
        try:
            for _ in range(20):
                talk.now_s += min(next(steps), 10.0)
        except StopIteration as end:
            answer = end.value
        assert answer is None or answer.isascii()
    assert len(talk.unit.status.errors) <= 10
