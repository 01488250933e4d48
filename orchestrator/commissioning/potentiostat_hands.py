"""The hands of a commissioning on a CHI660E: every measurement goes through the bound, and ends with the cell off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import DriverError, MeasurementFailed, NotConfirmed
from drivers.interfaces import Measurement, Potentiostat, Trace
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.bound import Bound
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.questions import NoResistor
from protocols.techniques import OpenCircuit, Technique

_DEAD_FOR_S = 5.0
"""What an instrument does when its program dies is looked at so long afterwards."""

AT_REST_V = 0.02
"""A resistor has no more at open circuit."""
_LOOK = OpenCircuit(1.0)
# What was found of these holds for what is ordered later, before it is written.
_LEARNT = ("macro_prefix", "macro_line_end", "version", "istep_positive_is_charge", "cp_n_is_cathodic")


class PotentiostatHands:
    """A CHI660E with a resistor on its leads; ``build`` makes a driver of it with some settings."""

    def __init__(
        self,
        settings: Chi660eSettings,
        build: Callable[[Chi660eSettings], Potentiostat],
        person: Person,
        ohm: float,
        most_a: float,
        wall_time: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.person = person
        self.ohm = ohm
        self.most_a = most_a
        self.bound = Bound(0.0, ohm, 0.0, most_a)
        self._build = build
        self._wall_time = wall_time
        self._count = 0
        self._may_be_on = False
        self._found: Mapping[str, Fact] = {}

    @property
    def most_v(self) -> float:
        """The voltage of the resistor at the largest current."""
        return self.most_a * self.ohm

    def learn(self, facts: Mapping[str, Fact]) -> None:
        """Take what has been found so far: macros are written as they were found to work."""
        self._found = facts

    async def measure(
        self,
        technique: Technique,
        *,
        looks_first: bool = True,
        **changes: Any,  # noqa: ANN401 - any setting
    ) -> Measurement:
        """Measure once if the bound lets it through, with ``changes`` of the settings.

        ``looks_first``: for a cell in the place of the resistor. Open leads may have any voltage, and what sets a
        current passes no more of it through a cell.
        """
        self.bound.check_technique(technique)
        if looks_first and not isinstance(technique, OpenCircuit):
            await self._see_no_cell(**changes)
        return await self._measured(technique, **changes)

    async def _see_no_cell(self, **changes: Any) -> None:  # noqa: ANN401 - any setting
        """Look at the leads at open circuit. Raises NoResistor where they have a voltage.

        The resistor of an earlier answer may have given way to a cell, from which a held voltage draws all it can.
        """
        rest_v = fmean((await self.trace(_LOOK, **changes)).voltage_v)
        if not abs(rest_v) <= AT_REST_V:
            raise NoResistor(rest_v)

    async def _measured(self, technique: Technique, **changes: Any) -> Measurement:  # noqa: ANN401 - any setting
        self._may_be_on = True
        try:
            measured = await self._instrument(**changes).measure(technique, self._job(), "commissioning")
        except MeasurementFailed as err:
            self._may_be_on = not err.cell_state_known
            raise
        self._may_be_on = False
        return measured

    async def trace(self, technique: Technique, **changes: Any) -> Trace:  # noqa: ANN401 - any setting
        """Measure once, and return the trace."""
        result = (await self.measure(technique, **changes)).result
        if not isinstance(result, Trace):
            raise NotConfirmed(f"{technique.kind} gave no trace")
        return result

    async def broken_off(self, technique: Technique, after_s: float) -> None:
        """Begin a measurement and kill its program after so many seconds, as the death of this computer would."""
        self.bound.check_technique(technique)
        await self._see_no_cell()
        task = asyncio.ensure_future(self._measured(technique))
        done, _ = await asyncio.wait({task}, timeout=after_s)
        if done:
            raise NotConfirmed("the measurement ended before its program was killed")
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(_DEAD_FOR_S)

    async def off(self) -> None:
        """Switch the cell off by a measurement at open circuit, which begins with ``celloff``."""
        if not self._may_be_on:
            return
        try:
            await self._instrument().measure(OpenCircuit(2.0), self._job(), "cell off")
        except DriverError as err:
            raise NotConfirmed(f"the leads of {self.settings.name} may be driven: {err}") from err
        self._may_be_on = False

    def _instrument(self, **changes: Any) -> Potentiostat:  # noqa: ANN401 - any setting
        found = {name: self._found[name] for name in _LEARNT if name in self._found}
        known: dict[str, Any] = {**found, "dummy_cell": False, **changes}
        return self._build(self.settings.model_copy(update=known))

    def _job(self) -> str:
        self._count += 1
        return f"commission-{int(self._wall_time())}-{self._count}"
