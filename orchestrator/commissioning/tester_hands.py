"""The hands of a commissioning on a CT-4008: every program goes through the bound, and every one ends with none."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from drivers.errors import DriverError, NotConfirmed
from drivers.interfaces import ChannelState, ChannelStatus, Sample, TestIdentity
from drivers.neware.probing import BtsProbe
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.tester import NewareTester
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.bound import Bound
from protocols.program import CyclingSegment, Limits, Record, Step, VoltageBand

EVERY_S = 1.0
"""A record a second, and a look a second: fine enough for times of which whole seconds matter."""
_PROTECT_DELAY_S = 2.0
_LATE_S = 60.0
_BEGINS_WITHIN_S = 12.0
# The vendor's longest wait for a reply (section 2.3); nothing is known of records, so that they get as long.
_UNKNOWN_LAG_S = 30.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A test that has ended: its identity, the state it ended in, its records, and when its start was sent."""

    identity: TestIdentity
    state: ChannelState
    samples: Sequence[Sample]
    sent_unix_s: float

    def settled(self, step: int) -> tuple[float, float] | None:
        """Return voltage and current at the end of a step, the mean of its last records; None without three."""
        last = [sample for sample in self.samples if sample.step == step][-4:][:3]
        if len(last) < 3:
            return None
        return sum(s.voltage_v for s in last) / 3, sum(s.current_a for s in last) / 3

    def step_s(self, step: int) -> float:
        """Return how long a step lasted by its records; 0 where it has none."""
        return max((sample.step_time_s for sample in self.samples if sample.step == step), default=0.0)


class TesterHands:
    """One channel of a CT-4008 with a resistor in its holder."""

    def __init__(
        self,
        tester: NewareTester,
        settings: NewareSettings,
        channel: str,
        ohm: float,
        most_a: float,
        wall_time: Callable[[], float],
    ) -> None:
        self.tester = tester
        self.probe = BtsProbe(tester)
        self.settings = settings
        self.channel = channel
        self.ohm = ohm
        self.most_a = most_a
        self.wall_time = wall_time
        self.bound = Bound(0.0, ohm, 0.0, most_a)
        self.sent_unix_s = 0.0
        self._identity: TestIdentity | None = None
        self._count = 0
        self._settles_s = _UNKNOWN_LAG_S
        self._quickest_look_s = math.inf

    @property
    def look_s(self) -> float:
        """The round trip of a look, the quickest so far: two requests, the second of which asks for record counts."""
        return 0.0 if math.isinf(self._quickest_look_s) else self._quickest_look_s

    @property
    def most_v(self) -> float:
        """The voltage of the resistor at the largest current."""
        return self.most_a * self.ohm

    @property
    def unit(self) -> UnitSettings:
        """The unit of the channel in the bench file."""
        place = self.channel.rpartition("-")[0]
        return next(unit for unit in self.settings.units if unit.place == place)

    def segment(self, steps: Sequence[Step], high_v: float | None = None, delay_s: float = 0.0) -> CyclingSegment:
        """Return steps with the tester's own limits around what the resistor allows; ``high_v`` replaces the upper."""
        edge_v = 1.5 * self.most_v + 0.2
        band = VoltageBand(-edge_v, edge_v if high_v is None else high_v)
        limit_a = self.bound.limit_a
        limits = Limits(band, band, band, limit_a, limit_a, limit_a, delay_s or _PROTECT_DELAY_S)
        return CyclingSegment(tuple(steps), Record(every_s=EVERY_S), limits)

    async def start(self, segment: CyclingSegment, *, clears: bool = True) -> TestIdentity:
        """Start a program if the bound lets it through; ``clears`` the flag of a protection before."""
        self.bound.check_program(segment)
        status = await self.look()
        if clears and status.state is ChannelState.PROTECTED:
            await self.probe.clear_flag(self.channel)
        self._count += 1
        name = f"commission-{int(self.wall_time())}-{self._count}"
        loaded = await self.tester.load(self.channel, segment, name)
        # A driver looks before it starts.
        self.sent_unix_s = self.wall_time() + self.look_s
        # Known before the reply is: a start whose reply is lost is stopped too.
        self._identity = TestIdentity(self.channel, status.test_id + 1, name, loaded.end_step)
        self._identity = await self.tester.start(loaded, name)
        return self._identity

    async def start_beside(self, segment: CyclingSegment, *, file_exists: bool = True) -> str:
        """Order a program whatever the channel does, if the bound lets it through; return what became of it.

        Without the file there is nothing that could be started.
        """
        self.bound.check_program(segment)
        before = await self.look()
        self._count += 1
        name = f"commission-{int(self.wall_time())}-{self._count}"
        loaded = await self.tester.load(self.channel, segment, name)
        ok = await self.probe.start_once(self.channel, loaded.location + ("" if file_exists else ".none"), name)
        began = await self.watch(lambda seen: seen.test_id != before.test_id, _BEGINS_WITHIN_S)
        if began is not None:
            # It has taken the place of the last test, and is what is stopped.
            self._identity = TestIdentity(self.channel, began.test_id, name, loaded.end_step)
            return "replaces"
        return "answered with ok" if ok else "refused"

    async def run(self, steps: Sequence[Step], high_v: float | None = None, delay_s: float = 0.0) -> Ran:
        """Start steps, wait for their end, and return the records."""
        segment = self.segment(steps, high_v, delay_s)
        identity = await self.start(segment)
        return await self.ended(identity)

    async def ended(self, identity: TestIdentity) -> Ran:
        """Wait for a test's end, stop it where that does not come in time, and return its records."""
        status = await self.watch(lambda seen: seen.state.is_at_rest, self.bound.longest_s + _LATE_S, 5 * EVERY_S)
        if status is None:
            await self.off()
            raise NotConfirmed(f"the test on {self.channel} did not end within {self.bound.longest_s + _LATE_S:g} s")
        return Ran(identity, status.state, await self.samples(identity), self.sent_unix_s)

    async def samples(self, identity: TestIdentity) -> list[Sample]:
        """Return the records of a test once their number stands still."""
        count, before = await self.tester.record_count(identity), -1
        while count != before:
            await asyncio.sleep(self._settles_s)
            before, count = count, await self.tester.record_count(identity)
        return await self.tester.records(identity, None, count) if count else []

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take what has been found so far: how late records are tells how long their last one is waited for."""
        lag_s = facts.get("record_lag_s")
        self._settles_s = _UNKNOWN_LAG_S if not isinstance(lag_s, int | float) else lag_s + 2 * EVERY_S

    async def rested(self) -> ChannelStatus:
        """Wait until late records have come, then look."""
        await asyncio.sleep(self._settles_s)
        return await self.look()

    async def look(self) -> ChannelStatus:
        """Ask for the channel's status."""
        asked_s = self.wall_time()
        status = (await self.tester.status([self.channel]))[self.channel]
        self._quickest_look_s = min(self._quickest_look_s, max(0.0, self.wall_time() - asked_s))
        return status

    async def watch(
        self, shows: Callable[[ChannelStatus], bool], within_s: float, every_s: float = EVERY_S
    ) -> ChannelStatus | None:
        """Look again and again until the channel shows something; None where it has not within so many seconds."""
        until_s = self.wall_time() + within_s
        while True:
            status = await self.look()
            if shows(status):
                return status
            if self.wall_time() >= until_s:
                return None
            await asyncio.sleep(every_s)

    async def off(self) -> None:
        """Stop the last test if it is not over, and see that the channel is at rest."""
        if self._identity is None:
            return
        try:
            status = await self.look()
        except DriverError:
            status = None
        if status is None or not status.state.is_at_rest:
            await self.stop(self._identity)
        self._identity = None

    async def stop(self, identity: TestIdentity) -> None:
        """Stop a test. Raises NotConfirmed unless it is at rest and, once late records have come, makes no more."""
        try:
            await self.tester.stop(identity)
        except NotConfirmed:
            before = await self.look()
            after = await self.rested()
            is_quiet = before.state.is_at_rest and after.state.is_at_rest and before.record_count == after.record_count
            if not is_quiet:
                raise
