"""Measures another revision beside this one, by turns on one machine, and gives the ratios of their figures.

The other revision is checked out into a folder of its own and installed from its own lock into an environment of its
own; each revision is measured by its own benchmarks. Figures are matched by benchmark and name: what only one of the
two measures is listed without a ratio.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.figures import columns, shown

HERE = Path(__file__).resolve().parents[1]

# A figure by its benchmark, its name, and which of those with that name it is: "  found" stands below several others.
Name = tuple[str, str, int]
# The figures of one turn of one revision, as ``--json`` tells them.
Turn = dict[Name, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Revision:
    """A checkout with the interpreter of an environment in which it is installed."""

    name: str
    folder: Path
    python: Path

    def measure(self, arguments: Sequence[str]) -> Turn:
        """Run benchmarks in a process of their own and return their figures. Raises SystemExit where they fail."""
        command = [str(self.python), "-m", "benchmarks", *arguments, "--json"]
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"benchmarks of {self.name} ended with status {done.returncode}; a benchmark that it does not have is "
                f"left out by naming the others: {' '.join(command)}"
            )
        return numbered(json.loads(done.stdout)["figures"])


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of both revisions, by turns: ``these`` of this one, ``others`` of the other, in the figure's unit."""

    name: Name
    unit: str
    these: tuple[float, ...]
    others: tuple[float, ...]

    def ratios(self) -> list[float]:
        """Return this revision's value by the other's, for each turn in which both are known and none is 0."""
        return [this / other for this, other in zip(self.these, self.others, strict=False) if this and other]

    def row(self) -> tuple[str, ...]:
        """Return the columns of the table: medians, the ratio of the medians' turns, and the turns' spread."""
        values = [shown(median(values)) if values else "-" for values in (self.these, self.others)]
        ratios = self.ratios()
        if not ratios:
            return (*self.name[:2], *values, self.unit, "-", "")
        spread = f"{shown(min(ratios))} to {shown(max(ratios))}"
        return (*self.name[:2], *values, self.unit, shown(median(ratios)), spread)


def numbered(figures: Sequence[dict[str, Any]]) -> Turn:
    """Return figures by their names, in their order."""
    named: Turn = {}
    seen: Counter[tuple[str, str]] = Counter()
    for figure in figures:
        name = figure["benchmark"], figure["name"]
        named[*name, seen[name]] = figure
        seen[name] += 1
    return named


def compare(revision: str, arguments: Sequence[str], turns: int) -> list[Compared]:
    """Measure this checkout and another revision by turns; which of the two begins changes with each turn."""
    here = Revision("this checkout", HERE, Path(sys.executable))
    with checked_out(revision) as other:
        found: dict[Revision, list[Turn]] = {here: [], other: []}
        for turn in range(turns):
            for it in (here, other) if turn % 2 == 0 else (other, here):
                print(f"turn {turn + 1} of {turns}: {it.name}", file=sys.stderr, flush=True)
                found[it].append(it.measure(arguments))
    return matched(found[here], found[other])


def matched(these: Sequence[Turn], others: Sequence[Turn]) -> list[Compared]:
    """Match the figures of the turns of two revisions by benchmark and name, this one's order first."""
    units = {name: it["unit"] for turn in (*these, *others) for name, it in turn.items()}
    return [
        Compared(
            name,
            unit,
            tuple(turn[name]["value"] for turn in these if name in turn),
            tuple(turn[name]["value"] for turn in others if name in turn),
        )
        for name, unit in units.items()
    ]


def table(revision: str, compared: Sequence[Compared]) -> str:
    """Lay the figures out in plain columns; a ratio is this checkout's value by that of the other revision."""
    heads = ("", "figure", "this", revision, "unit", "ratio", "turns")
    return columns([heads, *(it.row() for it in compared)], right={2, 3, 5})


@contextmanager
def checked_out(revision: str) -> Iterator[Revision]:
    """Check a revision out and install it from its own lock, in a temporary folder that goes with the block."""
    commit = _output("git", "rev-parse", "--short", "--verify", f"{revision}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="cellrig-compare-") as root:
        folder = Path(root) / "checkout"
        _output("git", "worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            print(f"installing {commit} ...", file=sys.stderr, flush=True)
            python = Path(root) / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
            _output(sys.executable, "-m", "venv", str(python.parents[1]))
            pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
            _output(*pip, "--require-hashes", "-r", str(folder / "requirements-test.lock"))
            _output(*pip, "--no-deps", "--no-build-isolation", "--editable", str(folder))
            yield Revision(commit, folder, python)
        finally:
            _output("git", "worktree", "remove", "--force", str(folder))


def _output(*command: str) -> str:
    """Return what a command prints. Raises SystemExit with its own words where it fails."""
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"cannot compare: {' '.join(command[:3])} ... said: {done.stderr.strip()}")
    return done.stdout.strip()
