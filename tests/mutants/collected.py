"""Trials in one session of pytest: its tests are collected once, and each mutant is put into a fork of it.

In the fork the code of the functions that a mutant changes is exchanged, and the tests that call one of them are run,
the quickest first, until one fails. Who took a value while the tests were collected keeps the value of the unchanged
module: a mutant that survives here is tried once more as a whole (``trial``), and one outside of functions only there.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import IO

import pytest

from tests.mutants.mutations import Mutant
from tests.mutants.trial import OPTIONS, exit_code_of_fork, limit_processor_time, write_nowhere

# A function is known by its name and the line of its ``def``.
_Function = tuple[str, int]
# A trial may take so many times the processor time of its tests without a mutant, and so many seconds more.
_TIMES, _MORE_S = 4.0, 3.0


def killed_when_collected(mutants: Sequence[Mutant], tests: Sequence[str], root: Path) -> dict[str, bool]:
    """Return, by the names of the mutants that can be tried so, whether a test fails; in a process of its own.

    Raises RuntimeError when a test fails without any mutant.
    """
    read, write = os.pipe()
    with os.fdopen(read, encoding="utf-8") as told:
        plugin = _Trials(mutants, root, write)
        code = exit_code_of_fork(lambda: _session(plugin, tests, root))
        os.close(write)
        found: dict[str, bool] = dict(json.loads(line) for line in told)
    if code != pytest.ExitCode.OK:
        raise RuntimeError(f"tests fail without any mutant: {' '.join(tests)}")
    return found


def _session(plugin: _Trials, tests: Sequence[str], root: Path) -> int:
    write_nowhere()
    os.chdir(root)
    return int(pytest.main([*OPTIONS, *tests], plugins=[plugin]))


@dataclass(slots=True)
class _Ran:
    """What a test does without a mutant: the functions of the module that it calls, and its processor time."""

    calls: set[_Function] = field(default_factory=set)
    takes_s: float = 0.0


class _Trials:
    """The plugin: runs all tests once, then each mutant's in a fork."""

    def __init__(self, mutants: Sequence[Mutant], root: Path, write: int) -> None:
        self._mutants, self._root, self._write = mutants, root, write

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed or not session.items:
            raise pytest.UsageError("tests that cannot be collected")
        ran = self._unchanged(session)
        functions = _functions(self._root / self._mutants[0].path) if self._mutants else {}
        with os.fdopen(os.dup(self._write), "w", encoding="utf-8") as told:
            for mutant in self._mutants:
                self._try(session, mutant, ran, functions, told)
        return True

    def _try(
        self,
        session: pytest.Session,
        mutant: Mutant,
        ran: Sequence[_Ran],
        functions: dict[_Function, list[FunctionType]],
        told: IO[str],
    ) -> None:
        """Tell whether a mutant is killed; nothing of one that is no change of a function that there is."""
        new = _changed(mutant, self._root)
        changed = [(function, code) for key, code in new for function in functions.get(key, ())]
        if not changed:
            return
        names = {_key(function.__code__) for function, _ in changed}
        chosen = sorted((n for n, one in enumerate(ran) if names & one.calls), key=lambda n: ran[n].takes_s)
        limit_s = sum(ran[n].takes_s for n in chosen) * _TIMES + _MORE_S
        items = [session.items[n] for n in chosen]

        def trial() -> int:
            limit_processor_time(limit_s)
            for function, code in changed:
                function.__code__ = code
            return _run(session, items)

        print(json.dumps((mutant.name, exit_code_of_fork(trial) != 0)), file=told, flush=True)

    def _unchanged(self, session: pytest.Session) -> list[_Ran]:
        """Run every test without a mutant, in a fork, and return what each calls."""
        read, write = os.pipe()
        file = str(self._root / self._mutants[0].path) if self._mutants else ""

        def all_of_them() -> int:
            with os.fdopen(write, "w", encoding="utf-8") as out:
                for item in session.items:
                    began_s, calls = time.process_time(), set[_Function]()
                    with _watched(file, calls):
                        code = _run(session, [item])
                    if code:
                        return code
                    print(json.dumps([time.process_time() - began_s, sorted(calls)]), file=out, flush=True)
            return 0

        with os.fdopen(read, encoding="utf-8") as told:
            # What many tests tell is more than a pipe holds: it is read while they run.
            lines: list[str] = []
            reader = threading.Thread(target=lambda: lines.extend(told))
            reader.start()
            code = exit_code_of_fork(all_of_them)
            os.close(write)
            reader.join()
        if code:
            raise pytest.UsageError("a test fails without a mutant")
        return [_Ran({(name, at) for name, at in calls}, takes_s) for takes_s, calls in map(json.loads, lines)]


def _run(session: pytest.Session, items: Sequence[pytest.Item]) -> int:
    """Run tests up to the first that fails; return 1 if one does."""
    for number, item in enumerate(items):
        following = items[number + 1] if number + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


class _watched:  # noqa: N801 -- a verb of a ``with``
    """Notes which functions of a file are called, in every thread."""

    def __init__(self, file: str, calls: set[_Function]) -> None:
        self._file, self._calls = file, calls

    def __enter__(self) -> None:
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename == self._file:
            self._calls.add(_key(frame.f_code))


def _key(code: CodeType) -> _Function:
    return code.co_qualname, code.co_firstlineno


def _functions(file: Path) -> dict[_Function, list[FunctionType]]:
    """Return every function of a module that there is in this process, decorated or not."""
    found: dict[_Function, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == str(file):
            found.setdefault(_key(thing.__code__), []).append(thing)
    return found


def _changed(mutant: Mutant, root: Path) -> list[tuple[_Function, CodeType]]:
    """Return the functions whose code a mutant changes; none where it changes what is done when it is imported."""
    if not mutant.change.is_in_a_body:
        return []
    file = str(root / mutant.path)
    before = dict(_codes(compile(mutant.tree, file, "exec", dont_inherit=True)))
    after = dict(_codes(compile(mutant.changed(), file, "exec", dont_inherit=True)))
    return [(key, code) for key, code in after.items() if key in before and before[key] != code]


def _codes(code: CodeType) -> Iterator[tuple[_Function, CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield _key(constant), constant
            yield from _codes(constant)
