"""The value of one pre-flight check: its name, its outcome, a sentence on what was seen, and what to do.

::

    check = failed(CheckName.DISK, "the disk has 12.0 MB free", "free space, then order the run again")
    check.refusal      # 'the disk has 12.0 MB free; free space, then order the run again'
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum


class CheckName(StrEnum):
    """The names of the checks, in the order in which they are told; docs/preflight.md says what each asks."""

    STARTS = "starts"
    CHANNEL = "channel"
    CELL = "cell"
    TESTER = "tester"
    CALIBRATION = "calibration"
    VERSIONS = "versions"
    COMMISSIONED = "commissioned"
    ENVELOPE = "envelope"
    PROOF = "proof"
    LIMITS = "limits"
    FOLDER = "folder"
    DURATION = "duration"
    PLAUSIBLE = "plausible"
    CONTACT = "contact"
    VOLTAGE = "voltage"
    STEADY = "steady"
    OVEN = "oven"
    DISK = "disk"
    BACKUP = "backup"
    UPS = "ups"
    CLOCK = "clock"
    NOTICES = "notices"


class Outcome(StrEnum):
    """The outcome of a check. A failed one refuses the start; a warning is told and refuses nothing."""

    PASS = "pass"  # noqa: S105 - a word, no password
    WARN = "warn"
    FAIL = "fail"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Check:
    """One named check. ``to_do`` says what a person does about it; empty where there is nothing to do."""

    check: CheckName
    outcome: Outcome
    sentence: str
    to_do: str = ""

    @property
    def is_failed(self) -> bool:
        """Whether it refuses the start."""
        return self.outcome is Outcome.FAIL

    @property
    def refusal(self) -> str:
        """What was seen and what to do, in one text."""
        if not self.to_do:
            return self.sentence
        if self.sentence.endswith(("?", ".")):
            return f"{self.sentence} {self.to_do[0].upper()}{self.to_do[1:]}"
        return f"{self.sentence}; {self.to_do}"


class Postponed(Check):
    """A check that is not asked here and is asked before the start, or by a service: it refuses nothing meanwhile."""

    __slots__ = ()


def passed(check: CheckName, sentence: str) -> Check:
    """Return a check that speaks for the start."""
    return Check(check, Outcome.PASS, sentence)


def warned(check: CheckName, sentence: str, to_do: str = "") -> Check:
    """Return a check that does not refuse the start, and that a person should read."""
    return Check(check, Outcome.WARN, sentence, to_do)


def failed(check: CheckName, sentence: str, to_do: str = "") -> Check:
    """Return a check that refuses the start."""
    return Check(check, Outcome.FAIL, sentence, to_do)


def not_asked(check: CheckName, sentence: str, to_do: str = "") -> Check:
    """Return a check that could not be made here, or is switched off; ``sentence`` says why."""
    return Check(check, Outcome.NOT_ASKED, sentence, to_do)


def postponed(check: CheckName, sentence: str) -> Check:
    """Return a check that is asked later, or by a service; ``sentence`` says what it waits for."""
    return Postponed(check, Outcome.NOT_ASKED, sentence)


def refusals(checks: Iterable[Check]) -> list[str]:
    """Return what each failed check says; empty if nothing speaks against the start."""
    return [check.refusal for check in checks if check.is_failed]


def in_order(checks: Iterable[Check], refuse: Collection[CheckName] = ()) -> tuple[Check, ...]:
    """Return checks in the order of their names, those in ``refuse`` strictly, as a bench may want.

    A warning of such a check fails, and so does one that cannot be asked, unless it is postponed.
    """
    told = [_strict(check) if check.check in refuse else check for check in checks]
    return tuple(sorted(told, key=lambda check: _PLACES[check.check]))


def with_unasked(checks: Sequence[Check], why: str) -> tuple[Check, ...]:
    """Add each check that is not among these as one that is asked elsewhere, for a reason."""
    asked = {check.check for check in checks}
    return in_order([*checks, *(postponed(name, why) for name in CheckName if name not in asked)])


def _strict(check: Check) -> Check:
    if check.outcome is Outcome.WARN:
        return replace(check, outcome=Outcome.FAIL)
    if check.outcome is Outcome.NOT_ASKED and not isinstance(check, Postponed):
        return replace(check, outcome=Outcome.FAIL, sentence=f"{check.sentence}; {_UNASKED.format(check.check)}")
    return check


_UNASKED = "it cannot be asked, and nothing starts without it here ([preflight] refuse names {})"
_PLACES = {name: place for place, name in enumerate(CheckName)}
