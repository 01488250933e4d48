"""People with targets that die, dawdle and limit: each alarm reaches a person in its time while one target works."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events import Severity
from orchestrator.notices.delivery_status import Status
from orchestrator.notices.sending import Letter
from orchestrator.notices.values import Outcome
from orchestrator.store.companion_files import notices_path
from tests.kill.checks import read
from tests.kill.telling import all_events, said_by_state

# How often the notices look in virtual time, and what a target has to take a notice.
POLL_S, DEADLINE_S = 10.0, 10.0
# Within this an alarm reaches a person while one of his targets works: a look, two targets that let it wait, the
# longest pause after a failure (120 s), and the pace of a flood.
TOLD_WITHIN_S = 240.0
_TAKES_S = 0.5
# A target that limits takes so many messages a minute.
_LIMIT = 2
_ADA = ("phone", "mail")
SETTINGS = NoticeSettings.model_validate({
    "rig": "night",
    "targets": [
        {"name": "phone", "person": "ada", "url": "json://127.0.0.1/a", "severity": "warning"},
        {"name": "mail", "person": "ada", "url": "json://127.0.0.1/b", "severity": "warning"},
        {"name": "boss", "url": "json://127.0.0.1/c", "severity": "alarm", "level": 2},
        # Takes up everything.
        {"name": "log", "url": "json://127.0.0.1/d", "severity": "info"},
    ],
    "deadline_s": DEADLINE_S,
})  # fmt: skip
TARGETS = tuple(target.name for target in SETTINGS.targets)
_TAKEN = "SELECT number, event FROM notice WHERE event IS NOT NULL AND number > ? ORDER BY number"
_TOLD = "SELECT event, told_unix_s FROM notice WHERE told_unix_s IS NOT NULL AND event IS NOT NULL AND event > ?"


class Trouble(Enum):
    """What a target does instead of taking a message at once."""

    DEAD = auto()
    SLOW = auto()
    LIMITS = auto()


@dataclass(frozen=True, slots=True)
class _Got:
    at_s: float
    text: str


class People:
    """Ada with two targets, her boss, and a log; ``heard_s`` has the loop's time at which events were stored."""

    def __init__(self, store: Path, heard_s: dict[int, float], epoch_unix_s: float) -> None:
        self.trouble: dict[str, Trouble] = {}
        self.messages = 0
        # From the commit of each alarm until a person was told: while a target worked all along, and the others.
        self.told_s: list[float] = []
        self.delayed_s: list[float] = []
        self.longest_s = 0.0
        self._store, self._heard_s, self._epoch_unix_s = store, heard_s, epoch_unix_s
        self._got: list[_Got] = []
        self._lately: dict[str, deque[float]] = {name: deque(maxlen=_LIMIT) for name in TARGETS}
        self._taken: Counter[int] = Counter()
        self._taken_to = self._checked_to = 0
        # When the notices lived and a target of Ada's worked: begin and end, the last one open.
        self._good: list[tuple[float, float]] = []
        self._good_since_s: float | None = None
        self._is_alive = False

    @property
    def taken(self) -> int:
        """The number of events that the notices have taken up."""
        return len(self._taken)

    def set_trouble(self, target: str, trouble: Trouble | None) -> None:
        """Let a target be in trouble, or well (None)."""
        if trouble is None:
            self.trouble.pop(target, None)
        else:
            self.trouble[target] = trouble
        self._look()

    def live(self, alive: bool) -> None:
        """Note that the notices live, or are dead."""
        self._is_alive = alive
        self._look()

    def _look(self) -> None:
        now_s = asyncio.get_running_loop().time()
        good = self._is_alive and any(name not in self.trouble for name in _ADA)
        if good and self._good_since_s is None:
            self._good_since_s = now_s
        elif not good and self._good_since_s is not None:
            self._good.append((self._good_since_s, now_s))
            self._good_since_s = None

    async def deliver(self, target: str, letter: Letter) -> Outcome:
        """Take a letter, or do what the target's trouble makes of it."""
        now_s, trouble = asyncio.get_running_loop().time(), self.trouble.get(target)
        await asyncio.sleep(DEADLINE_S if trouble is Trouble.SLOW else _TAKES_S)
        if trouble is Trouble.SLOW:
            return Outcome(target, Status.LATE, DEADLINE_S, "it did not take the message in time")
        lately = self._lately[target]
        is_limited = trouble is Trouble.LIMITS and len(lately) == _LIMIT and now_s - lately[0] < 60.0
        if trouble is Trouble.DEAD or is_limited:
            return Outcome(target, Status.FAILED, _TAKES_S, "429 too many requests" if is_limited else "refused")
        lately.append(now_s)
        self.messages += 1
        if target in _ADA:
            self._got.append(_Got(now_s + _TAKES_S, f"{letter.title}\n{letter.text}"))
        return Outcome(target, Status.DELIVERED, _TAKES_S)

    # In a calm

    def missing(self) -> list[str]:
        """Return which events of now were not taken up, and which alarms nobody was told, in words."""
        self._count_taken()
        first = self._checked_to or min(self._taken, default=1)
        events = all_events(self._store, first)
        known = self._taken.keys() | said_by_state(events)
        left = [event.id for event in events if event.id not in known]
        found = [f"events {left} were not taken up"] if left else []
        return found + [f"alarm {number} was told nobody" for number, told in self._alarms() if told is None]

    def check(self) -> None:
        """Check that each event was taken up once, and each alarm told in its time. What is checked is forgotten."""
        wrong = self.missing()
        wrong += [f"event {number} was taken up {count} times" for number, count in self._taken.items() if count > 1]
        for number, told_s in self._alarms():
            if told_s is None:
                continue
            stored_s = self._stored_s[number]
            good_s = self._longest_good_s(stored_s, told_s)
            (self.told_s if good_s == told_s - stored_s else self.delayed_s).append(told_s - stored_s)
            self.longest_s = max(self.longest_s, good_s)
            if good_s > TOLD_WITHIN_S:
                wrong.append(f"alarm {number} was told {good_s:.0f} s after a target worked")
        assert not wrong, f"{len(wrong)} faults of the notices, such as {wrong[:5]}"
        self._got.clear()
        self._checked_to = max(self._taken, default=0)

    def figures(self) -> str:
        """Say what was taken up and told."""
        told_s = sorted(self.told_s) or [0.0]
        p50_s, p99_s = (told_s[int(part * (len(told_s) - 1))] for part in (0.5, 0.99))
        return (
            f"{self.taken} events taken up, each once; {len(self.told_s)} alarms told a person by targets that worked, "
            f"p50 {p50_s:.0f} s, p99 {p99_s:.0f} s; {len(self.delayed_s)} others, at most {self.longest_s:.0f} s after "
            f"a target worked; 0 untold; {self.messages} messages"
        )

    def _count_taken(self) -> None:
        for row in self._kept(_TAKEN, self._taken_to):
            self._taken[row["event"]] += 1
            self._taken_to = row["number"]

    def _alarms(self) -> list[tuple[int, float | None]]:
        """Return each alarm since the last check, and the time at which a person was told of it first."""
        told_s = {row["event"]: row["told_unix_s"] - self._epoch_unix_s for row in self._kept(_TOLD, self._checked_to)}
        self._stored_s: dict[int, float] = {}
        found: list[tuple[int, float | None]] = []
        for event in all_events(self._store, max(self._checked_to + 1, min(self._taken, default=1))):
            if event.severity is not Severity.ALARM:
                continue
            self._stored_s[event.id] = stored_s = self._heard_s.get(event.id, event.at_unix_s - self._epoch_unix_s)
            found.append((event.id, self._told(event.run_id or "", event.sentence, stored_s, told_s.get(event.id))))
        return found

    def _told(self, run_id: str, sentence: str, stored_s: float, kept_s: float | None) -> float | None:
        words = " ".join(sentence.split())[:500]
        for got in self._got:
            is_in = words in got.text and run_id in got.text
            # A letter names the first of very many, and counts the others.
            if got.at_s >= stored_s and (is_in or ("... and " in got.text and got.at_s == kept_s)):
                return got.at_s
        return None

    def _longest_good_s(self, from_s: float, to_s: float) -> float:
        good = [*self._good, *([(self._good_since_s, to_s)] if self._good_since_s is not None else [])]
        return max((min(end, to_s) - max(begin, from_s) for begin, end in good), default=0.0)

    def _kept(self, sql: str, *values: object) -> list[dict[str, Any]]:
        path = notices_path(self._store)
        return read(path, sql, *values) if path.exists() else []
