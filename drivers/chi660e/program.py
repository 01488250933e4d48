"""Runs the vendor's program as a child process: one macro, one folder, one process, one deadline.

The program has no output, no exit code that means anything, and blocks for ever on any box it shows (reference chi660e,
4.4 and 4.6). So it is watched, ended by its own process id when the deadline passes, and only what is new, unchanging
and whole counts. Whatever happens, no file is removed and no process left behind.
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from drivers.chi660e import orphan_process as leftovers
from drivers.chi660e.popups import Popups, failure
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import CouldNotStart, Hung, Incomplete, MeasurementFailed, OutcomeUnknown, WrongFile
from protocols.bounded_file import BadFile, NoSuchFile, read_bounded

logger = logging.getLogger(__name__)

T = TypeVar("T")

# File systems tell times to two seconds at worst.
_CLOCK_SLACK_NS = 2_000_000_000
_INSTANT_S = 1e-6
# A measurement leaves a macro, a text and a binary file.
_FILES_MAX = 1000
# How many settling times a file may go on changing after the program has closed.
_PATIENCE = 10


class Process(Protocol):
    """The methods used of a started program; ``subprocess.Popen`` has them."""

    @property
    def pid(self) -> int:
        """The process id."""

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, in real time. Raises subprocess.TimeoutExpired."""


Command = str | Sequence[str]
# Command, working folder, and what to add to the environment. Raises OSError when there is no such program.
Start = Callable[[Command, Path, Mapping[str, str]], Process]


def start_process(command: Command, folder: Path, environment: Mapping[str, str]) -> Process:
    """Start the program without a shell and without a terminal."""
    return subprocess.Popen(  # noqa: S603 -- program and arguments come from the bench file, names from a closed alphabet
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@dataclass(frozen=True, slots=True)
class Outputs:
    """The results of a program run: the bytes of the text file, and the paths of all files of its folder."""

    text: bytes
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _Ordered:
    """A macro that was written: its folder, its path for the command line, and when the folder's clock saw it."""

    job: str
    folder: Path
    macro_path: str
    written_ns: int


class Program:
    """Starts the program and returns its results. The caller must start one run at a time."""

    def __init__(self, settings: Chi660eSettings, start: Start, popups: Popups | None) -> None:
        self._settings = settings
        self._start = start
        self._popups = popups
        self._left: Process | None = None

    async def run(self, job: str, macro: bytes, deadline_s: float) -> Outputs:
        """Carry out a macro. Raises one of ``MeasurementFailed``'s kinds, OutcomeUnknown if it cannot even be ended."""
        if still := self.occupied():
            raise CouldNotStart(still)
        ordered = self._write(job, macro)
        process = await self._started(ordered)
        leftovers.note(self._settings.jobs, process.pid, job)
        try:
            await self._exit(process, deadline_s)
        except MeasurementFailed as err:
            if not await self._ended(process):
                raise OutcomeUnknown(f"{err}; process {process.pid} cannot be ended, do it by hand") from err
            raise
        except BaseException:
            if not await self._ended(process):
                logger.error("process %d of job %s cannot be ended, do it by hand", process.pid, job)
            raise
        finally:
            if process.poll() is not None:
                leftovers.forget(self._settings.jobs)
        await self._settled(ordered)
        return self._outputs(ordered)

    def occupied(self) -> str:
        """Return a sentence on an earlier process that may still drive the leads; empty if there is none."""
        if self._left is not None and self._left.poll() is None:
            return f"process {self._left.pid} of an earlier measurement still runs: end it by hand"
        return leftovers.left_alive(self._settings.jobs)

    def _write(self, job: str, macro: bytes) -> _Ordered:
        """Make the job's folder, in which nothing can be older than the job, and put the macro there."""
        folder = self._settings.jobs / job
        path = folder / f"{job}.mcr"
        try:
            folder.mkdir(parents=True)
            path.write_bytes(macro)
            written_ns = path.stat().st_mtime_ns
        except FileExistsError as err:
            raise CouldNotStart(f"{folder} is there already: the name of a job is never used twice") from err
        except OSError as err:
            raise CouldNotStart(f"cannot write the macro {path}: {err.strerror}") from err
        seen = self._settings.jobs_as_program_sees_it.rstrip("/\\")
        slash = "\\" if "\\" in seen else "/"
        return _Ordered(job, folder, slash.join((seen, job, path.name)) if seen else str(path), written_ns)

    def _command(self, macro_path: str) -> Command:
        program, arguments = str(self._settings.program), self._settings.program_arguments
        if self._settings.command_line == "list":
            return [program, *arguments, f"/runmacro:{macro_path}"]
        return " ".join((f'"{program}"', *arguments, f'/runmacro:"{macro_path}"'))

    async def _started(self, ordered: _Ordered) -> Process:
        beside_program = self._settings.working_folder == "program"
        starting = asyncio.get_running_loop().run_in_executor(
            None,
            self._start,
            self._command(ordered.macro_path),
            self._settings.program.parent if beside_program else ordered.folder,
            self._settings.environment,
        )
        try:
            return await _finished(starting)
        except OSError as err:
            raise CouldNotStart(f"cannot start {self._settings.program}: {err.strerror or err}") from err
        except asyncio.CancelledError:
            if starting.done() and starting.exception() is None:
                await self._ended(starting.result())
            raise

    async def _exit(self, process: Process, deadline_s: float) -> None:
        """Wait for the program to close itself. Raises what a box says, or Hung at the deadline."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        while process.poll() is None:
            elapsed_s = loop.time() - begun_s
            if self._popups is not None:
                for popup in await loop.run_in_executor(None, self._popups, process.pid):
                    error = failure(popup, is_starting=elapsed_s <= self._settings.start_timeout_s)
                    if error is not None:
                        raise error
            left_s = deadline_s - elapsed_s
            # A wait shorter than this may be too short for a float that counts hours to grow by.
            if left_s <= _INSTANT_S:
                raise Hung(
                    f"no end after {elapsed_s:.0f} s; process {process.pid} was ended and all files kept: what the "
                    "instrument does to the cell now is not known"
                )
            await asyncio.sleep(min(self._settings.poll_period_s, left_s))

    async def _ended(self, process: Process) -> bool:
        """End the process, and only it: asked first, then forced. Tells whether it is gone."""
        if process.poll() is not None:
            return True
        ending = asyncio.get_running_loop().run_in_executor(None, _end, process, self._settings.end_timeout_s)
        is_gone = await _finished(ending)
        if not is_gone:
            self._left = process
        return is_gone

    async def _settled(self, ordered: _Ordered) -> None:
        """Wait until the text file is there and all files stay as they are over several polls."""
        loop = asyncio.get_running_loop()
        text = f"{ordered.job}.txt"
        seen = _sizes(ordered.folder)
        alike, begun_s = 1, loop.time()
        changed_s = begun_s
        while not (is_there := bool(seen.get(text, (0, 0))[0])) or alike < self._settings.stable_polls:
            # Of what was seen only: whoever got no processor for as long has not looked often enough at a whole file.
            if not is_there and alike > 1 and loop.time() - changed_s >= self._settings.settle_timeout_s:
                raise Incomplete(f"the program closed and left no {text}; it has {', '.join(sorted(seen))}")
            if alike == 1 and loop.time() - begun_s >= _PATIENCE * self._settings.settle_timeout_s:
                raise Incomplete(f"{text} still changes {loop.time() - begun_s:.0f} s after the program closed")
            await asyncio.sleep(self._settings.poll_period_s)
            before, seen = seen, _sizes(ordered.folder)
            alike = alike + 1 if seen == before else 1
            changed_s = changed_s if seen == before else loop.time()

    def _outputs(self, ordered: _Ordered) -> Outputs:
        path = ordered.folder / f"{ordered.job}.txt"
        try:
            if self._settings.check_age and path.stat().st_mtime_ns < ordered.written_ns - _CLOCK_SLACK_NS:
                raise WrongFile(f"{path.name} is older than the macro that ordered it (check_age)")
            text = read_bounded(path, self._settings.result_bytes_max)
            files = tuple(sorted(path for path in islice(ordered.folder.iterdir(), _FILES_MAX + 1) if path.is_file()))
        except OSError as err:
            raise Incomplete(f"cannot read {path}: {err.strerror}") from err
        except NoSuchFile as err:
            raise Incomplete(str(err)) from err
        except BadFile as err:
            raise WrongFile(f"{err}; look at it: nothing of it is stored") from err
        if len(files) > _FILES_MAX:
            raise WrongFile(f"{ordered.folder} has more than {_FILES_MAX} files; look at it: nothing of it is stored")
        if not any(file.suffix == ".bin" for file in files):
            logger.warning("job %s left no .bin file: only the text, with its few figures, is kept", ordered.job)
        return Outputs(text, files)


def _sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of each file; one that vanishes meanwhile, or a folder out of reach, counts as not there."""
    found = {}
    try:
        for path in folder.iterdir():
            told = path.stat()
            found[path.name] = (told.st_size, told.st_mtime_ns)
    except OSError as err:
        logger.debug("cannot list %s: %s", folder, err)
    return found


def _end(process: Process, timeout_s: float) -> bool:
    """End a process, on a thread of its own; tell whether it is gone."""
    for order in (process.terminate, process.kill):
        try:
            order()
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            continue
        except OSError as err:
            logger.warning("process %d: %s", process.pid, err)
            continue
        return True
    return process.poll() is not None


async def _finished(working: asyncio.Future[T]) -> T:
    """Wait for a thread to its end, also when cancelled meanwhile, and be cancelled only then."""
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError as err:
            cancelled = err
    if cancelled is not None:
        raise cancelled
    return working.result()
