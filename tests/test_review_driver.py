"""What a hostile look at the CT-4008 driver found: stops and starts that were believed too easily."""

import pytest

from drivers.errors import NotConfirmed
from drivers.interfaces import ChannelState
from tests.rig import CHANNEL, Rig
from tests.test_tester_contract import started, with_rig

pytestmark = pytest.mark.timeout(30)


def test_channel_that_vanishes_is_absent_and_its_neighbours_are_read() -> None:
    """BTS answers `false` and nothing else for it (reference 4.3); that must not blind the whole rack."""

    async def work(rig: Rig) -> None:
        await started(rig)
        del rig.bench.tester.channels["21-1-5"]
        found = await rig.tester.status([CHANNEL, "21-1-5"])
        assert found["21-1-5"].state is ChannelState.ABSENT
        assert found[CHANNEL].state is ChannelState.WORKING

    with_rig(work)


def test_channel_that_vanishes_is_no_proof_of_a_stop() -> None:
    """A unit whose cable is cut goes on by itself: it is not quiet because it cannot be seen."""

    async def work(rig: Rig) -> None:
        identity = await started(rig, rest_s=3600.0)
        del rig.bench.tester.channels[CHANNEL]
        with pytest.raises(NotConfirmed, match="by hand"):
            await rig.tester.stop(identity)

    with_rig(work)
