"""The table of an attack: one line for each reply and field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.attack.life import Outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table: how many cases, how they ended, when it was told at worst, what the tester did."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.case.group, []).append(outcome)
    head = ("reply and field", "cases", "spoiled", "ended", "told, s", "starts", "stops", "on", "as said", "wrong")
    rows = [head, *(_row(name, some) for name, some in groups.items()), _row("all", outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def _row(name: str, some: Sequence[Outcome]) -> tuple[str, ...]:
    ends = Counter(outcome.state or "none" for outcome in some)
    told = [outcome.told_after_s for outcome in some if outcome.told_after_s is not None]
    return (
        name,
        str(len(some)),
        str(sum(outcome.spoiled > 0 for outcome in some)),
        ", ".join(f"{count} {state}" for state, count in ends.most_common()),
        f"{max(told):.0f}" if told else "-",
        str(max(outcome.starts for outcome in some)),
        str(max(outcome.stops for outcome in some)),
        str(sum(outcome.working for outcome in some)),
        str(sum(outcome.believed > 0 for outcome in some)),
        str(sum(bool(outcome.wrong) for outcome in some)),
    )
