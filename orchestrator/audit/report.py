"""The outcome of an audit as a value: its findings, the gravest first, and what was followed on each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from orchestrator.audit.kinds import AuditFinding
from orchestrator.audit.rack_audit import ChannelSummary
from orchestrator.clock.durations import duration_words
from orchestrator.events.kinds import Severity

_GRAVEST_FIRST = tuple(reversed(Severity))


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit saw of a bench from ``began_unix_s`` to ``ended_unix_s``, of which it looked for ``looked_s``.

    ``failed`` counts looks without an answer, ``trouble`` is the last reason. ``notes`` say what could not be seen.
    ``sent`` counts the commands that were sent, by their names: none of them writes.
    """

    bench: str
    began_unix_s: float
    ended_unix_s: float
    looked_s: float
    findings: tuple[AuditFinding, ...]
    channels: tuple[ChannelSummary, ...]
    looks: int
    failed: int
    trouble: str
    notes: tuple[str, ...]
    sent: tuple[tuple[str, int], ...]
    is_simulated: bool = False

    @property
    def records(self) -> int:
        """How many records were read."""
        return sum(channel.sums.records for channel in self.channels)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found that is a warning or worse, and anything was followed."""
        return bool(self.channels) and not any(it.severity.is_at_least(Severity.WARNING) for it in self.findings)

    @property
    def headline(self) -> str:
        """The outcome in one sentence."""
        lasted = duration_words(self.looked_s)
        what = f"{_many(len(self.channels), 'test')} followed for {lasted}, {_many(self.records, 'record')} read"
        if not self.channels:
            return f"no test ran within {lasted}: nothing was audited"
        return f"{_many(len(self.findings), 'finding')}: {what}"

    def as_dict(self) -> dict[str, object]:
        """Return the document that ``--json`` prints."""
        return {
            "bench": self.bench,
            "simulated": self.is_simulated,
            "began_unix_s": self.began_unix_s,
            "ended_unix_s": self.ended_unix_s,
            "looked_s": self.looked_s,
            "headline": self.headline,
            "clean": self.is_clean,
            "looks": self.looks,
            "failed_looks": self.failed,
            "trouble": self.trouble,
            "commands_sent": dict(self.sent),
            "findings": [_finding(it) for it in self.findings],
            "channels": [asdict(channel) for channel in self.channels],
            "notes": list(self.notes),
        }


def _finding(it: AuditFinding) -> dict[str, object]:
    return {
        "kind": it.seen.kind.value,
        "severity": it.severity.value,
        "channel": it.channel,
        "test": it.test_id,
        "barcode": it.barcode,
        "since_unix_s": it.seen.since_unix_s,
        "times": it.times,
        "sentence": it.seen.sentence,
        "evidence": dict(it.seen.evidence),
        "to_do": it.to_do,
    }


def gravest_first(findings: Sequence[AuditFinding]) -> tuple[AuditFinding, ...]:
    """Return findings in the order in which a person should read them."""
    return tuple(sorted(findings, key=lambda it: (_GRAVEST_FIRST.index(it.severity), it.seen.since_unix_s, it.channel)))


def off_words(counted: float, integral: float) -> str:
    """Return by which part a counter is off its integral, as per cent; nothing where nothing was counted."""
    return "" if not integral else f"{counted / integral - 1:+.2%}"


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}".replace(",", " ")
