"""``python -m benchmarks [NAME ...] [--quick] [--json] [--compare REV]``: measure, then print one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial

from benchmarks import (
    analysis,
    archive,
    audit,
    backfill,
    channel_hours,
    commissioning,
    compare,
    cutoffs,
    decisions,
    demo,
    door,
    export,
    feed,
    guards,
    help_start,
    import_start,
    importing,
    limits,
    listeners,
    lookers,
    notices,
    rack,
    reader,
    recipes,
    restart,
    screen,
    shorts,
    softshort,
    spectra,
    time_left,
    whole_path,
    wires,
)
from benchmarks.figures import Figure, Size, conditions, table

BENCHMARKS: dict[str, Callable[[Size], list[Figure]]] = {
    "demo": demo.measure,
    "backfill": backfill.measure,
    "path": whole_path.measure,
    "hours": channel_hours.measure,
    "rack": rack.measure,
    "listeners": listeners.measure,
    "reader": reader.measure,
    "export": export.measure,
    "archive": archive.measure,
    "importing": importing.measure,
    "door": door.measure,
    "lookers": lookers.measure,
    "screen": screen.measure,
    "feed": feed.measure,
    "notices": notices.measure,
    "restart": restart.measure,
    "softshort": softshort.measure,
    "shorts": shorts.measure,
    "analysis": analysis.measure,
    "audit": audit.measure,
    "guards": guards.measure,
    "limits": limits.measure,
    "spectra": spectra.measure,
    "commissioning": commissioning.measure,
    "recipes": recipes.measure,
    "timeleft": time_left.measure,
    "cutoffs": cutoffs.measure,
    "decisions": decisions.measure,
    "wires": wires.measure,
    "help": help_start.measure,
    "import": import_start.measure,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks named, or all. The exit status tells nothing of speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure how fast cellrig is.")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"what to measure: {', '.join(BENCHMARKS)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer repeats: rough figures in a minute")
    parser.add_argument("--smoke", action="store_true", help="just enough to see that each benchmark still runs")
    parser.add_argument("--seed", default=shorts.SEED, help="another population for shorts, guards, limits and spectra")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--compare", metavar="REV", help="the same figures of another revision beside, as ratios")
    parser.add_argument(
        "--turns", type=int, default=5, choices=range(1, 100), metavar="N", help="turns of --compare (5)"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    if options.compare:
        return _compare(options)
    size = Size.SMOKE if options.smoke else Size.QUICK if options.quick else Size.FULL
    where = conditions()
    results: dict[str, list[Figure]] = {}
    measures: dict[str, Callable[[Size], list[Figure]]] = {
        **BENCHMARKS,
        "shorts": partial(shorts.measure, seed=options.seed),
        "guards": partial(guards.measure, seed=options.seed),
        "limits": partial(limits.measure, seed=options.seed),
        "spectra": partial(spectra.measure, seed=options.seed),
    }
    for name, measure in measures.items():
        if not options.names or name in options.names:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            results[name] = measure(size)
    if options.json:
        figures = [figure.as_dict(name) for name, found in results.items() for figure in found]
        print(json.dumps({"conditions": where, "size": size.name.lower(), "figures": figures}, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in where.items()))
        print(table(results))
    return 0


def _compare(options: argparse.Namespace) -> int:
    """Measure another revision by turns with this one, and print the ratios."""
    arguments = [*options.names, "--seed", options.seed, *(["--quick"] if options.quick else [])]
    where = conditions()
    found = compare.compare(options.compare, arguments, options.turns)
    if options.json:
        print(json.dumps({"conditions": where, "figures": [asdict(it) for it in found]}, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in where.items()))
        print(compare.table(options.compare, found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
