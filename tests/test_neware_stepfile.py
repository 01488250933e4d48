"""The step file: golden bytes, round trip, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import CannotRun, NotConfirmed
from drivers.neware import stepfile
from protocols.current_sign import Direction
from protocols.program import (
    CcCv,
    Ceiling,
    ConstantCurrent,
    ConstantVoltage,
    CyclingSegment,
    Limits,
    Loop,
    Record,
    Rest,
    Step,
    Until,
    VoltageBand,
)

LIMITS = Limits(VoltageBand(-0.55, 0.55), VoltageBand(-0.6, 0.6), VoltageBand(-1, 1), 0.00052, 0.0006, 0.0007)
APPENDIX_A = CyclingSegment(
    steps=(
        Rest(Until(time_s=600)),
        ConstantCurrent(0.0005, Until(time_s=3600, voltage_v=0.4)),
        ConstantCurrent(-0.0005, Until(time_s=3600, voltage_v=-0.4)),
        Loop(2, 10),
    ),
    record=Record(every_s=10, voltage_change_v=0.005),
    limits=replace(LIMITS, tester=VoltageBand(-0.5, 0.5)),
)

amps = st.integers(1, 10**8).map(lambda n: n / 1e9)
volts = st.integers(-50000, 50000).map(lambda n: n / 1e4)
times = st.integers(1, 10**9).map(lambda n: n / 1e3)
charges = st.integers(1, 10**9).map(lambda n: n / 1e6 / 3.6e6)
records = st.builds(Record, st.none() | times, st.none() | volts.filter(lambda v: v > 0), st.none() | amps)
untils = st.builds(Until, st.none() | times, st.none() | volts, st.none() | amps, st.none() | charges)
ceilings = st.builds(Ceiling, st.none() | times, st.none() | charges)
signed = st.tuples(amps, st.sampled_from([-1, 1])).map(lambda pair: pair[0] * pair[1])
overrides = st.none() | records
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Rest, st.builds(Until, times), overrides),
    st.builds(ConstantCurrent, signed, untils, ceilings, overrides),
    st.builds(CcCv, signed, volts, untils, ceilings, overrides),
    st.builds(ConstantVoltage, st.sampled_from(Direction), volts, untils, st.none() | amps, ceilings, overrides),
    st.builds(Loop, st.integers(1, 5), st.integers(1, 65535)),
)
segments = st.builds(CyclingSegment, st.lists(steps, min_size=1, max_size=30).map(tuple), records, st.just(LIMITS))


def test_appendix_a_gives_its_numbers() -> None:
    """The composed schedule of the reference comes out with the values printed there."""
    text = stepfile.write(APPENDIX_A, "sym_01", 1767603600.0).decode()
    lines = [line.strip() for line in text.split("\r\n")]
    for expected in (
        '<Step_Info Num="5">',
        '<Step1 Step_ID="1" Step_Type="4">',
        '<Time Value="600000" />',
        '<Curr Value="0.5" />',
        '<Time Value="3600000" />',
        '<Stop_Volt Value="4000" />',
        '<Stop_Volt Value="-4000" />',
        '<Start_Step Value="2" />',
        '<Cycle_Count Value="10" />',
        '<Step5 Step_ID="5" Step_Type="6" />',
        '<Upper Value="5000" />',
        '<Lower Value="-5000" />',
        '<Upper Value="0.6" />',
        '<Lower Value="-0.6" />',
        '<Delay_Time Value="5000" />',
        '<Volt Value="50" />',
        '<RateType Value="103" />',
        '<Scale Value="1" />',
    ):
        assert expected in lines, expected
    assert 'date="20260105090000"' in text


def test_golden_file_does_not_change(pytestconfig: pytest.Config) -> None:
    """The whole file, byte for byte, so that a change of layout is seen before an instrument sees it."""
    golden = Path(pytestconfig.rootpath) / "tests" / "golden" / "appendix_a.xml"
    assert stepfile.write(APPENDIX_A, "sym_01", 1767603600.0) == golden.read_bytes()


@given(segments)
def test_any_segment_reads_back_as_intended(segment: CyclingSegment) -> None:
    """Writer and reader agree on every step, end condition, record rule and limit."""
    assert stepfile.differences(segment, stepfile.write(segment, "x", 0.0)) == []


def test_ceilings_become_end_conditions_of_the_tester() -> None:
    """The lower of an end condition and its ceiling is what the tester gets."""
    step = ConstantCurrent(0.001, Until(voltage_v=0.5, capacity_ah=0.002), Ceiling(100.0, 0.001))
    found = stepfile.intended(replace(APPENDIX_A, steps=(step,))).steps[0]
    assert found == ConstantCurrent(0.001, Until(time_s=100.0, voltage_v=0.5, capacity_ah=0.001))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'<Curr Value="0.5" />', b'<Curr Value="500" />'),
        (b'<Stop_Volt Value="-4000" />', b'<Stop_Volt Value="4000" />'),
        (b'<Time Value="3600000" />', b'<Time Value="3600" />'),
        (b'<Cycle_Count Value="10" />', b'<Cycle_Count Value="11" />'),
        (b'<Upper Value="5000" />', b'<Upper Value="50000" />'),
        (b'<Stop_Volt Value="4000" />', b""),
        (b'Step_Type="2"', b'Step_Type="1"'),
        (b'<Delay_Time Value="5000" />', b'<Delay_Time Value="50000" />'),
    ],
)
def test_any_slip_in_a_file_is_told(old: bytes, new: bytes) -> None:
    """A thousandfold current, a turned sign, a lost cutoff: the comparison names a difference (faults B08)."""
    data = stepfile.write(APPENDIX_A, "x", 0.0)
    assert old in data
    assert stepfile.differences(APPENDIX_A, data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</root>", b""),
        (b'Num="5"', b'Num="4"'),
        (b'Step_Type="6"', b'Step_Type="4"'),
        (b"Step2", b"Step7"),
        (b'Value="0.5"', b'Value="nan"'),
        (b'Value="0.5"', b'Value="half"'),
        (b'Step_Type="2"', b'Step_Type="17"'),
        (b'<?xml version="1.0"?>', b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>'),
    ],
)
def test_a_file_that_cannot_be_carried_out_is_refused(old: bytes, new: bytes) -> None:
    """Broken XML, wrong counts, no end, numbers that are none and unknown steps never pass."""
    data = stepfile.write(APPENDIX_A, "x", 0.0)
    changed = data.replace(old, new)
    assert changed != data
    with pytest.raises(NotConfirmed):
        stepfile.read(changed)


def test_more_steps_than_a_file_holds_are_refused() -> None:
    """254 steps is the limit, with the end."""
    with pytest.raises(CannotRun, match="255"):
        stepfile.write(replace(APPENDIX_A, steps=(Rest(Until(time_s=1)),) * 254), "x", 0.0)


def test_label_outside_ascii_is_refused() -> None:
    """BTS mixes up encodings, so such a label never reaches a file."""
    with pytest.raises(CannotRun, match="ASCII"):
        stepfile.write(APPENDIX_A, "Zelle-ä", 0.0)


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32)))
def test_any_label_stays_a_label(label: str) -> None:
    """Markup in a label is escaped: the file still says exactly what was intended (security S08)."""
    assert stepfile.differences(APPENDIX_A, stepfile.write(APPENDIX_A, label, 0.0)) == []


@pytest.mark.parametrize(
    "step",
    [
        ConstantCurrent(0.001, Until(time_s=1e-12, voltage_v=0.4)),
        ConstantCurrent(0.001, Until(voltage_v=0.4), Ceiling(time_s=1e-12)),
        ConstantCurrent(0.001, Until(voltage_v=0.4, capacity_ah=1e-15)),
        ConstantCurrent(0.001, Until(voltage_v=1e-12)),
        ConstantCurrent(1e-12, Until(time_s=10.0)),
        CcCv(0.001, 0.4, Until(current_a=1e-12)),
        Rest(Until(time_s=1e-12)),
        Rest(Until(time_s=10.0), Record(every_s=1e-12)),
        Rest(Until(time_s=10.0), Record(voltage_change_v=1e-12)),
    ],
)
def test_a_value_that_the_file_rounds_to_nothing_is_told(step: Step) -> None:
    """What comes out as 0, which the tester reads as no end, is not what was intended: never told as equal."""
    segment = replace(APPENDIX_A, steps=(step,))
    assert stepfile.differences(segment, stepfile.write(segment, "x", 0.0))


@pytest.mark.parametrize(
    "step",
    [
        ConstantCurrent(0.001, Until(time_s=0.0, voltage_v=0.4)),
        ConstantCurrent(0.001, Until(voltage_v=0.4, capacity_ah=0.0)),
        CcCv(0.001, 0.4, Until(time_s=60.0, current_a=0.0)),
        Rest(Until(time_s=10.0), Record(every_s=0.0)),
    ],
)
def test_an_end_that_the_program_itself_has_as_zero_is_told(step: Step) -> None:
    """The file says what was written, and the tester would still know no such end: never told as equal."""
    segment = replace(APPENDIX_A, steps=(step,))
    assert stepfile.differences(segment, stepfile.write(segment, "x", 0.0))


def test_a_zero_in_a_file_is_no_end() -> None:
    """An end of 0 ms, 0 mAs or 0 mA that somebody wrote is read as what the tester makes of it: none."""
    segment = replace(APPENDIX_A, steps=(CcCv(0.001, 0.4, Until(time_s=60.0, current_a=0.0002, capacity_ah=0.001)),))
    text = stepfile.write(segment, "x", 0.0)
    for tag in (b'<Time Value="60000" />', b'<Stop_Curr Value="0.2" />', b'<Cap Value="3600" />'):
        assert tag in text
        spoiled = text.replace(tag, tag.partition(b"=")[0] + b'="0" />')
        assert stepfile.differences(segment, spoiled), tag


def test_a_charge_a_tenth_off_is_told() -> None:
    """Small charges are compared as finely as the file holds them: 1e-10 Ah is not 1.1e-10 Ah."""
    small, other = (
        replace(APPENDIX_A, steps=(ConstantCurrent(1e-6, Until(capacity_ah=ah)),)) for ah in (1e-10, 1.1e-10)
    )
    assert stepfile.differences(small, stepfile.write(other, "x", 0.0))
