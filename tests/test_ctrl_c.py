"""Tests of Ctrl-C: whoever presses it again and again keeps nothing from being switched off."""

from __future__ import annotations

import asyncio
import signal
from unittest.mock import ANY

import pytest

from orchestrator.clock.ctrl_c import ended_in_order
from orchestrator.clock.scaled import ScaledClock, run_by

_CLOCK = ScaledClock(speed=10.0, epoch_unix_s=1_767_225_600.0, origin_s=0.0)


async def _switched_off_slowly(done: list[str]) -> None:
    """Pass a current until interrupted; switching off takes three answers, and at each Ctrl-C is pressed again."""
    try:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(3600.0)
    finally:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
            await asyncio.sleep(0.01)
        done.append("off")


@pytest.mark.parametrize("clock", [None, _CLOCK], ids=["real time", "scaled time"])
def test_ctrl_c_again_and_again_breaks_no_switching_off_off(
    clock: ScaledClock | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The first one ends the program, the others are answered by a word; behind it Ctrl-C is as it was."""
    before, done = signal.getsignal(signal.SIGINT), list[str]()
    with pytest.raises(KeyboardInterrupt):
        run_by(clock, ended_in_order(_switched_off_slowly(done)))
    assert done == ["off"]
    assert caplog.messages == [ANY] * 3
    assert signal.getsignal(signal.SIGINT) is before


def test_what_ends_by_itself_leaves_ctrl_c_as_it_was() -> None:
    """A result is handed on."""

    async def work() -> int:
        return 7

    before = signal.getsignal(signal.SIGINT)
    assert run_by(None, ended_in_order(work())) == 7
    assert signal.getsignal(signal.SIGINT) is before
