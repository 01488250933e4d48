"""Changes each decision of the modules that stop a cell, and tells which changes no test notices.

``python -m tests.mutants`` tries all of them, ``python -m tests.mutants limits --every 10`` each tenth of one module.
Survivors that are no gap are explained in ``tests/mutants/survivors.toml``; exit status 1: there is another one.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tests.mutants.collected import killed_when_collected
from tests.mutants.mutations import mutants_of
from tests.mutants.trial import exit_code_of_fork, prepare, survives

ROOT = Path(__file__).parent.parent.parent
# The modules, each with the tests that speak of it: those that fail soonest first.
TESTS = {
    "protocols/voltage_order.py": ("step_order_boundaries", "step_order", "recipe_checks"),
    "protocols/plausibility.py": ("plausibility_boundaries", "plausibility", "plausibility_confirmed"),
    "protocols/channel_envelope.py": ("envelope_boundaries", "envelope"),
    "orchestrator/judging/preflight.py": ("preflight_boundaries", "preflight"),
    "orchestrator/judging/steadiness.py": ("preflight_alone",),
    "orchestrator/preflight/machine_checks.py": ("preflight_alone", "preflight_notices"),
    "orchestrator/preflight/program_checks.py": ("preflight_checks", "preflight_alone"),
    "orchestrator/preflight/alone.py": ("preflight_checks", "preflight_alone"),
    "orchestrator/rack/preflight.py": ("preflight_rack", "preflight_service"),
    "orchestrator/judging/limits.py": ("limit_boundaries", "safety", "halfcycles"),
    "orchestrator/judging/guards.py": ("guard_boundaries", "halfcycles", "open_circuit"),
    "orchestrator/judging/vanishing.py": ("vanishing_boundaries", "open_circuit"),
    "orchestrator/judging/open_circuit.py": (
        "open_circuit_edges",
        "open_circuit_boundaries",
        "open_circuit",
        "halfcycles",
    ),
    "orchestrator/judging/steps.py": ("steps_boundaries", "halfcycles"),
    "orchestrator/judging/step_trace.py": ("step_trace_boundaries", "trouble"),
    "orchestrator/judging/trouble.py": ("trouble_boundaries", "trouble"),
}
# A trial may take so many times the processor time of the tests without a mutant, and so many seconds more.
_TIMES, _MORE_S = 4.0, 10.0


def explained() -> dict[str, dict[str, str]]:
    """Return the survivors that are no gap: by module, the mutant's name and why no test can or should notice it."""
    with (ROOT / "tests" / "mutants" / "survivors.toml").open("rb") as file:
        return tomllib.load(file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants of the chosen modules; give 1 when one survives that is not explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="names of modules, such as limits (default: all)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="try each N-th mutant (default: 1)")
    parser.add_argument("--quick", action="store_true", help="believe survivors, and do not try them as a whole too")
    parser.add_argument("--only", default="", metavar="TEXT", help="try the mutants whose name has this text")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.modules if not any(_is_named(path, name) for path in TESTS)]:
        there = ", ".join(path.removesuffix(".py") for path in TESTS)
        parser.error(f"no such module: {', '.join(unknown)}; there are {there}")
    wanted = [path for path in TESTS if not chosen.modules or any(_is_named(path, name) for name in chosen.modules)]
    # Each in a process of its own: a module that was imported for the one before could not be changed any more.
    return max((_in_its_own_process(path, chosen) for path in wanted), default=0)


def _in_its_own_process(path: str, chosen: argparse.Namespace) -> int:
    return exit_code_of_fork(lambda: _module(path, chosen.every, chosen.only, quick=chosen.quick))


def _is_named(path: str, name: str) -> bool:
    """Say whether a module is meant by the end of its path: ``preflight`` or ``rack/preflight``."""
    return f"/{path}".removesuffix(".py").endswith(f"/{name}")


def _module(path: str, every: int, only: str, *, quick: bool) -> int:
    """Try a module's mutants, print its line, and return 1 when a survivor is left that nobody has explained."""
    prepare(Path(path))
    tests = [f"tests/test_{name}.py" for name in TESTS[path]]
    began_s = time.process_time()
    children = _children_s()
    if not survives(None, tests, ROOT, 600.0):
        sys.stderr.write(f"{path}: its tests fail without any mutant: {' '.join(tests)}\n")
        return 2
    limit_s = (_children_s() - children + time.process_time() - began_s) * _TIMES + _MORE_S
    mutants = [mutant for mutant in mutants_of(ROOT / path, ROOT) if only in mutant.name][::every]
    reasons, survivors = explained().get(path, {}), []
    killed_so = killed_when_collected(mutants, tests, ROOT)
    for number, mutant in enumerate(mutants, 1):
        is_killed = killed_so.get(mutant.name)
        # Who took a value while the tests were collected kept the old one: a survivor is tried as a whole too.
        if is_killed is None or not (is_killed or quick):
            is_killed = not survives(mutant, tests, ROOT, limit_s)
        if not is_killed:
            survivors.append(mutant)
        if is_killed == (mutant.name in reasons):
            how = "is explained, and killed" if is_killed else "survives"
            sys.stdout.write(f"{path}:{mutant.line}: {how}: {mutant.name}\n")
            sys.stdout.flush()
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{path}: {number} of {len(mutants)}, {len(survivors)} survive")
    gaps = [mutant for mutant in survivors if mutant.name not in reasons]
    killed = len(mutants) - len(survivors)
    share = f"{killed / len(mutants):.1%}" if mutants else "none"
    more = f"{len(survivors) - len(gaps)} survive and are explained, {len(gaps)} are gaps"
    sys.stdout.write(f"{path}: {len(mutants)} mutants, {killed} killed ({share}), {more}\n")
    sys.stdout.flush()
    return 1 if gaps else 0


def _children_s() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
