"""The CHI660E as a potentiostat: a technique becomes a macro, the vendor's program runs it, its files are judged.

Nothing is measured twice by the driver. A result counts only when its file is new, unchanging, whole, and says of
itself what was ordered (reference chi660e, section 4.4); every other end is an error whose kind tells what is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from drivers.chi660e import expected_rows, feasibility, macro, order_check, popup_windows, results, textfile
from drivers.chi660e.popups import Popups
from drivers.chi660e.program import Program, Start, start_process
from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import CannotRun
from drivers.interfaces import HostLoss, Measurement, Spectrum, Trace
from protocols.techniques import Technique

logger = logging.getLogger(__name__)


class Chi660ePotentiostat:
    """A ``Potentiostat``: one instrument behind one copy of the vendor's program.

    ``start`` replaces the starting of a process, ``popups`` the look for the program's windows (on Windows they are
    found, elsewhere there is no such look).
    """

    commissioned_as = Chi660eSettings.commissioned_as

    def __init__(
        self,
        settings: Chi660eSettings,
        wall_time: Callable[[], float],
        start: Start = start_process,
        popups: Popups | None = popup_windows.watcher,
    ) -> None:
        self.name = settings.name
        self.host_loss: HostLoss = settings.host_loss
        self._settings = settings
        self._wall_time = wall_time
        self._program = Program(settings, start, popups)
        self._one_at_a_time = asyncio.Lock()

    def problems(self, technique: Technique) -> list[str]:
        """Return every reason, as a sentence, why the instrument cannot measure this; empty when it can."""
        return feasibility.problems(technique, self._settings)

    def occupied(self) -> str:
        """Return a sentence on an earlier program, also of a dead process, that may still drive the leads, else ""."""
        return self._program.occupied()

    def duration_s(self, technique: Technique) -> float:
        """Return about how long it takes, start of the program included."""
        return expected_rows.duration_s(technique, self._settings)

    async def measure(self, technique: Technique, job: str, note: str = "", port: int | None = None) -> Measurement:
        """Measure once; ``port`` is a channel of a CHI684 at the instrument, connected for this measurement alone.

        Raises CannotRun before anything is started, one of ``MeasurementFailed``'s kinds afterwards, and OutcomeUnknown
        when the program cannot even be ended. A measurement waits for the one before it.
        """
        if problems := self.problems(technique):
            raise CannotRun("; ".join(problems))
        order = macro.encode(macro.lines(technique, job, note, self._settings, port), self._settings)
        async with self._one_at_a_time:
            started_unix_s = self._wall_time()
            logger.info("job %s: %s, %.0f s", job, technique.kind, self.duration_s(technique))
            outputs = await self._program.run(job, order, expected_rows.deadline_s(technique, self._settings))
            ended_unix_s = self._wall_time()
            # A long file takes a second to read, for which nobody else should wait.
            judging = asyncio.get_running_loop().run_in_executor(None, self._judged, outputs.text, technique, job, port)
            return Measurement(job, technique, await judging, started_unix_s, ended_unix_s, outputs.files)

    def _judged(self, text: bytes, technique: Technique, job: str, port: int | None) -> Spectrum | Trace:
        file = textfile.read(text, 2 * self._settings.point_limit)
        order_check.must_echo(file, technique, job, self._settings, port)
        return results.result(technique, file, self._settings)
