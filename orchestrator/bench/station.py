"""The potentiostat's place on the bench: the instrument, and the switch that connects cells to it one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.errors import DriverError, Incomplete
from drivers.interfaces import HostLoss, Isolation, Measurement, Multiplexer, Potentiostat
from protocols.program import MeasurementSegment, Program
from protocols.techniques import Technique


class Interrupted(Exception):
    """A run cannot continue between its segments without a person; the message gives the reason and the remedy."""


@dataclass(slots=True)
class Station:
    """A potentiostat, and the switch that connects cells to it; without a switch a person moves them.

    ``ports`` says at which port of the switch each tester channel's cell is wired. ``arrival_v`` is how far the open-
    circuit voltage at the potentiostat may be from the last one that the tester showed.
    """

    potentiostat: Potentiostat
    switch: Multiplexer | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    arrival_v: float = 0.02
    # After a measurement of which nobody knows how it ended: the instrument measures open leads before the next cell.
    is_unsure: bool = False
    # Held by the run whose cell is on the leads, or on its way there.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _switching: asyncio.Lock = field(default_factory=asyncio.Lock)
    # When the cell of a channel was last taken off the leads, in the loop's time, and whose cell is there.
    _parted_s: dict[str, float] = field(default_factory=dict)
    _at_leads: str = ""

    @property
    def instruments(self) -> tuple[Potentiostat | Multiplexer, ...]:
        """The potentiostat, and the switch where there is one."""
        return (self.potentiostat,) if self.switch is None else (self.potentiostat, self.switch)

    @property
    def needs_a_person(self) -> bool:
        """Whether a person must take the tester's leads off, because no switch is known to disconnect them."""
        return self.switch is None or self.switch.isolates_tester is not Isolation.YES

    def instruction(self, channel: str, cell: str) -> str:
        """Return the instruction for the operator before a measurement: which leads to move where."""
        name = self.potentiostat.name
        if self.switch is None:
            return (
                f"move cell {cell} from channel {channel} to {name}: green on the working electrode, red and white "
                "together on the other"
            )
        return f"take the leads of channel {channel} off cell {cell}: {self.switch.name} does not do that"

    def return_instruction(self, channel: str, cell: str) -> str:
        """Return the instruction for the operator after a measurement: which leads to move where."""
        if self.switch is None:
            return f"move cell {cell} from {self.potentiostat.name} back to channel {channel}"
        return f"put the leads of channel {channel} back on cell {cell}"

    async def measure(self, technique: Technique, job: str, note: str) -> Measurement:
        """Measure the cell at the leads."""
        port = self.switch.port if self.switch is not None else None
        return await self.potentiostat.measure(technique, job, note, port)

    async def connect(self, channel: str) -> None:
        """Connect a channel's cell to the leads, if there is a switch."""
        if self.switch is not None:
            async with self._switching:
                self._at_leads = channel
                await self.switch.select(self.ports[channel])

    async def check_connected(self, channel: str) -> None:
        """Check that a channel's cell is still at the leads after a measurement: a switch may have lost its power.

        Raises Incomplete when it was not, another DriverError when the switch does not say.
        """
        if self.switch is not None and self.switch.port is None:
            port = await self.switch.selected()
            if port != self.ports[channel]:
                raise Incomplete(f"{self.switch.name} no longer has the cell of {channel} at the leads: it has {port}")

    async def disconnect(self, channel: str) -> None:
        """Disconnect a channel's cell from the leads before the tester drives it: an earlier process may have died.

        Raises DriverError when the switch does not say so.
        """
        port = self.ports.get(channel)
        if self.switch is None or port is None:
            return
        # Between the question and the answer no other run's cell may come to the leads: it would be taken off.
        async with self._switching:
            if await self.switch.selected() == port:
                await self.switch.select(None)
                self._parted_s[channel] = asyncio.get_running_loop().time()

    async def wait_until_shown(self, channel: str, refresh_s: float) -> None:
        """Wait until a tester's live values, at most ``refresh_s`` old, show the cell that was just reconnected.

        Before that they show the empty holder.
        """
        parted_s = self._parted_s.get(channel)
        if parted_s is not None:
            # One refresh may be under way while the switch acts, and a second is to spare.
            shown_s = parted_s + 2 * refresh_s + 1.0
            await asyncio.sleep(max(0.0, shown_s - asyncio.get_running_loop().time()))

    async def disconnect_problem(self, channel: str) -> str:
        """Disconnect a channel's cell; return what an operator must do if that cannot be confirmed, else nothing."""
        try:
            await self.disconnect(channel)
        except DriverError as err:
            return f"take the leads of {self.potentiostat.name} off the cell: {err}"
        return ""

    async def disconnect_all(self) -> bool:
        """Disconnect every cell from the leads; False if only a person or a later command can do that."""
        if self.switch is None:
            return False
        # A switch that the instrument itself drives lets nothing go before the next macro.
        lets_go = self.switch.port is None
        async with self._switching:
            await self.switch.select(None)
            self._parted_s[self._at_leads] = asyncio.get_running_loop().time()
        return lets_go


def station_problems(program: Program, station: Station | None, channel: str, *, attended: bool) -> list[str]:
    """Return every reason why a program's prompts and measurements are impossible with this channel's cell.

    ``attended``: whether a person can be asked for something in the middle of the run.
    """
    prompt = next((part.prompt for part in program.segments if part.prompt is not None), None)
    asks = f"The recipe asks somebody ({prompt!r}), and nobody is asked here: run it by 'cellrig serve'."
    unasked = [] if attended or prompt is None else [asks]
    techniques = [part.technique for part in program.segments if isinstance(part, MeasurementSegment)]
    if not techniques:
        return unasked
    if station is None:
        none = "The recipe measures with a potentiostat, and this bench has none: add [potentiostat] to its file."
        return [*unasked, none]
    name = station.potentiostat.name
    reasons = [f"{name}: {reason}" for technique in techniques for reason in station.potentiostat.problems(technique)]
    if station.potentiostat.host_loss is HostLoss.UNKNOWN:
        reasons.append(
            f"{name}: nobody has said what it does to a cell when this computer dies: try it on a dummy cell and set "
            "host_loss in the bench file."
        )
    if station.switch is not None and channel not in station.ports:
        reasons.append(f"{station.switch.name} has no port wired to channel {channel}: add it to the bench file.")
    if station.needs_a_person and not attended:
        reasons.append(
            f"Somebody must {station.instruction(channel, program.cell.name)}, and nobody is asked here: run it by "
            "'cellrig serve'."
        )
    return list(dict.fromkeys([*unasked, *reasons]))
