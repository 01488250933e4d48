"""How soon an output is off on each spoiled wire, in virtual time, beside the time that its driver states.

Also how long a question takes to end there, rightly or by an error. The suite is that of ``drivers.testing``.
"""

from __future__ import annotations

import logging

from benchmarks.figures import Aim, Figure, Size
from drivers.testing import SPOILED_WIRES
from drivers.testing.wire_claims import Seen
from drivers.testing.wired import WireFacts
from orchestrator.clock.virtual import run_virtual
from tests.wired_in_memory import Make
from tests.wired_instruments import ROWS


def measure(size: Size) -> list[Figure]:
    """Give for each driver the longest time until its output was off, and until a question ended."""
    rows = list(ROWS) if size is not Size.SMOKE else ["keithley-2450", "relay-mux"]
    wires = SPOILED_WIRES[:: size.of(1, 1, 7)]
    # The drivers tell of every fault, which is what is made here.
    logging.disable(logging.CRITICAL)
    try:
        return [figure for row in rows for figure in _figures(ROWS[row], wires)]
    finally:
        logging.disable(logging.NOTSET)


def _figures(make: Make, wires: tuple[object, ...]) -> list[Figure]:
    facts = run_virtual(_facts(make))
    seen: dict[str, Seen] = {}
    for case in SPOILED_WIRES:
        if case in wires:
            seen[case.name] = run_virtual(case(make))
    slowest = max(seen, key=lambda name: seen[name].answer_s)
    found = [
        Figure(
            f"{facts.name}: a question ends ({slowest})",
            seen[slowest].answer_s,
            "s",
            Aim(facts.answers_within_s, at_most=True),
        )
    ]
    off = {name: one.off_s for name, one in seen.items() if one.off_s is not None}
    if facts.off_within_s is not None and off:
        last = max(off, key=off.__getitem__)
        aim = Aim(facts.off_within_s, at_most=True)
        found.append(Figure(f"{facts.name}: output off ({last})", off[last], "s", aim))
    return found


async def _facts(make: Make) -> WireFacts:
    async with make() as it:
        return it.facts
