"""Orders runs at random and checks what comes of it: ``python -m tests.orders [--seed S] [--orders N]``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.orders.plan import SHIFT, draw
from tests.orders.shift import Outcome, play
from tests.orders.shrinking import shrunk

_STORY = 25


def _play(seed: str, count: int) -> Outcome:
    logging.disable(logging.CRITICAL)
    return play(draw(seed, count))


def main(arguments: Sequence[str] | None = None) -> int:
    """Work through the shifts asked for; 1 at the first that breaks an invariant, with the fewest orders that do."""
    parser = argparse.ArgumentParser(prog="python -m tests.orders", description=__doc__)
    parser.add_argument("--seed", default="1", help="of all shifts, as 1, or of one, as 1/7 (default: 1)")
    parser.add_argument("--orders", type=int, default=10_000, help="how many (default: 10000)")
    parser.add_argument("--workers", type=int, default=2, help="shifts at the same time (default: 2)")
    asked = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    began_s = time.perf_counter()
    if "/" in asked.seed:
        shifts = {asked.seed: min(asked.orders, SHIFT)}
    else:
        sizes = [min(SHIFT, asked.orders - done) for done in range(0, asked.orders, SHIFT)]
        shifts = {f"{asked.seed}/{n}": size for n, size in enumerate(sizes, 1)}
    ordered: Counter[str] = Counter()
    tests, slowest_s = 0, 0.0
    with ProcessPoolExecutor(min(asked.workers, len(shifts), os.cpu_count() or 1)) as pool:
        playing = {seed: pool.submit(_play, seed, size) for seed, size in shifts.items()}
        for seed, future in playing.items():
            outcome = future.result()
            if outcome.broken:
                pool.shutdown(cancel_futures=True)
                _explain(seed, shifts[seed], outcome)
                return 1
            ordered += outcome.ordered
            tests += outcome.tests
            slowest_s = max(slowest_s, outcome.slowest_stop_s)
            _say(f"shift {seed}: {sum(outcome.ordered.values())} orders, {outcome.tests} tests, {outcome.wall_s:.1f} s")
    told = ", ".join(f"{count} {kind}" for kind, count in ordered.most_common())
    _say(f"{ordered.total()} orders ({told})")
    _say(f"{tests} tests, 0 violations, slowest answer to a stop {slowest_s:.2f} s")
    _say(f"{time.perf_counter() - began_s:.0f} s in all")
    return 0


def _explain(seed: str, size: int, outcome: Outcome) -> None:
    _say(f"shift {seed} breaks an invariant: {outcome.broken}")
    left, again = shrunk(draw(seed, size)[: outcome.last])
    _say(f"these {len(left)} orders are enough:")
    for order in left:
        _say(f"  {order}")
    _say(f"what was said: {again.broken}")
    for line in again.story[-_STORY:]:
        _say(f"  {line}")
    _say(f"replay: python -m tests.orders --seed {seed} --orders {size}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
