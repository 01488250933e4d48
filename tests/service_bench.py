"""The service as a user has it: a real process, a simulated rack that rides on. Clients are called here."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any

import httpx

from orchestrator.cli import main
from orchestrator.client import ServiceClient
from orchestrator.rack.lock import owner_of
from tests import forked_program

PROGRAM = [sys.executable, "-c", "from orchestrator.cli import main; main()"]
RUN = ("run", "li-li-0.2", "--cell", "coated-li-li", "--channel", "21-1-3", "--by", "ada")


def cellrig(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command of the program here: a process of its own takes a second to begin."""
    before, sys.argv = sys.argv, ["cellrig", *map(str, arguments)]
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 0
    finally:
        sys.argv = before
    return subprocess.CompletedProcess([], status, out.getvalue(), err.getvalue())


class Bench:
    """A folder with a store, a service that may be killed and started again, and the rack that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "cellrig.db"
        self.bench = folder / "cellrig.db.simulated.toml"
        self.service: subprocess.Popen[str] | BaseProcess | None = None
        self.rack: int | None = None
        self.output = ""
        self._starts = 0
        self._shown: IO[str] = io.StringIO()

    def serve(self, *more: str, as_user: bool = False) -> None:
        """Start the service, as a user does or forked from a process that has its libraries; wait until it answers.

        ``more`` are options of ``cellrig serve``.
        """
        arguments = ["serve", "--simulate", "--speed", "3600", "--port", "0", "--store", str(self.store), *more]
        log = self.folder / "service.log"
        self._starts += 1
        if as_user:
            with log.open("a", encoding="utf-8") as errors:
                self.service = subprocess.Popen(
                    [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
                )
            assert self.service.stdout is not None
            self._shown = self.service.stdout
        else:
            pipe = self.folder / f"shown-{self._starts}"
            self.service = forked_program.start(arguments, pipe, log)
            self._shown = pipe.open(encoding="utf-8")
        for line in self._shown:
            self.output += line
            if found := re.search(r"rack at \S+, process (\d+)", line):
                self.rack = int(found[1])
            if line.startswith("http://"):
                return
        raise AssertionError(f"it did not start: {self.output} {self.log}")

    def next_line(self) -> str:
        """Wait for the next line that the service shows, and give it."""
        return self._shown.readline()

    @property
    def log(self) -> str:
        """What the service has logged."""
        return (self.folder / "service.log").read_text(encoding="utf-8")

    def end(self, how: signal.Signals) -> int:
        """End the service, and give its exit status."""
        assert self.service is not None
        assert self.service.pid is not None
        os.kill(self.service.pid, how)
        if isinstance(self.service, BaseProcess):
            self.service.join(60)
            status = self.service.exitcode
        else:
            status = self.service.wait(60)
        self._shown.close()
        self.service = None
        assert status is not None
        return status

    def until_nobody_serves(self) -> None:
        """Wait until control is gone: it ends by itself, a moment after the process that was killed."""
        while owner_of(self.store) is not None:
            time.sleep(0.01)

    def cellrig(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command beside the store."""
        return cellrig(*arguments, "--store", self.store)

    def done(self, *arguments: object) -> str:
        """Run a command that succeeds, and give what it says."""
        result = self.cellrig(*arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout

    @contextlib.contextmanager
    def watching(self) -> Iterator[Callable[[str], str]]:
        """Follow the rack as a person does; what is given reads on until a line has these words, and returns it."""
        command = [*PROGRAM, "watch", "--store", str(self.store)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = process.stdout

            def seen(words: str) -> str:
                line = next((line for line in lines if re.search(words, line)), "")
                assert line, f"never seen: {words}"
                return line

            try:
                yield seen
            finally:
                process.kill()

    def until(self, is_so: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until an update of a run is so."""
        assert any(is_so(update) for update in ServiceClient(self.store, None).live())

    def url(self) -> str:
        """Give where the service answers."""
        return ServiceClient(self.store, None).url


def asked(bench: Bench, path: str) -> tuple[int, str]:
    """Ask at the address that people are told, and give status and text."""
    url = re.findall(r"^http://\S+$", bench.output, re.MULTILINE)[-1]
    token = (bench.folder / "cellrig.db.token").read_text(encoding="ascii").strip()
    reply = httpx.get(f"{url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60.0, trust_env=False)
    return reply.status_code, reply.text


def until_answered(bench: Bench, path: str) -> None:
    """Wait until a question is answered with 200."""
    while asked(bench, path)[0] != 200:
        time.sleep(0.05)


def children_of(pid: int) -> set[int]:
    """Give the processes that a process has started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], check=False, capture_output=True, text=True)
    return {int(word) for word in found.stdout.split()}


def is_running(update: dict[str, Any]) -> bool:
    """Tell whether a run goes on."""
    return bool(update["state"] == "running")


@contextlib.contextmanager
def service_bench(folder: Path) -> Iterator[Bench]:
    """Give a bench in a folder; its processes are ended afterwards."""
    made = Bench(folder)
    try:
        yield made
    finally:
        if made.service is not None:
            made.end(signal.SIGKILL)
        if made.rack is not None:
            # It may have ended with its service.
            with contextlib.suppress(ProcessLookupError):
                os.kill(made.rack, signal.SIGKILL)
