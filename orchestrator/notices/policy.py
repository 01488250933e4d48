"""Decides who is told what, and when: severity, channel and person, quiet hours, digests, repeats and escalation.

Pure: it is given notices, outcomes and the time, and gives messages. It reads no clock, no store and no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events import Severity
from orchestrator.notices.incidents import Incident, key_of, with_key
from orchestrator.notices.outbox import Outbox
from orchestrator.notices.routes import Route, levels_of, routes_of
from orchestrator.notices.values import Entry, Message, Notice, Outcome, Reason

# After failures in a row a target is tried behind the others for so long; each failure doubles it.
_REST_S, _LONGEST_REST_S = 30.0, 600.0


@dataclass(frozen=True, slots=True)
class _Rest:
    """Since a target failed: until when others are tried first, and how long the next rest is."""

    until_s: float
    next_s: float


class Policy:
    """The open alarms and the waiting notices of everybody; ``now_s`` is the loop's time, in seconds."""

    def __init__(self, settings: NoticeSettings) -> None:
        self._settings = settings
        self._outboxes: dict[tuple[Route, bool], Outbox] = {}
        self._incidents: list[Incident] = []
        self._rests: dict[str, _Rest] = {}
        # What is being sent, by the number of its message.
        self._sending: dict[int, tuple[Route, Outbox]] = {}
        self._messages = 0
        self._numbers = 0

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The alarms that nobody has acknowledged and whose cause is not gone."""
        return tuple(self._incidents)

    @property
    def undelivered(self) -> tuple[Incident, ...]:
        """The open alarms of which every target of every level has refused every message so far."""
        return tuple(incident for incident in self._incidents if incident.is_undelivered)

    def tell(self, notice: Notice, now_s: float) -> Incident | None:
        """Take in a notice; return the incident that an alarm has opened, or has joined."""
        levels = levels_of(self._settings, notice)
        if not levels:
            return None
        if notice.severity is not Severity.ALARM:
            for level in levels:
                self._queue(notice, Reason.NEW, level, now_s)
            return None
        incident = with_key(self._incidents, key_of(notice))
        if incident is None:
            incident = self._opened(notice, levels, now_s)
        else:
            incident.last, incident.count = notice, incident.count + 1
            # That people know of what came before helps nobody who is not told of this one.
            incident.is_told = False
        incident.notices.add(notice.number)
        # Whoever has been called already hears of what comes after, too.
        self._queue_of(incident, notice, now_s)
        return incident

    def restore(self, incident: Incident, untold: Iterable[Notice] = (), now_s: float = 0.0) -> None:
        """Take up an incident that was open when the process of before ended; ``untold`` are told now."""
        self._incidents.append(incident)
        for notice in untold:
            incident.notices.add(notice.number)
            self._queue_of(incident, notice, now_s)

    def number_after(self, newest: int) -> None:
        """Give new incidents numbers above those of earlier processes."""
        self._numbers = max(self._numbers, newest)

    def close(self, is_over: Callable[[Incident], bool]) -> list[Incident]:
        """End incidents, and return them: they are repeated and escalated no more."""
        over = [incident for incident in self._incidents if is_over(incident)]
        self._incidents = [incident for incident in self._incidents if incident not in over]
        seen = {number for incident in over for number in incident.notices}
        for outbox in self._outboxes.values():
            # What nobody was told is told all the same.
            outbox.drop(lambda entry: entry.notice.number in seen and entry.reason is not Reason.NEW)
        return over

    def test_messages(self, notice: Notice) -> list[Message]:
        """Return a test message for each target by itself: each way is tried, not only the first that works."""
        entry = (Entry(notice, Reason.TEST),)
        return [
            self._message(target.person or target.name, (target.name,), entry)
            for target in self._settings.targets
            if target.test
        ]

    def due(self, now_s: float, *, quiet: bool = False) -> list[Message]:
        """Return what is to be sent now. ``quiet``: in the quiet hours, in which only alarms are sent."""
        for incident in self._incidents:
            self._remind(incident, now_s)
        messages = []
        for (route, is_urgent), outbox in self._outboxes.items():
            targets = route.targets if is_urgent or not quiet else self._awake(route.targets)
            entries, left_out = outbox.take(now_s) if targets else ((), 0)
            if entries:
                messages.append(self._message(route.person, self._ordered(targets, now_s), entries, left_out))
                self._sending[messages[-1].number] = route, outbox
        return messages

    def note(self, outcome: Outcome, now_s: float) -> None:
        """Note whether a target works: one that does not is tried behind the person's others for a while."""
        if outcome.is_delivered:
            self._rests.pop(outcome.target, None)
            return
        before = self._rests.get(outcome.target)
        rest_s = before.next_s if before is not None else _REST_S
        self._rests[outcome.target] = _Rest(now_s + rest_s, min(_LONGEST_REST_S, 2 * rest_s))

    def delivered(self, message: Message) -> None:
        """Note that a target has taken a message."""
        if message.number not in self._sending:
            return
        _, outbox = self._sending.pop(message.number)
        outbox.delivered()
        numbers = {entry.notice.number for entry in message.entries}
        for incident in self._incidents_in(message):
            # One that has come since waits in another message.
            if incident.last.number in numbers:
                incident.is_told, incident.is_undelivered = True, False
                incident.untold.clear()

    def failed(self, message: Message, now_s: float) -> None:
        """Note that no target of a message's route has taken it: it waits for a later trial, others are called now."""
        if message.number not in self._sending:
            return
        route, outbox = self._sending.pop(message.number)
        outbox.failed(message.entries, message.left_out, now_s)
        for incident in self._incidents_in(message):
            incident.untold.discard(route.targets)
            if not incident.untold and not incident.is_told:
                incident.is_undelivered = not incident.levels
                self._escalate(incident, now_s)

    def _opened(self, notice: Notice, levels: Sequence[int], now_s: float) -> Incident:
        self._numbers += 1
        incident = Incident(
            self._numbers,
            key_of(notice),
            notice,
            notice,
            now_s,
            levels[0],
            tuple(levels[1:]),
            now_s + self._settings.escalate_after_s,
            now_s + self._settings.repeat_s,
        )
        self._incidents.append(incident)
        return incident

    def _queue_of(self, incident: Incident, notice: Notice, now_s: float) -> None:
        """Let an alarm of an incident wait for everybody who has been called."""
        for level in levels_of(self._settings, notice):
            if level not in incident.levels:
                incident.untold |= self._queue(notice, Reason.NEW, level, now_s)

    def _remind(self, incident: Incident, now_s: float) -> None:
        """Call the next level, or everybody again who has been called, when the time has come."""
        if incident.levels and now_s >= incident.escalates_s:
            self._escalate(incident, now_s)
        if now_s < incident.repeats_s:
            return
        incident.repeats_s = now_s + self._settings.repeat_s
        for level in levels_of(self._settings, incident.last):
            if level not in incident.levels:
                # Each target by itself: the one that took it before may have lied.
                self._queue(incident.last, Reason.REPEAT, level, now_s, singly=True)

    def _escalate(self, incident: Incident, now_s: float) -> None:
        if not incident.levels:
            return
        incident.level, *rest = incident.levels
        incident.levels = tuple(rest)
        incident.escalates_s = now_s + self._settings.escalate_after_s
        incident.untold |= self._queue(incident.last, Reason.ESCALATION, incident.level, now_s)

    def _queue(
        self, notice: Notice, reason: Reason, level: int, now_s: float, *, singly: bool = False
    ) -> set[tuple[str, ...]]:
        """Let a notice wait for everybody of a level; return the targets of each route."""
        routes: Iterable[Route] = routes_of(self._settings, notice, level)
        if singly:
            routes = [Route(route.person, (target,)) for route in routes for target in route.targets]
        is_urgent = notice.severity is Severity.ALARM
        queued = set()
        for route in routes:
            key = route, is_urgent
            if key not in self._outboxes:
                self._outboxes[key] = Outbox(is_urgent=is_urgent, most_a_minute=self._settings.most_a_minute)
            self._outboxes[key].add(Entry(notice, reason), now_s)
            queued.add(route.targets)
        return queued

    def _message(self, person: str, route: tuple[str, ...], entries: tuple[Entry, ...], left_out: int = 0) -> Message:
        self._messages += 1
        return Message(self._messages, person, route, entries, left_out)

    def _ordered(self, targets: Iterable[str], now_s: float) -> tuple[str, ...]:
        """Put the targets first that have not failed lately; the others keep their order behind them."""
        return tuple(sorted(targets, key=lambda name: name in self._rests and self._rests[name].until_s > now_s))

    def _awake(self, targets: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in targets if not self._settings.target(name).quiet_hours)

    def _incidents_in(self, message: Message) -> list[Incident]:
        told = {entry.notice.number for entry in message.entries}
        return [incident for incident in self._incidents if incident.notices & told]
