"""Before a channel is energised: who is on it, and whether the cell in it can be the right one."""

import pytest

from drivers.interfaces import ChannelState, ChannelStatus
from orchestrator.judging.preflight import reasons_not_to_start
from protocols.loading import load_cell, load_recipe
from protocols.program import Program
from protocols.resolve import resolve

LFP = resolve(load_recipe("lfp-200mA-g"), load_cell("coated-lfp"))
LI_LI = resolve(load_recipe("li-li-0.2"), load_cell("coated-li-li"))


def seen(voltage_v: float, state: ChannelState = ChannelState.FINISHED) -> ChannelStatus:
    """Give a channel that shows this voltage."""
    return ChannelStatus("21-1-3", state, "R000007", voltage_v, 0.0, None, 1, 0.0, 3, 0, True)


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
    (reason,) = reasons_not_to_start(program, seen(voltage_v))
    assert word in reason


@pytest.mark.parametrize(("program", "voltage_v"), [(LFP, 3.1), (LI_LI, 0.0), (LI_LI, -0.02)])
def test_healthy_cell_may_start(program: Program, voltage_v: float) -> None:
    """A fresh LFP cell, and a Li/Li cell at its zero volts."""
    assert reasons_not_to_start(program, seen(voltage_v)) == []


def test_resumed_cell_may_be_anywhere_within_its_limits() -> None:
    """A full cell held just after its charge shows more than a fresh one; beyond the limits it is refused."""
    assert reasons_not_to_start(LFP, seen(3.9)) != []
    assert reasons_not_to_start(LFP, seen(3.9), resumed=True) == []
    assert reasons_not_to_start(LFP, seen(4.15), resumed=True) != []


@pytest.mark.parametrize("state", [ChannelState.WORKING, ChannelState.PAUSED, ChannelState.OTHER, ChannelState.ABSENT])
def test_channel_that_is_not_free_is_refused(state: ChannelState) -> None:
    """Whoever is on it is named."""
    (reason,) = reasons_not_to_start(LI_LI, seen(0.0, state))
    assert "21-1-3" in reason
