"""Before a channel is energised: who is on it, and whether the cell in it can be the right one."""

import pytest

from drivers.interfaces import ChannelState
from orchestrator.checks import refusals
from orchestrator.judging.preflight import channel_checks
from protocols.loading import load_cell, load_recipe
from protocols.program import Program
from protocols.resolve import resolve
from tests.shown_channels import LI_LI, other_cell, seen

LFP = resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))


@pytest.mark.parametrize(
    ("program", "voltage_v", "word"),
    [
        (LFP, -3.2, "reversed polarity"),
        (LFP, 0.0, "no cell, or a short"),
        (LFP, 1.9, "right cell"),
        (LI_LI, 3.2, "right cell"),
        (LI_LI, float("nan"), "right cell"),
    ],
)
def test_implausible_voltage_is_named_for_what_it_is(program: Program, voltage_v: float, word: str) -> None:
    """Reversed, empty, or another cell: one sentence (faults C01, C02, C07)."""
    (reason,) = refusals(channel_checks(program, seen(voltage_v)))
    assert word in reason


@pytest.mark.parametrize(("program", "voltage_v"), [(LFP, 3.1), (LFP, 3.9), (LFP, 4.002), (LI_LI, 0.0), (LI_LI, -0.02)])
def test_healthy_cell_may_start(program: Program, voltage_v: float) -> None:
    """A fresh LFP cell, one that another test has just left charged, and a Li/Li cell at its zero volts."""
    assert refusals(channel_checks(program, seen(voltage_v))) == []


def test_kind_without_defaults_may_start_within_the_host_limits() -> None:
    """A graphite half cell at 3 V is beyond limits of 2 V and would be stopped at once; an empty full cell is not."""
    graphite, full = other_cell(-0.1, 2.0), other_cell(-0.1, 4.3)
    (reason,) = refusals(channel_checks(graphite, seen(3.05)))
    assert reason.endswith("Beyond the host's limits, -0.1 to 2 V, it would be stopped at once")
    assert refusals(channel_checks(graphite, seen(1.1))) == refusals(channel_checks(full, seen(0.05))) == []
    assert "reversed polarity" in refusals(channel_checks(full, seen(-3.6)))[0]


def test_person_starts_a_cell_outside_the_window_with_a_reason_that_is_kept() -> None:
    """The refusal says how; the reason is in the program, and a limit that a run would trip on still refuses."""
    program = other_cell(-0.1, 4.3, "open_circuit: {low: 2.8 V, high: 3.3 V}")
    (reason,) = refusals(channel_checks(program, seen(3.8)))
    assert "2.8 to 3.3 V expected" in reason
    assert "--accept-voltage REASON" in reason
    accepted = program.started_at_any_voltage("at 50 % from the other bench")
    assert refusals(channel_checks(accepted, seen(3.8))) == []
    assert refusals(channel_checks(accepted, seen(4.35))) != []
    read = Program.from_json(accepted.to_json())
    assert read.cycling[0].guards.open_circuit_reason == "at 50 % from the other bench"
    with pytest.raises(ValueError, match="reason"):
        program.started_at_any_voltage(" ")


def test_resumed_cell_may_be_anywhere_within_its_limits() -> None:
    """A full cell held just after its charge shows more than at rest; beyond the limits it is refused."""
    assert refusals(channel_checks(LFP, seen(4.05))) != []
    assert refusals(channel_checks(LFP, seen(4.05), resumed=True)) == []
    assert refusals(channel_checks(LFP, seen(4.15), resumed=True)) != []


@pytest.mark.parametrize("state", [ChannelState.WORKING, ChannelState.PAUSED, ChannelState.OTHER, ChannelState.ABSENT])
def test_channel_that_is_not_free_is_refused(state: ChannelState) -> None:
    """Whoever is on it is named."""
    (reason,) = refusals(channel_checks(LI_LI, seen(0.0, state)))
    assert "21-1-3" in reason
