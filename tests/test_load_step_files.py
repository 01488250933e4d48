"""Constant power and constant resistance in step files: written and read back in the tester's own units, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import CannotRun, NotConfirmed
from drivers.neware import stepfile
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.stepfile import Dialect, FileQuantity
from drivers.smu import SmuSettings
from orchestrator.bench.simulated import simulated_bench
from protocols.current_sign import Direction
from protocols.program import CyclingSegment, Program
from protocols.program_steps import ConstantPower, ConstantResistance, Until
from simulators.neware.schedule import ScheduleError, StepKind, UnitRatings
from simulators.neware.settings import Quirks
from simulators.neware.stepfile import read_schedule
from tests.load_steps import CHARGE, DIALECT, DISCHARGE, RESISTOR, program

ENDS = st.builds(Until, st.none() | st.floats(1.0, 1e5), st.floats(0.1, 5.0).map(lambda volts: round(volts, 4)))
STEPS = st.one_of(
    st.builds(ConstantPower, st.sampled_from(Direction), st.floats(1e-5, 10.0), ENDS),
    st.builds(ConstantResistance, st.floats(1.0, 1e7), ENDS),
)


def segment() -> CyclingSegment:
    """Give a charge, a discharge and a resistor."""
    return program(CHARGE, DISCHARGE, RESISTOR).cycling[0]


@given(st.lists(STEPS, min_size=1, max_size=5).map(tuple), st.sampled_from((1.0, 1e3, 1e4)))
def test_any_load_reads_back_as_intended(steps: tuple[ConstantPower | ConstantResistance, ...], per_si: float) -> None:
    """Writer and reader agree in whatever unit the file has, and a tenth more is told."""
    dialect = replace(DIALECT, power=FileQuantity("P", per_si), resistance=FileQuantity("R", per_si))
    wanted = replace(segment(), steps=steps)
    assert stepfile.differences(wanted, stepfile.write(wanted, "x", 0.0, dialect), dialect) == []
    (first, *others) = steps
    more = (
        replace(first, power_w=1.1 * first.power_w)
        if isinstance(first, ConstantPower)
        else replace(first, resistance_ohm=1.1 * first.resistance_ohm)
    )
    wrong = stepfile.write(replace(wanted, steps=(more, *others)), "x", 0.0, dialect)
    assert stepfile.differences(wanted, wrong, dialect)


def test_simulated_client_reads_what_the_driver_writes() -> None:
    """Two readings of the reference meet at the bytes: mW and mOhm, types 9, 8 and 10, no current beside them."""
    found = read_schedule(stepfile.write(segment(), "x", 0.0, DIALECT), UnitRatings()).steps
    assert [step.kind for step in found[:3]] == [StepKind.CP_CHARGE, StepKind.CP_DISCHARGE, StepKind.CR_DISCHARGE]
    loads = [step.load for step in found[:3]]
    assert [load and (load.power_w, load.resistance_ohm) for load in loads] == [
        (pytest.approx(5e-4), None), (pytest.approx(1.1e-4), None), (None, pytest.approx(1e4)),
    ]  # fmt: skip
    assert [step.current_a for step in found] == [None] * 4


@pytest.mark.parametrize("quirks", [Quirks(power_tag="Pow"), Quirks(resistance_tag="Res")])
def test_step_without_its_load_is_not_run(quirks: Quirks) -> None:
    """A client that knows the tag by another name finds none, and drives nothing."""
    with pytest.raises(ScheduleError, match=r"no (power|resistance)"):
        read_schedule(stepfile.write(segment(), "x", 0.0, DIALECT), UnitRatings(), quirks)


def test_unknown_units_are_neither_written_nor_read() -> None:
    """Without the settings there is no file, and one that somebody else has written is not taken for ours."""
    with pytest.raises(CannotRun, match="how a step file writes a power is not known"):
        stepfile.write(segment(), "x", 0.0, Dialect())
    with pytest.raises(NotConfirmed, match="whose unit there is not known"):
        stepfile.read(stepfile.write(segment(), "x", 0.0, DIALECT))


def _neware(power_per_w: float | None = None, resistance_per_ohm: float | None = None) -> NewareSettings:
    return NewareSettings(
        step_files=Path(),
        step_files_on_bts_pc="",
        units=(UnitSettings(devid=21, subdevid=1),),
        power_per_w=power_per_w,
        resistance_per_ohm=resistance_per_ohm,
    )


def test_tester_refuses_until_its_units_are_set() -> None:
    """The reference is not sure of them: the sentence says how to find out, and names the settings."""
    powers, resistor = program(CHARGE, DISCHARGE), program(RESISTOR)
    told = " ".join(_neware().problems("21-1-1", powers))
    assert "constant power, which this channel does not pass" in told
    assert "set power_tag and power_per_w" in told
    assert _neware(power_per_w=1e3).problems("21-1-1", powers) == []
    assert "resistance_per_ohm" in " ".join(_neware(power_per_w=1e3).problems("21-1-1", resistor))
    assert _neware(resistance_per_ohm=1e3).problems("21-1-1", resistor) == []


def test_source_meter_refuses_a_load() -> None:
    """It would follow the voltage only while this computer reckons, and go on constant behind a hang."""
    bench = simulated_bench()
    smu = next(tester for tester in bench.tester if isinstance(tester, SmuSettings))
    channel = smu.channel_names()[0]
    for steps in ((CHARGE,), (RESISTOR,)):
        whole: Program = program(*steps)
        assert "which this channel does not pass" in " ".join(smu.problems(channel, whole))
        assert "only while this computer reckons it" in " ".join(smu.segment_problems(channel, whole.cycling[0]))
