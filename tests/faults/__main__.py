"""Injects the ninety faults and prints the table: each fault, its safe behaviour, its tests, what was measured.

``python -m tests.faults`` runs all of them, in minutes; ``python -m tests.faults A12 F`` one fault and a group;
``--write`` renders the catalogue into docs/faults.md. Exit status 1: a test of a fault fails, or a fault has none.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence

import pytest

from tests.faults.catalogue import COUNTS, PAGE, ROOT, TITLES, Fault, catalogue, with_catalogue


class Outcomes:
    """What a session of pytest told: for each test the worst outcome of its cases, and the figures of each fault."""

    def __init__(self) -> None:
        self.cases: defaultdict[str, list[str]] = defaultdict(list)
        self.figures: defaultdict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a case: its call, or a set-up or a clean-up that did not pass."""
        if report.when == "call" or report.outcome != "passed":
            name = report.nodeid.partition("tests/")[2].partition("[")[0]
            self.cases[name].append(report.outcome)
            for fault, value in report.user_properties:
                if report.when == "call":
                    self.figures[fault].append(str(value))


def told(fault: Fault, outcomes: Outcomes) -> tuple[str, str]:
    """Return how the tests of a fault went, in a word, and in how many cases."""
    if not fault.tests:
        return ("not injected", fault.not_injected) if fault.not_injected else ("MISSING", "no test shows it yet")
    cases = [outcomes.cases.get(name, []) for name in fault.tests]
    flat = [outcome for found in cases for outcome in found]
    failed = flat.count("failed")
    if failed:
        return "FAILED", f"{failed} of {len(flat)} cases"
    if not all(cases) or "skipped" in flat:
        return "NOT RUN", f"{sum(not found for found in cases)} of {len(cases)} tests did not run here"
    return "passed", f"{len(flat)} case{'s' if len(flat) > 1 else ''}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tests of the chosen faults and print their table; give 1 when one fails or is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("faults", nargs="*", help="numbers such as A12, or groups such as F (default: all)")
    parser.add_argument(
        "--write", action="store_true", help="render the catalogue into docs/faults.md, and run nothing"
    )
    parser.add_argument("--workers", default="2", metavar="N", help="tests at the same time (default: 2)")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        PAGE.write_text(with_catalogue(PAGE.read_text("utf-8")), "utf-8")
        return 0
    wanted = [fault for fault in catalogue() if not chosen.faults or {fault.number, fault.number[0]} & {*chosen.faults}]
    if not wanted:
        parser.error(f"no such fault; they are numbered {', '.join(f'{c}01 to {c}{n:02}' for c, n in COUNTS.items())}")
    return _run(wanted, chosen.workers)


def _run(wanted: Sequence[Fault], workers: str) -> int:
    outcomes = Outcomes()
    names = [str(ROOT / "tests" / name) for name in dict.fromkeys(test for fault in wanted for test in fault.tests)]
    if names:
        options = [
            "-q",
            "-p",
            "no:cacheprovider",
            "-n",
            workers,
            f"--rootdir={ROOT}",
            f"--config-file={ROOT}/pyproject.toml",
        ]
        pytest.main([*options, *names], plugins=[outcomes])
    results = {fault.number: told(fault, outcomes) for fault in wanted}
    group = ""
    for fault in wanted:
        if fault.number[0] != group:
            group = fault.number[0]
            _say(f"\n{group}. {TITLES[group]}")
        word, more = results[fault.number]
        _say(f"{fault.number}  {word:<12}  {fault.fault}")
        _say(f"     {'':<12}  {fault.safe}")
        _say(f"     {'':<12}  {more}{''.join(f'; {value}' for value in dict.fromkeys(outcomes.figures[fault.number]))}")
    counts = defaultdict[str, list[str]](list)
    for number, (word, _) in results.items():
        counts[word].append(number)
    _say("")
    for word, numbers in counts.items():
        _say(f"{len(numbers)} {word}" + ("" if word == "passed" else f": {', '.join(numbers)}"))
    return 1 if counts.keys() - {"passed", "not injected"} else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
