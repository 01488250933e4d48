"""The CT-4008's driver: starts and stops whose outcome must not be believed too easily."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import NotConfirmed, OutcomeUnknown
from drivers.interfaces import ChannelState
from simulators.faults import Fault, Spoil
from simulators.neware.schedule import UnitRatings
from simulators.neware.stepfile import read_schedule
from tests.rig import CHANNEL, Rig, li_li_program, short_segment, started

APPENDIX_A = Path(__file__).parent / "golden" / "appendix_a.xml"


async def test_channel_that_vanishes_is_absent_and_its_neighbours_are_read(rig: Rig) -> None:
    """BTS answers ``false`` and nothing else for it (reference 4.3); that must not blind the whole rack."""
    await started(rig)
    del rig.bench.tester.channels["21-1-5"]
    found = await rig.tester.status([CHANNEL, "21-1-5"])
    assert found["21-1-5"].state is ChannelState.ABSENT
    assert found[CHANNEL].state is ChannelState.WORKING


async def test_channel_that_vanishes_is_no_proof_of_a_stop(rig: Rig) -> None:
    """A unit whose cable is cut goes on by itself: it is not quiet because it cannot be seen."""
    identity = await started(rig, rest_s=3600.0)
    del rig.bench.tester.channels[CHANNEL]
    with pytest.raises(NotConfirmed, match="by hand"):
        await rig.tester.stop(identity)


async def test_stop_leaves_another_test_with_our_barcode_alone(rig: Rig) -> None:
    """A program may be started again at the tester under its barcode: only barcode and test id say whose test it is."""
    identity = await started(rig)
    await asyncio.sleep(120)
    schedule = read_schedule(APPENDIX_A.read_bytes(), UnitRatings(negative_voltage=True))
    assert rig.bench.tester.start(CHANNEL, schedule, identity.barcode)
    with pytest.raises(NotConfirmed, match="left alone"):
        await rig.tester.stop(identity)
    assert rig.bench.tester.channel(CHANNEL).busy


class Share(type(Path())):  # type: ignore[misc]  # the class of this system's paths
    """A folder in which another program changes each file that has been written."""

    spoil: Callable[[Path], object]

    def replace(self, target: Path) -> Path:
        """Put the file into its place, and let the other program come to it at once."""
        there = Path(super().replace(target))
        self.spoil(there)
        return there


def lose_the_cutoffs(path: Path) -> None:
    """Leave out the ends by voltage."""
    path.write_bytes(re.sub(rb"<Stop_Volt [^>]*/>", b"", path.read_bytes()))


def make_it_a_pipe(path: Path) -> None:
    """Put a pipe, which nobody writes to, in the file's place."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lose_the_cutoffs, "not what was intended"),
        (lambda path: os.truncate(path, path.stat().st_size - 40), "not well-formed"),
        (lambda path: os.truncate(path, 1 << 30), "has 1073741824 bytes"),
        (make_it_a_pipe, "is a pipe"),
        (lambda path: path.unlink(), "there is no file"),
    ],
    ids=["changed", "cut off", "grown", "pipe", "gone"],
)
async def test_step_file_that_reads_back_otherwise_is_not_started(
    rig: Rig, spoil: Callable[[Path], object], said: str
) -> None:
    """What stands in the shared folder is compared with the program, not what was written there (faults B08)."""
    settings = rig.tester._settings  # noqa: SLF001 - the rig's own
    share = type("Spoilt", (Share,), {"spoil": staticmethod(spoil)})(settings.step_files)
    rig.tester._settings = settings.model_copy(update={"step_files": share})  # noqa: SLF001 - the rig's own
    with pytest.raises(NotConfirmed, match=said):
        await rig.tester.load(CHANNEL, li_li_program(1).cycling[0], "R000001")


async def test_step_that_the_file_rounds_to_nothing_is_not_loaded(rig: Rig) -> None:
    """A rest of 1e-12 s is 0 in the file, which the tester takes for no end at all."""
    with pytest.raises(NotConfirmed, match="not what was intended"):
        await rig.tester.load(CHANNEL, short_segment(1e-12), "R000001")


async def test_start_that_bts_took_before_the_link_died_is_an_unknown_outcome(rig: Rig) -> None:
    """BTS said ok, so a cell may be running: that is no failure to start."""
    loaded = await rig.tester.load(CHANNEL, short_segment(), "R000001")
    rig.bench.wire.spoil(Fault(Spoil.LATE, "start", seconds=5))
    starting = asyncio.ensure_future(rig.tester.start(loaded, "R000001"))
    await asyncio.sleep(2)
    rig.bench.wire.spoil(Fault(Spoil.SILENT, "inquire", None))
    with pytest.raises(OutcomeUnknown):
        await starting
    assert rig.bench.tester.channels[CHANNEL].tests


async def test_start_answered_with_another_word_is_found_by_its_barcode(rig: Rig) -> None:
    """Neither ok nor false: the command has left, so the tester is asked what it did."""
    tail = b"ok</start>\r\n  </list>\r\n</bts>\n\n#\r\n"
    rig.bench.wire.spoil(Fault(Spoil.FLIPPED, "start", at=-len(tail)))
    identity = await started(rig)
    assert rig.bench.wire.spoiled == [("start", Spoil.FLIPPED)]
    assert identity.test_id == rig.bench.tester.channels[CHANNEL].tests[-1].test_id
