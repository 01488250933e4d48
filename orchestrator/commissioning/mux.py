"""The questions to a switch: its ports, and whether it takes the tester's leads off the cell (faults B13)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from statistics import fmean
from typing import Any

from drivers.chi660e.settings import Chi660eSettings
from drivers.errors import Incomplete, MeasurementFailed
from drivers.interfaces import BatteryTester, Isolation, Multiplexer, Potentiostat
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.chi660e import held
from orchestrator.commissioning.people import Person
from orchestrator.commissioning.potentiostat_hands import PotentiostatHands
from orchestrator.commissioning.questions import Found, Outcome, Question, Setting
from protocols.techniques import CurrentStep, CurrentSteps

_TINY = 0.05
_TOLERANCE = 0.1
# Open leads alone go there: the potentiostat has 13 V (reference chi660e, section 2.1).
_ABOVE_CELLS_V = 6.0
_NEAR = 0.95
_LOOK_S = 2.0
_HOLD_S = 40.0
_SEEN_AFTER_S = 25.0


class SwitchHands(PotentiostatHands):
    """A switch, the potentiostat behind it, and the tester whose channel has the resistor in its holder."""

    def __init__(
        self,
        settings: Chi660eSettings,
        build: Callable[[Chi660eSettings], Potentiostat],
        person: Person,
        ohm: float,
        most_a: float,
        wall_time: Callable[[], float],
        *,
        switch: Multiplexer,
        ports: int,
        wired: Collection[int],
        tester: BatteryTester,
        channel: str,
        port: int,
    ) -> None:
        super().__init__(settings, build, person, ohm, most_a, wall_time)
        self.switch = switch
        self.ports = ports
        self.wired = wired
        self.tester = tester
        self.channel = channel
        self.port = port

    async def seen_ohm(self, port: int | None) -> float:
        """Pass a twentieth of the current with a port connected (None: none), and return voltage over current.

        A held voltage would draw from another cell all that it can give. Through open leads no current flows: the
        voltage runs to the limit, above that of any cell, which ends it, also before the first row. That is infinite.
        """
        await self.switch.select(port)
        tiny_a = _TINY * self.most_a
        technique = CurrentSteps((CurrentStep(tiny_a, _LOOK_S),), _ABOVE_CELLS_V, -_ABOVE_CELLS_V, interval_s=0.1)
        try:
            trace = await self.trace(technique, looks_first=port == self.port)
        except Incomplete:
            return math.inf
        is_whole = trace.time_s[-1] > 0.75 * _LOOK_S and abs(trace.voltage_v[-1]) < _NEAR * _ABOVE_CELLS_V
        return abs(fmean(trace.voltage_v[-5:])) / tiny_a if is_whole else math.inf

    async def seen_v(self) -> float:
        """Return the voltage that the tester shows of the channel."""
        return (await self.tester.status([self.channel]))[self.channel].voltage_v

    async def off(self) -> None:
        """Switch the cell off, then open every port."""
        await super().off()
        await self.switch.select(None)


async def identity(hands: SwitchHands) -> Found:
    """Open every port and read that back; see that the tester's channel is at rest."""
    await hands.switch.open()
    selected = await hands.switch.selected()
    status = (await hands.tester.status([hands.channel]))[hands.channel]
    evidence: dict[str, Fact] = {"connected": str(selected), "state": status.state.value, "tester_v": status.voltage_v}
    if selected is not None:
        return Found(Outcome.WRONG, f"port {selected} is connected where all were opened", evidence)
    if not status.state.is_at_rest:
        return Found(Outcome.WRONG, f"{hands.channel} is {status.state.value}: stop that test first", evidence)
    return Found(Outcome.FOUND, f"{hands.switch.name} answers by its name, and every port is open", evidence)


async def port(hands: SwitchHands) -> Found:
    """Look for the resistor at its port, at no port, and at another port."""
    ohm = await hands.seen_ohm(hands.port)
    evidence: dict[str, Fact] = {f"port {hands.port}": _ohm(ohm)}
    if not abs(ohm / hands.ohm - 1) <= _TOLERANCE:
        said = f"port {hands.port} shows {_ohm(ohm)} where {hands.ohm:g} ohm were declared: is it {hands.channel}?"
        return Found(Outcome.WRONG, said, evidence)
    evidence["no port"] = _ohm(ohm := await hands.seen_ohm(None))
    if ohm < math.inf:
        return Found(Outcome.WRONG, f"with no port connected {_ohm(ohm)} are seen: two cells could be joined", evidence)
    said = f"port {hands.port} brings the resistor of {hands.channel} to the potentiostat, and no port nothing"
    other = next((n for n in range(1, hands.ports + 1) if n not in hands.wired), None)
    if other is None:
        said += "; every port has a cell, so that no other one was tried"
    else:
        evidence[f"port {other}"] = _ohm(ohm := await hands.seen_ohm(other))
        if ohm < math.inf:
            empty = f"port {other}, to which nothing is wired by the bench file, shows {_ohm(ohm)}"
            return Found(Outcome.WRONG, f"{empty}: see what is there", evidence)
        said += f", nor does port {other}, to which nothing is wired"
    return Found(Outcome.FOUND, said, evidence, {f"port_of_{hands.channel}": hands.port})


def _ohm(ohm: float) -> str:
    return f"{ohm:.4g} ohm" if ohm < math.inf else "nothing"


async def isolation(hands: SwitchHands) -> Found:
    """Hold half of the voltage at the potentiostat, and look whether the tester sees it."""
    volts = 0.5 * hands.most_v
    await hands.switch.select(hands.port)
    measuring = asyncio.ensure_future(hands.trace(held(hands, volts, _HOLD_S)))
    done, _ = await asyncio.wait({measuring}, timeout=_SEEN_AFTER_S)
    seen_v = await hands.seen_v()
    if done:
        measuring.result()
        raise MeasurementFailed("the voltage was not held for as long as it was to be")
    await measuring
    sees = abs(seen_v - volts) < 0.2 * volts
    evidence: dict[str, Fact] = {"held_v": volts, "tester_v": seen_v}
    answer = Isolation.NO if sees else Isolation.YES
    said = f"the tester shows {seen_v:.4f} V while {volts:.4f} V are held: its leads {'stay on' if sees else 'are off'}"
    return Found(Outcome.FOUND, said, evidence, {"isolates_tester": answer.value}, _written(hands, answer))


def _written(hands: SwitchHands, answer: Isolation) -> tuple[Setting, ...]:
    return () if answer is hands.switch.isolates_tester else (Setting(("isolates_tester",), answer.value),)


QUESTIONS: Sequence[Question[Any]] = (
    Question(
        "identity",
        "Is it the switch of the bench file, with every port open, and is the channel at rest?",
        "A switch with a port closed joins a cell to what comes next.",
        "Every port is opened and read back.",
        0.0,
        0.0,
        "",
        "its name, and the port that it shows",
        identity,
        is_needed=True,
    ),
    Question(
        "port",
        "Does the channel's port bring its cell to the potentiostat, and no other port?",
        "Wires are exchanged at the first installation, and no read-back tells it (reference chi660e, section 11).",
        "A twentieth of the current is passed with its port, with none, and with one to which nothing is wired.",
        _TINY,
        20.0,
        "",
        "the resistance at its port, and that no current can flow at the others",
        port,
        is_needed=True,
        lasts_s=30.0,
    ),
    Question(
        "isolation",
        "Are the tester's leads off a cell that is at the potentiostat?",
        "Otherwise two instruments are on one cell, and each measures the other.",
        "Half of the voltage is held by the potentiostat for 40 s, and the tester's reading is looked at.",
        0.5,
        60.0,
        "isolates_tester",
        "whether the tester shows the voltage that is held",
        isolation,
        lasts_s=55.0,
    ),
)
