"""The simulated BTS client reads step files as the reference describes them and refuses those it must not run."""

from __future__ import annotations

import pytest

from simulators.neware.schedule import Protection, RecordRules, ScheduleError, StepKind, UnitRatings
from simulators.neware.stepfile import read_schedule
from tests.transcripts import FOLDER

RATINGS = UnitRatings()
END = '<Step{n} Step_ID="{n}" Step_Type="6"/>'
REST = '<Step1 Step_ID="1" Step_Type="4"><Limit><Main><Time Value="1000"/></Main></Limit></Step1>'


def step_file(*steps: str, num: int | None = None, whole: str = "", head: str = "", declaration: str = "") -> bytes:
    """Wrap steps, without the end, into a file."""
    body = "".join(steps) + END.format(n=len(steps) + 1)
    return (
        f'<?xml version="1.0"{declaration}?><root><config type="Step File" version="17"'
        f' client_version="BTS Client 8.0.0.478(2024.06.24)(R3)"><Head_Info>{head}</Head_Info>'
        f'<Whole_Prt>{whole}</Whole_Prt><Step_Info Num="{len(steps) + 1 if num is None else num}">{body}</Step_Info>'
        "</config></root>"
    ).encode()


def cc(limits: str, kind: int = 1, extra: str = "") -> str:
    """Give step 1 with these limits."""
    return f'<Step1 Step_ID="1" Step_Type="{kind}"><Limit><Main>{limits}</Main>{extra}</Limit></Step1>'


def test_vendor_style_file_is_read_in_si_units() -> None:
    """0.1 mV, mA, ms and mAs become volts, amperes, ticks and ampere-hours (5.2)."""
    plan = read_schedule((FOLDER / "sample.xml").read_bytes(), RATINGS)
    assert [step.kind for step in plan.steps] == [
        StepKind.REST, StepKind.CC_CHARGE, StepKind.CC_DISCHARGE, StepKind.LOOP, StepKind.END,
    ]  # fmt: skip
    charge = plan.step(2)
    assert (charge.current_a, charge.stop_voltage_v, charge.duration_ticks) == (5e-4, 4.2, 36_000)
    assert charge.records == RecordRules(interval_ticks=6000)
    assert charge.protection == Protection(4.3, 2.0, 6e-4, -6e-4, None, 50)
    assert (plan.step(4).loop_start, plan.step(4).loop_count) == (2, 2)


def test_six_decimals_and_rates_are_read_as_unicycler_writes_them() -> None:
    """UC writes six decimals for everything, a Rate beside a Curr, and a MultCap in mAs (5.1, 5.2)."""
    limits = (
        '<Rate Value="0.500000"/><Curr Value="22.500000"/><Time Value="10800000.000000"/>'
        '<Stop_Volt Value="42000.000000"/>'
    )
    plan = read_schedule(step_file(cc(limits), head='<MultCap Value="162000"/>'), RATINGS)
    assert (plan.step(1).current_a, plan.step(1).duration_ticks) == (0.0225, 108_000)
    plan = read_schedule(
        step_file(cc('<Rate Value="0.5"/><Time Value="1000"/>'), head='<MultCap Value="162000"/>'), RATINGS
    )
    assert plan.step(1).current_a == pytest.approx(0.0225)


def test_sub_milliampere_currents_keep_their_decimals() -> None:
    """0.06644 mA is a current that real files contain (5.2)."""
    plan = read_schedule(step_file(cc('<Curr Value="0.06644"/><Time Value="1000"/>')), RATINGS)
    assert plan.step(1).current_a == pytest.approx(6.644e-5)


def test_step_records_and_protection_override_the_whole_file() -> None:
    """The step's record block replaces the global one, its limits replace one by one (5.3, 5.4)."""
    whole = (
        '<Protect><Main><Volt><Upper Value="43000"/><Lower Value="-10000"/></Volt><Delay Value="2000"/></Main>'
        "</Protect>"
        '<Record><Main><Time Value="10000"/></Main></Record>'
    )
    step = (
        '<Step1 Step_ID="1" Step_Type="4"><Limit><Main><Time Value="1000"/></Main></Limit>'
        '<Protect><Main><Volt><Upper Value="42500"/></Volt></Main><Aux><Temp><Upper Value="600"/></Temp></Aux>'
        "</Protect>"
        '<Record><Main><Volt Value="50"/></Main></Record></Step1>'
    )
    read = read_schedule(step_file(step, whole=whole), RATINGS).step(1)
    assert read.records == RecordRules(None, 0.005, None)
    assert read.protection == Protection(upper_voltage_v=4.25, lower_voltage_v=-1.0, delay_ticks=20)


def test_records_default_to_one_second() -> None:
    """A schedule that defines none records every second (1.2)."""
    assert read_schedule(step_file(REST), RATINGS).step(1).records == RecordRules(10)


def test_vendor_encoding_is_read() -> None:
    """Files that declare GB2312 may hold Chinese names (5.1)."""
    data = step_file(REST, head='<Remark Value="NAME"/>', declaration=' encoding="GB2312"')
    assert read_schedule(data.replace(b"NAME", "\u7535\u6c60".encode("gb2312")), RATINGS).remark == "\u7535\u6c60"


BAD = {
    "empty": b"",
    "not XML": b"rest 10 min",
    "cut off": step_file(REST)[:-20],
    "another root": b'<?xml version="1.0"?><roots/>',
    "not a step file": step_file(REST).replace(b"Step File", b"Shopping List"),
    "not of BTS Client": step_file(REST).replace(b"BTS Client", b"Notepad"),
    "wrong Num": step_file(REST, num=3),
    "no end": step_file(REST).replace(b'Step_Type="6"', b'Step_Type="4"'),
    "unknown type": step_file(cc('<Time Value="1000"/>', kind=99)),
    "type this unit does not run": step_file(cc('<Time Value="1000"/>', kind=25)),
    "wrong Step_ID": step_file(REST.replace('Step_ID="1"', 'Step_ID="2"')),
    "no end condition": step_file(cc('<Curr Value="1"/>')),
    "no current": step_file(cc('<Time Value="1000"/>')),
    "no voltage": step_file(cc('<Curr Value="1"/><Time Value="1000"/>', kind=7)),
    "negative current": step_file(cc('<Curr Value="-1"/><Time Value="1000"/>')),
    "current above the top range": step_file(cc('<Curr Value="101"/><Time Value="1000"/>')),
    "current below all ranges": step_file(cc('<Curr Value="0.00001"/><Time Value="1000"/>')),
    "voltage above full scale": step_file(cc('<Curr Value="1"/><Stop_Volt Value="50001"/>')),
    "infinite": step_file(cc('<Curr Value="1"/><Time Value="inf"/>')),
    "not a number": step_file(cc('<Curr Value="1"/><Time Value="1 h"/>')),
    "no time at all": step_file(cc('<Time Value="0"/>', kind=4)),
    "more than a year": step_file(cc('<Time Value="31536000100"/>', kind=4)),
    "above its pinned range": step_file(
        cc('<Curr Value="5"/><Time Value="1000"/>', extra='<Other><Step_Range Value="1"/></Other>')
    ),
    "too many steps": step_file(
        *(REST.replace("Step1", f"Step{n}").replace('Step_ID="1"', f'Step_ID="{n}"') for n in range(1, 255))
    ),
    "a document type": step_file(REST).replace(b"<root>", b'<!DOCTYPE root [<!ENTITY a "b">]><root>'),
    "wrong bytes for its encoding": step_file(REST, head='<Remark Value="NAME"/>').replace(b"NAME", b"\xff\xfe"),
    "unknown encoding": step_file(REST, declaration=' encoding="klingon"'),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_a_bad_step_file_is_refused(data: bytes) -> None:
    """Whatever BTS would answer with ``false`` is one error here, never a crash (5.8)."""
    with pytest.raises(ScheduleError):
        read_schedule(data, RATINGS)


def test_the_greatest_number_of_steps_is_accepted() -> None:
    """253 steps and an end are 254 (1.2)."""
    steps = (REST.replace("Step1", f"Step{n}").replace('Step_ID="1"', f'Step_ID="{n}"') for n in range(1, 254))
    assert len(read_schedule(step_file(*steps), RATINGS).steps) == 254


def test_negative_limits_are_accepted() -> None:
    """Negative voltages occur in real files of this hardware generation (1.3)."""
    limits = '<Curr Value="0.5"/><Time Value="1000"/><Stop_Volt Value="-4000"/>'
    assert read_schedule(step_file(cc(limits, kind=2)), RATINGS).step(1).stop_voltage_v == -0.4
