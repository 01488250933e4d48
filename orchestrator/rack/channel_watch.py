"""Watches the channels of one tester that no run of this service works on, and stops what works there by order.

People start tests at the tester itself, other programs use it, and a start of ours may arrive after it was given up.
None of them is in our tables: a channel is free when the tester says so, not when the store does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass

from drivers.errors import DriverError
from drivers.interfaces import BatteryTester, ChannelState, ChannelStatus, TestIdentity
from orchestrator.clock.virtual import wall_time
from orchestrator.events import EventKind
from orchestrator.rack.pending_stops import PendingStops
from orchestrator.runs.late_start import LateStarts
from orchestrator.runs.ownership import objection_to_stop
from orchestrator.runs.run import Run
from orchestrator.states import RunState
from orchestrator.store import Damaged, Store, StoreError
from protocols.program import CyclingSegment

logger = logging.getLogger(__name__)

BY_HAND = "switch the channel off by hand at the tester if it must be off now"


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """What is known of an ordered stop: whether the channel was seen to be off, and a sentence."""

    is_off: bool
    words: str


class ChannelWatch:
    """The channels of one tester without a run that works on them; ``runs`` gives the runs of the service there."""

    def __init__(
        self, store: Store, tester: BatteryTester, late: LateStarts, runs: Callable[[], Iterable[Run]]
    ) -> None:
        self._store = store
        self._tester = tester
        self._late = late
        self._runs = runs
        self._shown: dict[str, ChannelStatus] = {}
        # When the tester was asked what it answered last, by channel: what it said is at least so old.
        self.seen_unix_s: dict[str, float] = {}
        # Channels whose test has a barcode of ours and is not looked after as ours, with the reason.
        self._foreign: dict[str, str] = {}
        # The tests that were seen to be over, by channel, and are no late starts.
        self._at_rest: dict[str, tuple[int, str]] = {}
        self._told: set[tuple[str, str, int]] = set()
        # Channels that a person has ordered to stop, with the person, until they are seen to be off.
        self.ordered: dict[str, str] = {}
        self._pending = PendingStops(store)
        self._stopping = asyncio.Lock()
        self._answered_s = float("-inf")
        self._is_looking = False

    def answered_since(self, since_s: float) -> bool:
        """Return whether the tester has answered a question of this watch since a moment of the loop's time."""
        return self._answered_s >= since_s

    def seen(self, statuses: Mapping[str, ChannelStatus], asked_unix_s: float) -> None:
        """Remember that the tester has answered for channels, and when it was asked."""
        self.seen_unix_s.update(dict.fromkeys(statuses, asked_unix_s))

    def shown(self, channel: str) -> ChannelStatus | None:
        """Return what a channel without a run of ours showed last; None where nobody has looked since one had it."""
        return self._shown.get(channel)

    def is_foreign(self, channel: str) -> bool:
        """Return whether the test that a channel shows is none of this service's runs."""
        status = self._shown.get(channel)
        return status is not None and status.test_id != 0 and self._test_of(status) is None

    def stray(self, channel: str) -> ChannelStatus | None:
        """Return the status of a channel that works without a run of ours, as it was seen last."""
        status = self._shown.get(channel)
        if status is None or not status.state.is_busy or channel in self._cared_for():
            return None
        # What a held run was interrupted in may be paused there: its state says so.
        return None if status.state is ChannelState.PAUSED and self._test_of(status) is not None else status

    def begins(self, channel: str) -> None:
        """Forget what was seen on a channel: a run begins there, and what is left after it must be seen anew."""
        self._shown.pop(channel, None)

    def is_unseen(self, channel: str) -> bool:
        """Return whether nobody has seen a channel since a run of ours had it, or since the service was started."""
        return self._tester.traits.is_remote and channel not in self._shown.keys() | self._cared_for()

    def must_look(self, undecided: Set[str]) -> bool:
        """Return whether there are channels that nobody has seen and no question about them is under way."""
        return not self._is_looking and any(self.is_unseen(it) for it in self._tester.channels() if it not in undecided)

    async def look_again(self, undecided: Set[str]) -> None:
        """Ask for the channels that nobody has seen, without waiting for the next poll, which repeats what fails."""
        unseen = [it for it in self._tester.channels() if it not in undecided and self.is_unseen(it)]
        if not unseen or self._is_looking:
            return
        self._is_looking = True
        try:
            seen = await self._ask(unseen)
            self._shown |= {channel: seen[channel] for channel in unseen if self.is_unseen(channel)}
        except DriverError as err:
            logger.info("%s: what %s do is not seen: %s", self._tester.name, ", ".join(unseen), err)
        except Exception:  # a task's root: a defect here must not end the watch over runs (E09)
            logger.exception("%s: a defect while looking at %s", self._tester.name, ", ".join(unseen))
        finally:
            self._is_looking = False

    def _test_of(self, status: ChannelStatus) -> Run | None:
        """Return the run of the service whose last test a channel shows; None for any other test."""
        shown = (status.channel, status.test_id, status.barcode)
        for run in self._runs():
            identity = run.records.identity if run.records is not None else None
            if identity is not None and (identity.channel, identity.test_id, identity.barcode) == shown:
                return run
        return None

    def words(self, channel: str) -> str:
        """Describe what works on a channel without a run of ours; empty if nothing does."""
        status = self.stray(channel)
        if status is None:
            return ""
        if channel in self._foreign:
            return f"{_words(status)}; {self._foreign[channel]}"
        run = self._test_of(status)
        return _words(status) + (f"; it is the test of {run.run_id}, which is {run.state.value}" if run else "")

    def _cared_for(self) -> set[str]:
        runs = [run for run in self._runs() if run.state.has_its_channel or run.status.start_is_unknown]
        stopped = [run for run in self._runs() if run.status.stop_is_pending]
        return {run.request.channel for run in (*runs, *stopped)}

    async def look(self, undecided: Set[str]) -> list[Run]:
        """Ask for the channels without a run, decided or not, and carry out the stops that are ordered there.

        Gives the runs whose start came late, to be looked after again.
        Raises DriverError and StoreError.
        """
        if set(self._tester.channel_names()) - set(self._tester.channels()):
            # Not all of its channels were shown when it was opened.
            await self._tester.open()
        self._take_over_stops()
        known = self._cared_for() | undecided
        channels = [channel for channel in self._tester.channels() if channel not in known]
        found: list[Run] = []
        statuses = await self._ask(channels) if channels else {}
        self._shown, self._foreign = statuses, {}
        try:
            for channel in list(statuses):
                status = self.stray(channel)
                late = self._come_and_gone(statuses[channel]) if status is None else self._taken_back(status)
                if (run := await late) is not None:
                    found.append(run)
                    self.begins(channel)
        finally:
            # What hinders the look, as a store that takes nothing, keeps no channel under current.
            for channel in [channel for channel in self.ordered if channel in statuses]:
                await self.carry_out(channel)
        return found

    def _take_over_stops(self) -> None:
        """Carry on with the stops that an earlier process has ordered and not seen to be carried out."""
        for channel, by in self._pending.left_behind().items():
            if channel in self._tester.channels():
                self.ordered.setdefault(channel, by)

    async def _taken_back(self, status: ChannelStatus) -> Run | None:
        """Return the run that a channel works for all the same, to be looked after again; tell of any other test."""
        own = self._test_of(status)
        run = own or await self._late.find(status)
        if run is not None and (why := await self._late.doubt(run, status)):
            self._foreign[status.channel] = why
        elif run is not None and own is None:
            await self._late.take(run, status)
            return run
        elif own is not None and own.state is RunState.HOLDING and status.state is ChannelState.WORKING:
            try:
                return await self._late.watch_again(own.run_id, status)
            except Damaged as err:
                self._foreign[status.channel] = str(err)
        elif own is not None and own.state is RunState.TRIPPED:
            self.ordered.setdefault(status.channel, f"the trip of {own.run_id}")
        self._tell(status)
        return None

    async def _come_and_gone(self, status: ChannelStatus) -> Run | None:
        """Return the run whose given-up start has arrived and ended between two looks; each test is asked for once."""
        shown = (status.test_id, status.barcode)
        if not status.state.is_at_rest or self._at_rest.get(status.channel) == shown:
            return None
        run = await self._late.find(status)
        if run is not None and not await self._late.doubt(run, status):
            await self._late.take(run, status)
            return run
        if run is None:
            self._at_rest[status.channel] = shown
        return None

    async def _ask(self, channels: list[str]) -> dict[str, ChannelStatus]:
        asked_unix_s = wall_time()
        statuses = await self._tester.status(channels)
        self._answered_s = asyncio.get_running_loop().time()
        self.seen(statuses, asked_unix_s)
        return statuses

    def _tell(self, status: ChannelStatus) -> None:
        key = (status.channel, status.barcode, status.test_id)
        if key not in self._told:
            message = f"channel {status.channel} {self.words(status.channel)}"
            self._store.add_event(None, EventKind.EXTERNAL_ACTION, message, wall_time())
            self._told.add(key)

    async def ask_whether_it_answers(self, channel: str) -> None:
        """Ask the tester about a channel only to see that it answers (``answered_since``)."""
        try:
            await self._ask([channel])
        except DriverError as err:
            logger.info("%s: %s", self._tester.name, err)

    async def working(self, known: Set[str] = frozenset()) -> list[str]:
        """Ask for all but the ``known`` channels, and give those that work without a run. Raises DriverError."""
        channels = [it for it in self._tester.channels() if it not in self._cared_for() | known]
        self._shown |= await self._ask(channels) if channels else {}
        return [channel for channel in channels if self.stray(channel) is not None]

    # Stops by the channel's name

    async def stop_only(self, channel: str, by: str, run: Run) -> StopOutcome:
        """Stop what works on a channel if it is a test of one run; anything else is named, and goes on."""
        why = ""
        try:
            self._shown |= await self._ask([channel])
            status = self._shown[channel]
            if status.state.is_at_rest:
                return StopOutcome(True, f"channel {channel} is off")
            if status.barcode in {run.next_barcode, *(test.barcode for test in run.tests)}:
                why = await objection_to_stop(self._store, self._tester, run.run_id, status)
                if not why:
                    return await self.stop(channel, by)
        except DriverError as err:
            return StopOutcome(False, f"whether channel {channel} is off is not known: {err}; {BY_HAND}")
        more = f"; {why}" if why else ""
        words = f"channel {channel} {_words(status)}{more}; 'cellrig stop --channel {channel}' stops it"
        return StopOutcome(False, words)

    async def stop(self, channel: str, by: str) -> StopOutcome:
        """Order the stop of whatever works on a channel, and carry it out; while it fails, polls repeat it."""
        self.ordered[channel] = by
        return await self.carry_out(channel)

    async def carry_out(self, channel: str) -> StopOutcome:
        """Stop what works on a channel now, and see it to be off. The order stands until that is so."""
        async with self._stopping:
            try:
                status = (await self._ask([channel]))[channel]
                self._shown[channel] = status
                if status.state.is_at_rest:
                    self._done(channel, f"channel {channel} is {status.state.value}")
                    return StopOutcome(True, f"channel {channel} is {status.state.value}: it is off")
                if channel in self._cared_for():
                    # A run of ours has it by now, and its stop is another order.
                    self._done(channel, f"channel {channel} works for a run of ours by now")
                    return StopOutcome(False, f"channel {channel} works for a run of ours")
                self._note(channel, f"what works on channel {channel} is stopped: {_words(status)}")
                await self._tester.stop(TestIdentity(channel, status.test_id, status.barcode, self._end_step(status)))
                status = (await self._ask([channel]))[channel]
                self._shown[channel] = status
            except DriverError as err:
                self._pending.keep(channel, self.ordered.get(channel, ""))
                return StopOutcome(
                    False, f"the stop of channel {channel} is ordered and not confirmed: {err}; {BY_HAND}"
                )
            if not status.state.is_at_rest:
                self._pending.keep(channel, self.ordered.get(channel, ""))
                return StopOutcome(False, f"channel {channel} still {_words(status)}; {BY_HAND}")
            self._note(channel, f"channel {channel} is {status.state.value}")
            self._done(channel, f"channel {channel} is {status.state.value}")
        return StopOutcome(True, f"channel {channel} is {status.state.value}: {_test(status)} was stopped")

    def _done(self, channel: str, what: str) -> None:
        """Forget the order of a stop, here and for the next process."""
        self.ordered.pop(channel, None)
        self._pending.drop(channel, what)

    def _note(self, channel: str, what: str) -> None:
        """Write an event of the rig; a store that takes nothing keeps no channel under current."""
        try:
            by = f", by {self.ordered[channel]}" if channel in self.ordered else ""
            self._store.add_event(None, EventKind.COMMAND, f"{what}{by}", wall_time())
        except StoreError:
            logger.exception("channel %s: %s", channel, what)

    def _end_step(self, status: ChannelStatus) -> int | None:
        """Return the number of the end step of a test of this store; None for any other test."""
        if status.channel in self._foreign:
            return None
        try:
            for run in self._store.runs():
                for test in self._store.tests(run.run_id) if run.channel == status.channel else ():
                    if (test.barcode, test.tester_test_id) == (status.barcode, status.test_id):
                        return len(CyclingSegment.from_json(test.program_json).steps) + 1
        except StoreError:
            logger.exception("channel %s: its test is not known", status.channel)
        return None


def _test(status: ChannelStatus) -> str:
    return f"{status.barcode!r}, test {status.test_id}" if status.barcode else f"test {status.test_id} without barcode"


def _words(status: ChannelStatus) -> str:
    doing = {ChannelState.PAUSED: "is paused", ChannelState.OTHER: "shows a work status that is not known"}
    seen = f"{status.voltage_v:+z.4f} V, {status.current_a * 1e3:+z.4f} mA"
    more = f", {status.detail}" if status.detail else ""
    return f"{doing.get(status.state, 'works')}, and not by us: {_test(status)}, {seen}{more}"
