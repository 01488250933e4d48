"""Starts ``chi660e-sim`` as a child process that lives in the bench's time.

>>> launch = Launcher(control, cfg=None, screen=Path("screen.json"))       # doctest: +SKIP
>>> process = launch([*program(), "/runmacro:j0001.mcr"], Path.cwd(), {})  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from simulators.chi660e.control_socket import BenchControl, Hold

T = TypeVar("T")


def program() -> list[str]:
    """Return the command that runs the simulated program with this interpreter."""
    return [sys.executable, "-m", "simulators.chi660e"]


class BenchProcess(subprocess.Popen[bytes]):
    """A process in the bench's time: when killed, it is dead at the same moment of the bench's clock.

    One that ends by itself has ended once the bench has noticed, not while the bench's present moment lasts.
    """

    is_noticed = False

    def poll(self) -> int | None:
        """Return the exit code, None while it runs as far as the bench knows."""
        return super().poll() if self.is_noticed else None

    def kill(self) -> None:
        """End the process and wait for its end, which takes milliseconds: nothing in it can put that off."""
        super().kill()
        self.wait()
        self.is_noticed = True

    def terminate(self) -> None:
        """Do the same: the program has no last wishes."""
        self.kill()


class Launcher:
    """Starts the program with everything it needs in its environment, and watches it to its end.

    Call it from the loop of the bench or from a thread of it. The process is an ordinary one: ask it by ``poll``, not
    by a ``wait`` on a thread, which would hold the very clock that it sleeps on.
    """

    def __init__(self, control: BenchControl, *, cfg: Path | None = None, screen: Path | None = None) -> None:
        """Join processes to a bench that listens; ``cfg`` is the program's settings, ``screen`` shows pop-ups."""
        self.cfg = cfg
        self.screen = screen
        self._control = control

    def __call__(self, argv: Sequence[str], cwd: Path, environment: Mapping[str, str] | None = None) -> BenchProcess:
        """Start ``argv`` in ``cwd``; ``environment`` is added to the environment of this process."""
        token, hold = self._in_loop(self._control.expect)
        ours = {"CHI660E_SIM_BENCH": self._control.address, "CHI660E_SIM_TOKEN": token}
        if self.cfg is not None:
            ours["CHI660E_SIM_CFG"] = str(self.cfg)
        if self.screen is not None:
            ours["CHI660E_SIM_SCREEN"] = str(self.screen)
        try:
            process = BenchProcess(
                list(argv),
                cwd=cwd,
                env={**os.environ, **ours, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except BaseException:
            self._in_loop(hold.end)
            raise
        threading.Thread(target=self._watch, args=(process, hold), name="chi660e-sim watcher", daemon=True).start()
        return process

    def _in_loop(self, call: Callable[[], T]) -> T:
        """Call something in the bench's loop, which keeps the clock's count."""
        loop = self._loop
        # In a thread without a loop.
        with contextlib.suppress(RuntimeError):
            if asyncio.get_running_loop() is loop:
                return call()
        future: Future[T] = Future()

        def run() -> None:
            future.set_result(call())

        loop.call_soon_threadsafe(run)
        return future.result()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        if self._control.loop is None:
            raise RuntimeError("the bench's control socket is not open: call start() first")
        return self._control.loop

    def _watch(self, process: BenchProcess, hold: Hold) -> None:
        """Start the clock again when the process has ended."""
        process.wait()

        def notice() -> None:
            process.is_noticed = True
            hold.end()

        try:
            self._loop.call_soon_threadsafe(notice)
        except RuntimeError:  # The loop is closed by now, and its time over.
            process.is_noticed = True
