"""Selects to whom a notice goes, by severity, channel, and who has ordered the run. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator.bench.notice_settings import NoticeSettings, TargetSettings
from orchestrator.events import Severity
from orchestrator.notices.values import Notice
from protocols.plausibility import is_same_person


@dataclass(frozen=True, slots=True)
class Route:
    """The targets of one person, in the order in which they are tried until one takes the notice."""

    person: str
    targets: tuple[str, ...]


def levels_of(settings: NoticeSettings, notice: Notice) -> tuple[int, ...]:
    """Return the levels of escalation at which somebody gets a notice, the first to be told first."""
    return tuple(sorted({target.level for target in _taking(settings, notice)}))


def routes_of(settings: NoticeSettings, notice: Notice, level: int) -> tuple[Route, ...]:
    """Return a route for each person who gets a notice at a level of escalation."""
    persons: dict[str, list[str]] = {}
    for target in _taking(settings, notice):
        if target.level == level:
            persons.setdefault(target.person or target.name, []).append(target.name)
    return tuple(Route(person, tuple(names)) for person, names in persons.items())


def _taking(settings: NoticeSettings, notice: Notice) -> Iterable[TargetSettings]:
    """Return the targets that get a notice; an alarm that none would get goes to all of them."""
    found = [target for target in settings.targets if _takes(target, notice)]
    return found if found or notice.severity is not Severity.ALARM else settings.targets


def _takes(target: TargetSettings, notice: Notice) -> bool:
    if not notice.severity.is_at_least(Severity(target.severity)):
        return False
    if notice.channel is None:
        return True
    # ``ada `` has ordered what ``Ada`` is told; an order without a name is nobody's own.
    is_own = bool(notice.person) and is_same_person(target.person, notice.person)
    if target.runs == "own" and notice.run_id is not None and not is_own:
        return False
    return any(fnmatchcase(notice.channel.lower(), pattern.lower()) for pattern in target.channels)
