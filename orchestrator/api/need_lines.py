"""Makes lines of what needs a person: one for each cause, however many channels it has, and few in a flood.

Things of one code, or of one tester where there are several, that begin within a minute are one line. Over ten new
lines in ten minutes are a flood: until it is below five, things are told by their kind alone. What comes and goes again
and again is one line that says how often.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator.api.models.rack import Need, NeedItem, Values
from orchestrator.api.raw_needs import RawNeed

TOGETHER_S = 60.0
"""What begins within so long of the first of a group belongs to it."""
FLOOD_S = 600.0
"""The time in which new lines are counted."""
FLOOD_BEGINS, FLOOD_ENDS = 10, 5
"""With more new lines than the first a flood begins, with fewer than the second it is over."""
WENT_TIMES = 3
"""What has begun so often within ``FLOOD_S`` is told as something that comes and goes."""
_OF_ONE_TESTER = 3
# How many beginnings are kept of one thing.
_MOST = 1000


@dataclass(slots=True)
class _Course:
    """How often one thing began: the latest times, the first of this course, and whether it is there now."""

    latest: deque[float] = field(default_factory=lambda: deque(maxlen=WENT_TIMES))
    first: float = 0.0
    times: int = 0
    is_there: bool = False
    last: RawNeed | None = None


class NeedLines:
    """The lines of one rack; what was told of them before is kept between two looks."""

    def __init__(self) -> None:
        # The group that a thing was told in: it stays there.
        self._group_of: dict[str, str] = {}
        self._courses: dict[str, _Course] = {}
        self._first_seen: dict[str, float] = {}
        self._begun: deque[float] = deque(maxlen=_MOST)
        self._told: set[str] = set()
        self.is_flood = False

    def lines(self, raw: Sequence[RawNeed], now: float) -> list[Need]:
        """Return the lines, the most urgent first."""
        self._note_beginnings(raw, now)
        raw = self._with_what_went(raw, now)
        groups = self._by_cause(raw)
        self._count(groups.keys(), now)
        if self.is_flood:
            groups = self._by_kind(raw)
        lines = [self._line(name, sorted(members, key=self._order)) for name, members in groups.items()]
        return sorted(lines, key=lambda line: (line.priority.value, line.urgency, line.since))

    def since(self, need: RawNeed) -> float:
        """Return since when something is so, at the latest since it was first seen."""
        return self._first_seen[need.id] if need.since is None else need.since

    def _order(self, need: RawNeed) -> tuple[str, int, float]:
        return need.priority.value, need.urgency, self.since(need)

    def _note_beginnings(self, raw: Sequence[RawNeed], now: float) -> None:
        there = {need.id: need for need in raw}
        for need in raw:
            self._first_seen.setdefault(need.id, now)
        self._first_seen = {one: at for one, at in self._first_seen.items() if one in there or at > now - FLOOD_S}
        self._group_of = {one: group for one, group in self._group_of.items() if one in self._first_seen}
        of_course = {_course(need): need for need in raw}
        for name, need in of_course.items():
            course = self._courses.setdefault(name, _Course())
            if not course.is_there or course.last is None or course.last.id != need.id:
                if not course.latest or now - course.latest[-1] > FLOOD_S:
                    course.first, course.times = self.since(need), 0
                course.latest.append(self.since(need))
                course.times += 1
            course.is_there, course.last = True, need
        for name, course in list(self._courses.items()):
            course.is_there = name in of_course
            if not course.is_there and now - course.latest[-1] > FLOOD_S:
                del self._courses[name]

    def _with_what_went(self, raw: Sequence[RawNeed], now: float) -> list[RawNeed]:
        """Return what is there, and what has come and gone so often that it is told although it is not there now."""
        gone = [it for it in self._courses.values() if not it.is_there and _comes_and_goes(it, now)]
        for course in gone:
            if course.last is not None:
                self._first_seen.setdefault(course.last.id, course.first)
        return [*raw, *(course.last for course in gone if course.last is not None)]

    def _by_cause(self, raw: Iterable[RawNeed]) -> dict[str, list[RawNeed]]:
        """Return what is there by cause: of one code, or of one tester, and begun within a minute."""
        starts: dict[tuple[str, str], tuple[str, float]] = {}
        waiting = sorted(raw, key=self.since)
        for need in waiting:
            cause = need.priority.value, need.code
            known, began = starts.get(cause, ("", float("-inf")))
            if need.id not in self._group_of:
                self._group_of[need.id] = known if self.since(need) - began <= TOGETHER_S else need.id
            if self._group_of[need.id] != known:
                starts[cause] = self._group_of[need.id], self.since(need)
        self._join_bursts(waiting)
        groups: dict[str, list[RawNeed]] = {}
        for need in waiting:
            groups.setdefault(self._group_of[need.id], []).append(need)
        return groups

    def _join_bursts(self, waiting: Sequence[RawNeed]) -> None:
        """Join single things of several codes that began at one tester within a minute."""
        sizes = Counter(self._group_of[need.id] for need in waiting)
        by_tester: dict[tuple[str, str], list[RawNeed]] = {}
        for need in waiting:
            if need.channel is not None and sizes[self._group_of[need.id]] == 1:
                by_tester.setdefault((need.priority.value, need.instrument), []).append(need)
        for left in by_tester.values():
            while left:
                together = [it for it in left if self.since(it) - self.since(left[0]) <= TOGETHER_S]
                if len(together) >= _OF_ONE_TESTER:
                    self._group_of |= {it.id: self._group_of[left[0].id] for it in together}
                del left[: len(together)]

    def _by_kind(self, raw: Iterable[RawNeed]) -> dict[str, list[RawNeed]]:
        """Return what is there by priority and kind alone, as in a flood."""
        groups: dict[str, list[RawNeed]] = {}
        for need in raw:
            groups.setdefault(f"{need.priority.value}-{need.family}", []).append(need)
        return groups

    def _count(self, names: Iterable[str], now: float) -> None:
        """Count new lines, and decide whether they are a flood."""
        self._begun.extend([now] * len(set(names) - self._told))
        self._told = set(names)
        while self._begun and now - self._begun[0] > FLOOD_S:
            self._begun.popleft()
        self.is_flood = len(self._begun) >= FLOOD_ENDS if self.is_flood else len(self._begun) > FLOOD_BEGINS

    def _line(self, name: str, members: Sequence[RawNeed]) -> Need:
        first = members[0]
        courses = [self._courses[_course(it)] for it in members if _course(it) in self._courses]
        often = [it for it in courses if len(it.latest) == WENT_TIMES and it.latest[-1] - it.latest[0] <= FLOOD_S]
        items = [
            NeedItem(
                id=it.id, code=it.code, values=it.values, text=it.text, since=self.since(it), channel=it.channel,
                run_id=it.run_id, label=it.label, actions=list(it.actions) if it.run_id or it.channel else [],
            )
            for it in members
        ]  # fmt: skip
        if len(members) == 1:
            values, code, text = dict(first.values), first.code, first.text
        else:
            values, code, text = _of_group(members)
        if often:
            values |= {"times": max(it.times for it in often), "first_at": min(it.first for it in often)}
            code = "group.went" if len(members) > 1 else "went"
        return Need(
            id=name, priority=first.priority, code=code, values=values, text=text,
            since=min(self.since(it) for it in members),
            channels=[it.channel for it in members if it.channel is not None],
            run_id=first.run_id if len(members) == 1 else None, label=first.label if len(members) == 1 else None,
            actions=list(first.actions) if len(members) == 1 else [], items=items if len(members) > 1 else [],
            members=[it.id for it in members], urgency=first.urgency,
        )  # fmt: skip


def _course(need: RawNeed) -> str:
    return f"{need.channel} {need.family}" if need.channel is not None else need.id


def _comes_and_goes(course: _Course, now: float) -> bool:
    is_often = len(course.latest) == WENT_TIMES and course.latest[-1] - course.latest[0] <= FLOOD_S
    return is_often and now - course.latest[-1] <= FLOOD_S


def _of_group(members: Sequence[RawNeed]) -> tuple[Values, str, str]:
    """Return values, code and English of a line of several things."""
    families = {it.family for it in members}
    family = families.pop() if len(families) == 1 else ""
    values: Values = {"count": len(members), "state": family}
    channels = [it.channel for it in members if it.channel is not None]
    places = {it.unit for it in members} or {""}
    if len(places) == 1:
        values["unit"] = places.pop()
    instruments = {it.instrument for it in members if it.instrument}
    values["instrument"] = instruments.pop() if len(instruments) == 1 else ""
    where = str(values.get("unit") or values["instrument"] or "the rack")
    what = family.replace("_", " ") or "in need of a person"
    text = f"{where}: {len(channels) or len(members)} channels {what}" if channels else f"{len(members)} times {what}"
    code = f"group.{family}" if family else "group.mixed"
    return values, code, text
