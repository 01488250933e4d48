"""One trial of a mutant: the tests of its module run in a process of their own, with the mutant in the module's place.

The process is forked from one that has imported the libraries, so that a trial costs what its tests cost. A mutant that
makes a test go on for ever is ended by a limit of processor time, which a busy machine does not shorten.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import os
import resource
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants.mutations import Mutant

# What our modules import of other people, and what a trial of a floor above does not change.
_LIBRARIES = ("hypothesis", "numpy", "pydantic", "ruamel.yaml", "sqlite_utils", "pytest_asyncio", "defusedxml", "httpx")
_KEPT = {"orchestrator": ("protocols.resolve", "protocols.loading", "simulators.bench", "drivers.neware.tester")}

# The plugins were imported before the fork, which pytest warns of.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-n", "0", "-W", "ignore::pytest.PytestAssertRewriteWarning")


class MutantLoader(importlib.abc.InspectLoader):
    """Gives one module's changed source, and finds it before the file is found."""

    def __init__(self, mutant: Mutant, root: Path) -> None:
        self._mutant = mutant
        self._root = root
        self._name = ".".join(mutant.path.with_suffix("").parts)

    def find_spec(
        self, fullname: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the mutated module."""
        if fullname != self._name:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(self._root / self._mutant.path))

    def get_source(self, fullname: str) -> str:
        """Give the changed source."""
        return self._mutant.source()


def prepare(module: Path) -> None:
    """Import what every trial of a module needs and none changes; modules of ``protocols`` come first, by themselves.

    Raises RuntimeError when the module itself is imported already: no mutant would take its place any more.
    """
    root_package = module.parts[0]
    if ".".join(module.with_suffix("").parts) in sys.modules:
        raise RuntimeError(f"{module} is imported already: try it in a call of its own")
    for name in (*_LIBRARIES, *_KEPT.get(root_package, ())):
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()


def survives(mutant: Mutant | None, tests: Sequence[str], root: Path, limit_s: float) -> bool:
    """Return whether all tests pass with a mutant in its module's place, or without one."""
    return exit_code_of_fork(lambda: _try(mutant, tests, root, limit_s)) == pytest.ExitCode.OK


def exit_code_of_fork(work: Callable[[], int]) -> int:
    """Do a work in a fork of this process, and return its exit code; 3 where it raises, below 0 for a signal."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            code = work()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def limit_processor_time(limit_s: float) -> None:
    """Let the system end this process after so many seconds of a processor more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + limit_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))


def write_nowhere() -> None:
    """Let this process write its outputs nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _try(mutant: Mutant | None, tests: Sequence[str], root: Path, limit_s: float) -> int:
    if mutant is not None:
        sys.meta_path.insert(0, MutantLoader(mutant, root))
    limit_processor_time(limit_s)
    write_nowhere()
    os.chdir(root)
    with suppress(SystemExit):
        return int(pytest.main([*OPTIONS, *tests]))
    return 1
