"""One case: a service with two runs lives through an attack on one of them, in virtual time.

The attack begins at a moment that matters and is over, or mended, some minutes later; then everything has half an hour
to come to its end. ``Outcome`` says what the service said and what the tester did.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from drivers.neware.client import NewareClient
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.tester import NewareTester
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, run_virtual, wall_time
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.store import Store, open_store
from protocols.program import ConstantCurrent, Loop, Program, Record, Rest, Until
from simulators.bench import SimulatedBench
from simulators.cells import load_cell
from simulators.memory_streams import connect_memory
from tests.attack.proxy import Attack, Proxy
from tests.attack.witness import Witness
from tests.rig import li_li_program

CHANNEL, OTHER = "21-1-3", "21-1-5"
POLL_S = 30.0
ANSWER_WITHIN_S = 5.0
_STARTS_S = 40.0
_LASTS_S = 300.0
_UNDER_CURRENT_S = 160.0
_REST_S, _CURRENT_S = 60.0, 300.0


class Moment(StrEnum):
    """When the attack begins."""

    OPENING = "at the opening"
    BEFORE = "before the start"
    START = "at the start"
    STEP = "in a step, under current"
    STOP = "at a stop"
    END = "at the end"
    RESTART = "at a restart"


@dataclass(frozen=True, slots=True)
class Case:
    """One point of the attack."""

    group: str
    what: str
    moment: Moment
    attack: Attack

    @property
    def title(self) -> str:
        """Name the case in one line."""
        often = "until mended" if self.attack.times is None else f"{self.attack.times} x"
        return f"{self.group}: {self.what}, {self.moment.value}, {often}"


@dataclass
class Outcome:
    """What became of a case."""

    case: Case
    state: str = ""
    told_after_s: float | None = None
    starts: int = 0
    stops: int = 0
    working: bool = False
    spoiled: int = 0
    believed: int = 0
    wrong: list[str] = field(default_factory=list)


class _Errors(logging.Handler):
    """Keeps what is logged with a trace: nothing that a tester says may be a defect."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.traces: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None and record.exc_info[1] is not None:
            self.traces.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@cache
def program() -> Program:
    """Return the contact check, a minute of rest, five minutes of charge and five of discharge."""
    whole = li_li_program(1, _CURRENT_S)
    (segment,) = whole.cycling
    steps = tuple(
        Rest(Until(time_s=_REST_S)) if isinstance(step, Rest) else step
        for step in segment.steps
        if not isinstance(step, Loop)
    )
    assert sum(isinstance(step, ConstantCurrent) for step in steps) == 4
    return replace(whole, segments=(replace(segment, steps=steps, record=Record(every_s=15.0)),))


class Rack:
    """The simulated tester, the proxy before it, and one service after the other."""

    def __init__(self, folder: Path, store: Store) -> None:
        loop = asyncio.get_running_loop()
        cells = {f"21-1-{n}": load_cell("coated-li-li", seed=1) for n in range(1, 9)}
        self.bench = SimulatedBench(loop.time, DEMO_EPOCH_UNIX_S, 1, cells, seed=1, negative_voltage=True)
        self.proxy = Proxy(self.bench.handle, CHANNEL, OTHER)
        self.store = store
        # Why services have ended that nobody had killed.
        self.ended: list[str] = []
        self._settings = NewareSettings(
            step_files=folder,
            step_files_on_bts_pc=str(folder),
            units=(UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),),
            poll_period_s=POLL_S,
        )
        self.tester: NewareTester
        self.service: Service

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(self.proxy.handle)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Service]:
        """Run a service with a driver of its own; leaving the block kills it, and the tester goes on."""
        own = self._settings
        client = NewareClient(self._connect, own.username, own.password, own.reply_timeout_s)
        self.tester = NewareTester(own, client, wall_time)
        self.service = Service(self.store, [self.tester])
        task = asyncio.ensure_future(self.service.run())
        await asyncio.sleep(0)
        try:
            yield self.service
        finally:
            if task.done() and (err := task.exception()) is not None:
                self.ended.append(f"the service has ended by itself: {_innermost(err)!r}")
            task.cancel()
            await asyncio.wait({task})
            await self.tester.close()


def _innermost(err: BaseException) -> BaseException:
    return _innermost(err.exceptions[0]) if isinstance(err, BaseExceptionGroup) else err


def live_through(case: Case) -> Outcome:
    """Live through one case, and say what became of it."""
    outcome = Outcome(case)
    errors = _Errors()
    root = logging.getLogger()
    root.addHandler(errors)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: errors.traces.append(f"{context.get('message')}: {context.get('exception')!r}")
        )
        with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "cellrig.db") as store:
            rack = Rack(Path(folder), store)
            try:
                await _live(rack, case, outcome)
            finally:
                outcome.wrong += rack.ended
                await rack.proxy.close()

    try:
        run_virtual(main())
    except Exception as err:  # noqa: BLE001 - whatever it is, it is a violation of this case
        outcome.wrong.append(f"traceback: {err!r}")
    finally:
        root.removeHandler(errors)
    outcome.wrong += [f"traceback: {trace}" for trace in dict.fromkeys(errors.traces)]
    return outcome


async def _live(rack: Rack, case: Case, outcome: Outcome) -> None:
    proxy = rack.proxy
    witness = Witness(rack.bench, rack.store, proxy, CHANNEL, OTHER, case, outcome)
    watching = asyncio.ensure_future(witness.watch(lambda: rack.service))
    if case.moment is Moment.OPENING:
        proxy.begin(case.attack)
    try:
        async with rack.serving() as service:
            await asyncio.sleep(_LASTS_S if case.moment is Moment.OPENING else 1.0)
            if case.moment is Moment.OPENING:
                proxy.mend()
            await _until(lambda: bool(rack.tester.channels()))
            service.submit(RunRequest(program(), OTHER, "other"), "ada")
            await asyncio.sleep(_STARTS_S)
            if case.moment is Moment.BEFORE:
                proxy.begin(case.attack)
            if case.moment is Moment.START:
                proxy.on_request = lambda command: proxy.begin(case.attack) if command == "start" else None
            if not await _order(rack, witness):
                return
            await asyncio.sleep(_UNDER_CURRENT_S)
            proxy.on_request = lambda _: None
            if case.moment is not Moment.RESTART:
                await _attack_and_end(rack, witness, case)
        if case.moment is Moment.RESTART:
            proxy.begin(case.attack)
            async with rack.serving():
                await asyncio.sleep(_LASTS_S)
                proxy.mend()
                await _come_to_the_end(rack, witness)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    witness.compare()


async def _order(rack: Rack, witness: Witness) -> bool:
    """Order the run to be attacked; while its channel is not there, again: give whether it was taken."""
    for _ in range(10):
        try:
            witness.run_id = rack.service.submit(RunRequest(program(), CHANNEL, "attacked"), "ada").run_id
        except CommandRefused:
            await asyncio.sleep(POLL_S)
        else:
            return True
    witness.wrong("an order for the channel was refused all the time, with the link mended")
    return False


async def _attack_and_end(rack: Rack, witness: Witness, case: Case) -> None:
    proxy = rack.proxy
    match case.moment:
        case Moment.STEP:
            proxy.begin(case.attack)
        case Moment.STOP:
            proxy.begin(case.attack)
            await _stop_by_name(rack, witness)
        case Moment.END:
            tester = rack.bench.tester
            await _until(lambda: tester.channel(CHANNEL).machine.cycle > 0 and _is_last(rack))
            proxy.begin(case.attack)
        case _:
            pass
    await asyncio.sleep(_LASTS_S)
    proxy.mend()
    await _come_to_the_end(rack, witness)


def _is_last(rack: Rack) -> bool:
    """Tell whether the run has less than 20 s to go, or does not work any more."""
    channel = rack.bench.tester.channel(CHANNEL)
    if not channel.busy or not channel.tests:
        return True
    whole_s = 10.0 + _REST_S + 2 * _CURRENT_S
    return rack.bench.tester.now_tick() - channel.tests[-1].start_tick > (whole_s - 20.0) * 10


async def _until(holds: Callable[[], bool], within_s: float = 900.0) -> None:
    loop = asyncio.get_running_loop()
    until_s = loop.time() + within_s
    while not holds() and loop.time() < until_s:  # noqa: ASYNC110 -- what it waits for is the tester's, and virtual
        await asyncio.sleep(1.0)


async def _stop_by_name(rack: Rack, witness: Witness) -> None:
    loop = asyncio.get_running_loop()
    asked_s = loop.time()
    report = await rack.service.stop_run(witness.run_id, "ada")
    witness.check_answer(report, loop.time() - asked_s, ANSWER_WITHIN_S)


async def _come_to_the_end(rack: Rack, witness: Witness) -> None:
    """Give everything time to end by itself; what still works then is stopped by the channel's name."""
    tester = rack.bench.tester
    for _ in range(24):
        await asyncio.sleep(POLL_S)
        if witness.is_over() and not tester.channel(CHANNEL).busy and not tester.channel(OTHER).busy:
            break
    await asyncio.sleep(4 * POLL_S)
    witness.note_end(rack.service)
    if tester.channel(CHANNEL).busy:
        await rack.service.stops.stop_channel(CHANNEL, "ada")
        await asyncio.sleep(4 * POLL_S)
        if tester.channel(CHANNEL).busy:
            witness.wrong("a stop by the channel's name has not switched it off with the link mended")
