"""What a simulated source meter does to a cell (reference smu-and-ovens, sections 1, 3, 8 and 9)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from simulators.cells import load_cell
from simulators.smu.settings import OpenSense
from tests.smu_talk import EXACT, READY, Battery, Capacitor, Talk

MODELS = sorted(READY)
_LIMIT = {
    "keithley-2400": ":SENS:CURR:PROT",
    "keithley-2450": ":SOUR:VOLT:ILIM",
    "keithley-2460": ":SOUR:VOLT:ILIM",
    "keysight-b2901a": ":SENS:CURR:PROT",
}
_VOLTAGE_LIMIT = {
    "keithley-2400": ":SENS:VOLT:PROT",
    "keithley-2450": ":SOUR:CURR:VLIM",
    "keithley-2460": ":SOUR:CURR:VLIM",
    "keysight-b2901a": ":SENS:VOLT:PROT",
}


def _function(model: str, word: str) -> str:
    return f":SOUR:FUNC:MODE {word}" if model.startswith("keysight") else f":SOUR:FUNC {word}"


def _holding(model: str, cell: Battery, volts: float, amps: float) -> Talk:
    """Return a unit that holds a voltage at a cell, with a limit of current."""
    talk = Talk(model, cell)
    talk.tell(*READY[model], _function(model, "VOLT"), ":SOUR:VOLT:RANG 20", f"{_LIMIT[model]} {amps}")
    talk.tell(f":SOUR:VOLT {volts}", ":OUTP ON")
    return talk


def _passing(model: str, cell: Battery, amps: float, volts: float) -> Talk:
    """Return a unit that passes a current through a cell, with a limit of voltage."""
    talk = Talk(model, cell)
    talk.tell(*READY[model], _function(model, "CURR"), f":SOUR:CURR:RANG {max(abs(amps), 1e-3)}")
    talk.tell(f"{_VOLTAGE_LIMIT[model]} {volts}", f":SOUR:CURR {amps}", ":OUTP ON")
    return talk


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("level", "current_a"), [(4.0, 1e-3), (3.0, -1e-3), (3.305, 5e-4), (3.295, -5e-4)])
def test_voltage_source_limits_the_current_in_both_directions(model: str, level: float, current_a: float) -> None:
    """Beyond the limit the current is the limit, charging and discharging; within it, the cell's own."""
    talk = _holding(model, Battery(3.3), level, 1e-3)
    point = talk.unit.point()
    assert point.current_a == pytest.approx(current_a, rel=1e-9)
    assert point.at_limit is (abs(current_a) == 1e-3)
    assert talk.ask(f"{_LIMIT[model]}:TRIP?") == ("1" if point.at_limit else "0")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("amps", [2e-3, -2e-3])
def test_current_source_passes_its_current_within_its_voltage_limit(model: str, amps: float) -> None:
    """Within the limit the current is what was set, whatever its sign, and the voltage is the cell's."""
    point = _passing(model, Battery(0.02), amps, 1.0).unit.point()
    assert point.current_a == pytest.approx(amps)
    assert point.voltage_v == pytest.approx(0.02 + 10 * amps)
    assert not point.at_limit


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("emf_v", [3.7, -3.7])
def test_limit_below_the_cell_draws_excess_current(model: str, emf_v: float) -> None:
    """A current source of 1 uA whose voltage limit lies below the cell sinks 105 mA, of either sign (section 1.2)."""
    point = _passing(model, Battery(emf_v), 1e-6, 1.0).unit.point()
    assert point.current_a == pytest.approx(math.copysign(0.105, -emf_v))
    assert point.at_limit


def test_limit_below_a_resistive_cell_holds_the_limit() -> None:
    """Where the cell's own resistance leaves less than the envelope, the output stands at the limit."""
    point = _passing("keithley-2400", Battery(3.7, 100.0), 1e-6, 1.0).unit.point()
    assert point.voltage_v == pytest.approx(1.0)
    assert point.current_a == pytest.approx(-0.027)


@pytest.mark.parametrize("model", MODELS)
def test_lost_cell_drives_the_output_to_its_level_or_limit(model: str) -> None:
    """A V-source stays at its level without current; an I-source rises to its limit (section 3)."""
    holding, passing = _holding(model, Battery(3.3), 4.0, 1e-3), _passing(model, Battery(0.0), 1e-3, 2.0)
    for talk in (holding, passing):
        talk.unit.stage.touch(lambda leads: leads.pull_out())
    assert holding.unit.point().voltage_v == pytest.approx(4.0)
    assert holding.unit.point().current_a == pytest.approx(0.0, abs=1e-8)
    assert passing.unit.point().voltage_v == pytest.approx(2.0)
    assert passing.unit.point().at_limit


def test_constant_current_goes_over_into_constant_voltage() -> None:
    """A charge at the limit ends in a hold whose current falls, at the moment at which the cell gets there."""
    cell = Capacitor(3.0, ohm=10.0, farad=10.0)
    talk = _holding("keithley-2400", cell, 3.5, 1e-2)
    # The cell's own voltage is 3.4 V when it is at 3.5 V under 10 mA: after 0.4 V * 10 F / 10 mA.
    talk.wait(399.0)
    assert talk.unit.point().at_limit
    talk.wait(2.0)
    assert not talk.unit.point().at_limit
    talk.wait(100.0)
    # One time constant of 10 ohm and 10 F later the current is a 1/e part.
    assert talk.unit.point().current_a == pytest.approx(1e-2 / math.e, rel=0.02)
    unseen = _holding("keithley-2400", Capacitor(3.0, ohm=10.0, farad=10.0), 3.5, 1e-2)
    unseen.wait(501.0)
    assert unseen.unit.stage.exposure.charge_c == pytest.approx(talk.unit.stage.exposure.charge_c, rel=1e-3)
    assert unseen.unit.stage.exposure.highest_v == pytest.approx(3.5, abs=1e-5)


def test_when_somebody_looks_changes_nothing() -> None:
    """A cell that is looked at 200 times is where one is that nobody looks at, within a thousandth."""
    ends = []
    for looks in (1, 200):
        talk = Talk("keithley-2450", load_cell("coated-lfp", seed=3))
        talk.tell(*READY["keithley-2450"], ":SOUR:VOLT:RANG 20;ILIM 2E-4;LEV 3.6", ":OUTP ON")
        for _ in range(looks):
            talk.wait(7200.0 / looks)
            talk.unit.point()
        ends.append(talk.unit.stage.exposure.charge_c)
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)


@pytest.mark.parametrize(
    ("model", "state", "current_a"),
    [
        ("keithley-2400", "HIMP", 0.0),
        ("keithley-2400", "NORM", -0.005 * 0.1),
        ("keithley-2400", "ZERO", -0.1),
        ("keithley-2400", "GUAR", -0.105),
        ("keithley-2450", "HIMP", 0.0),
        ("keithley-2450", "NORM", -0.1 * 0.1),
        ("keithley-2450", "ZERO", -0.1),
    ],
)
def test_off_states_act_on_the_cell(model: str, state: str, current_a: float) -> None:
    """With a limit of 100 mA an off output in NORMal, ZERO and GUARd drains the cell; high impedance does not."""
    cell = Battery(3.3)
    talk = _holding(model, cell, 3.3, 0.1)
    talk.tell(f":OUTP:SMOD {state}", ":OUTP OFF")
    before_c = cell.charge_c
    talk.wait(10.0)
    assert cell.charge_c - before_c == pytest.approx(10.0 * current_a, abs=1e-9)
    assert talk.ask(":OUTP?") == "0"


def test_reset_drains_a_cell_though_it_was_high_impedance() -> None:
    """``*RST`` brings NORMal back (section 6)."""
    talk = _holding("keithley-2400", Battery(3.3), 3.3, 1e-3)
    talk.tell(":OUTP OFF")
    assert talk.unit.point().current_a == 0.0
    talk.tell("*RST")
    assert talk.unit.point().current_a == pytest.approx(-0.005 * 100e-6)


@pytest.mark.parametrize("state", ["NORM", "HIZ"])
def test_b2901a_pulls_for_a_moment_when_it_goes_off(state: str) -> None:
    """NORMal is 0 V at 100 uA for a millisecond before the relay opens; HIZ pulls at nothing."""
    cell = Battery(3.3)
    talk = _holding("keysight-b2901a", cell, 3.3, 1e-3)
    talk.tell(f":OUTP:OFF:MODE {state}", ":OUTP OFF")
    assert cell.charge_c == pytest.approx(-1e-7 if state == "NORM" else 0.0, abs=1e-12)
    talk.wait(10.0)
    assert cell.charge_c == pytest.approx(-1e-7 if state == "NORM" else 0.0, abs=1e-12)


def test_b2901a_output_protection_ends_at_the_limit_with_a_pull_to_zero() -> None:
    """The output goes off at the limit by itself, also while nobody looks, and pulls whatever the off state says."""
    cell = Capacitor(3.0)
    talk = Talk("keysight-b2901a", cell)
    talk.tell(*READY["keysight-b2901a"], ":SOUR:FUNC:MODE CURR;:SOUR:CURR:RANG 1E-3;:SENS:VOLT:PROT 3.2")
    talk.tell(":OUTP:PROT ON;:SOUR:CURR 1E-3;:OUTP ON")
    talk.wait(3600.0)
    assert talk.ask(":OUTP?") == "0"
    # (3.2 - 0.01 - 3.0) V * 10 F have gone in, and 1 ms of 100 uA out.
    assert cell.charge_c == pytest.approx(1.9, rel=1e-3)
    assert talk.unit.stage.exposure.lowest_a == pytest.approx(-1e-4)


def test_b2901a_limits_each_side_on_its_own() -> None:
    """``:POS`` and ``:NEG`` set one side of the limit each."""
    talk = _holding("keysight-b2901a", Battery(3.3), 4.0, 1e-3)
    talk.tell(":SENS:CURR:PROT:NEG 2E-3")
    assert talk.unit.point().current_a == pytest.approx(1e-3)
    talk.tell(":SOUR:VOLT 3.0")
    assert talk.unit.point().current_a == pytest.approx(-2e-3)


@pytest.mark.parametrize("four_wire", [True, False])
def test_leads_are_part_of_the_cell_in_two_wire_operation(four_wire: bool) -> None:
    """0.1 ohm each way is seen in a two-wire voltage, and is not in a four-wire one."""
    talk = Talk("keithley-2400", Battery(3.0))
    talk.tell(*READY["keithley-2400"], f":SYST:RSEN {int(four_wire)}", ":SOUR:VOLT:RANG 20;:SENS:CURR:PROT 0.1")
    talk.tell(":SOUR:VOLT 10", ":OUTP ON")
    assert talk.unit.point().voltage_v == pytest.approx(4.0 if four_wire else 4.02)


def test_reversed_cell_takes_the_full_limit() -> None:
    """A V-source at +4 V pushes its limit into a cell at -3.7 V and only shows compliance (section 3)."""
    talk = _holding("keithley-2450", Battery(3.7), 4.0, 1e-3)
    talk.unit.stage.touch(lambda leads: leads.turn_round())
    assert talk.unit.point().voltage_v == pytest.approx(-3.69)
    assert talk.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"


@pytest.mark.parametrize("behaviour", list(OpenSense))
def test_open_sense_lead_hides_the_cell(behaviour: OpenSense) -> None:
    """The reading stands still; the output rises by 5 V where that quirk is on."""
    talk = Talk("keithley-2400", Battery(3.3, 1000.0), replace(EXACT, open_sense=behaviour))
    talk.tell(*READY["keithley-2400"], ":SOUR:VOLT:RANG 20;:SENS:CURR:PROT 1E-2;:SOUR:VOLT 3.4;:OUTP ON")
    before = talk.values(":READ?")
    talk.instrument.set_sense_lead(open_=True)
    after = talk.values(":READ?")
    assert after[0] == before[0]
    assert after[1] == pytest.approx(1e-4 if behaviour is OpenSense.STICKS else 5.1e-3, abs=2e-6)


def test_two_ranges_make_a_limit_that_nobody_set() -> None:
    """A fixed measuring range below the limit ends the current at its full scale: bit 16, not bit 3 (section 8)."""
    talk = _holding("keithley-2400", Battery(3.0), 4.0, 5e-3)
    talk.tell(":SENS:CURR:RANG 1E-3")
    reading = talk.values(":READ?")
    assert reading[1] == pytest.approx(1.05e-3)
    assert int(reading[3]) & ((1 << 16) | (1 << 3)) == 1 << 16


def test_function_change_switches_the_output_off() -> None:
    """Another source function under a cell takes the output off, where that quirk is on (section 8)."""
    on, off = (
        Talk("keithley-2400", Battery(3.3), replace(EXACT, function_change_turns_output_off=quirk))
        for quirk in (False, True)
    )
    for talk, answer in ((on, "1"), (off, "0")):
        talk.tell(*READY["keithley-2400"], ":OUTP ON", ":SOUR:FUNC CURR")
        assert talk.ask(":OUTP?") == answer


@pytest.mark.parametrize("line", [":SYST:RSEN OFF", ":ROUT:TERM REAR"])
def test_2400_goes_off_when_its_wires_change(line: str) -> None:
    """Another number of wires or other terminals under a cell take the output off; the same ones do not (section 8)."""
    talk = _holding("keithley-2400", Battery(3.3), 3.3, 1e-3)
    talk.tell(":SYST:RSEN ON;:ROUT:TERM FRON")
    assert talk.ask(":OUTP?") == "1"
    talk.tell(line)
    assert talk.ask(":OUTP?") == "0"


def test_change_of_range_under_a_cell_is_seen_by_it() -> None:
    """A range that changes with the output on is counted, and shows in a reading that begins at once (section 8)."""
    talk = _holding("keithley-2400", Battery(3.3), 3.3, 1e-2)
    quiet, before = talk.values(":READ?")[0], talk.unit.stage.exposure.spikes
    talk.tell(":SENS:CURR:RANG 1E-3")
    assert talk.values(":READ?")[0] > quiet + 5e-4
    assert talk.unit.stage.exposure.spikes == before + 1
    assert talk.values(":READ?")[0] == pytest.approx(quiet)
