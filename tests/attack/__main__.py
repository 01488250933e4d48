"""Try every case and print one table: ``python -m tests.attack [--every N] [--only WORDS] [--jobs N]``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.attack.cases import cases
from tests.attack.life import Case, Outcome, live_through
from tests.attack.table import table


def chosen(every: int, only: str) -> list[Case]:
    """Return each so-manieth case, of those whose title has these words."""
    return [case for case in cases() if only in case.title][::every]


def live_through_all(some: Sequence[Case], jobs: int) -> Iterator[Outcome]:
    """Live through cases, several at a time, in order."""
    if jobs == 1:
        yield from map(live_through, some)
        return
    with ProcessPoolExecutor(jobs, initializer=_quiet) as pool:
        yield from pool.map(live_through, some, chunksize=4)


def _quiet() -> None:
    logging.getLogger().addHandler(logging.NullHandler())


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all cases asked for; give 1 when anything is wrong with one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description="a tester behind a spoiling proxy")
    parser.add_argument("--every", type=int, default=1, help="try each so-manieth case (default: 1)")
    parser.add_argument("--only", default="", help="try the cases whose title has these words")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a processor)")
    asked = parser.parse_args(arguments)
    _quiet()
    outcomes: list[Outcome] = []
    failed = 0
    for outcome in live_through_all(chosen(asked.every, asked.only), asked.jobs):
        outcomes.append(outcome)
        failed += bool(outcome.wrong)
        for problem in outcome.wrong:
            sys.stdout.write(f"{outcome.case.title}: {problem}\n")
            sys.stdout.flush()
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{len(outcomes)} cases, {failed} with something wrong")
    sys.stdout.write(table(outcomes))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
