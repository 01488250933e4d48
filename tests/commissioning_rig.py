"""A simulated CT-4008 with a resistor that keeps its own log of currents, for tests of commissioning."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from drivers.neware.opening import open_tester
from drivers.neware.settings import NewareSettings, UnitSettings
from drivers.neware.tester import NewareTester
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S, wall_time
from orchestrator.commissioning.tester_hands import TesterHands
from simulators.bench import SimulatedBench
from simulators.chi660e.terminals import ResistorCell
from simulators.memory_streams import connect_memory
from simulators.neware.settings import Quirks
from simulators.neware.tester import Unit

CHANNEL = "21-1-3"
OHM = 1000.0
MOST_A = 1e-3


class LoggedResistor(ResistorCell):
    """A resistor that remembers the largest current of either sign that went through it."""

    def __init__(self, resistance_ohm: float, rest_v: float = 0.0) -> None:
        super().__init__(resistance_ohm)
        self.rest_v = rest_v
        self.most_a = 0.0
        self.charge_s = 0.0

    def voltage_v(self, current_a: float) -> float:
        """Return the voltage, which a real cell has at rest too."""
        return super().voltage_v(current_a) + self.rest_v

    def current_a(self, voltage_v: float) -> float:
        """Return the current at a held voltage."""
        return super().current_a(voltage_v - self.rest_v)

    def advance(self, duration_s: float, current_a: float) -> None:
        """Note the current."""
        self.most_a = max(self.most_a, abs(current_a))


@dataclass
class Operator:
    """A person who agrees to everything but what is ``declined``, and keeps what was said."""

    name: str = "ada"
    declined: Sequence[str] = ()
    said: list[str] = field(default_factory=list)

    def tell(self, sentence: str) -> None:
        """Keep a sentence."""
        self.said.append(sentence)

    def agrees(self, question: str) -> bool:
        """Agree unless it is declined."""
        return not any(name in question for name in self.declined)

    def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Take the first."""
        return choices[0]

    def reads(self, question: str, unit: str) -> float | None:
        """Read nothing."""
        return None


@dataclass
class CommissioningRig:
    """The hands of a commissioning, and the resistor in the holder."""

    hands: TesterHands
    resistor: LoggedResistor
    bench: SimulatedBench


@asynccontextmanager
async def open_commissioning(
    quirks: Quirks | None = None,
    *,
    negative: bool = True,
    ohm: float = OHM,
    resistor: LoggedResistor | None = None,
    unit: UnitSettings | None = None,
) -> AsyncIterator[CommissioningRig]:
    """Open one unit with a resistor in one holder, in virtual time."""
    loop = asyncio.get_running_loop()
    held = resistor or LoggedResistor(ohm)
    bench = SimulatedBench(
        loop.time,
        getattr(loop, "epoch_unix_s", DEMO_EPOCH_UNIX_S),
        [Unit(devid=21, subdevid=1)],
        {CHANNEL: held},
        negative_voltage=negative,
        quirks=quirks,
    )

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return connect_memory(bench.handle)

    with tempfile.TemporaryDirectory() as folder:
        settings = NewareSettings(
            step_files=Path(folder),
            step_files_on_bts_pc=folder,
            units=(unit or UnitSettings(devid=21, subdevid=1),),
        )
        async with open_tester(settings, wall_time, connect) as tester:
            assert isinstance(tester, NewareTester)
            yield CommissioningRig(TesterHands(tester, settings, CHANNEL, OHM, MOST_A, wall_time), held, bench)


@dataclass(frozen=True)
class Drawn:
    """One way in which the open points of a tester may be."""

    quirks: Quirks
    negative: bool

    @property
    def times_s(self) -> tuple[float, float]:
        """How long it goes on after a stop, and how late its records are."""
        return self.quirks.stop_delay_s, self.quirks.record_lag_s


def quirks_drawn(random: Random) -> Drawn:
    """Draw every open point at once."""
    flip = random.choice
    quirks = Quirks(
        writes_need_login=flip((False, True)),
        drop_on_nonsense=flip((False, True)),
        single_client=flip((False, True)),
        live_cache_s=flip((1.0, 5.0)),
        continue_from_stop=flip((False, True)),
        continue_from_protect=flip((False, True)),
        starts_from_protect=flip((False, True)),
        goto_refused=flip((False, True)),
        stop_delay_s=flip((0.0, 4.0, 20.0)),
        record_lag_s=flip((0.0, 3.0, 20.0)),
        link_loss=flip(("ride", "stop", "pause")),
        negative_stop_volt=flip(("obey", "refuse", "ignore", "magnitude")),
        holds_voltage_on_discharge=flip((False, True)),
        capacity_limit=flip(("obey", "ignore", "hundredth")),
        start_on_busy=flip(("refused", "replaces")),
        missing_file=flip(("refused", "said ok")),
        utc_offset_s=flip((0, 3600, 28800, -18000)),
        misspelled_download=flip((False, True)),
        wrong_subdevid=flip((False, True)),
        inquire_counts_one=flip((False, True)),
        split_replies=flip((False, True)),
        terminator=flip((b"\n\n#\r\n", b"#\r\n", b"\r\n#\r\n")),
        first_test_id=flip((1, 143)),
    )
    return Drawn(quirks, flip((False, True)))


def expected_of(drawn: Drawn) -> dict[str, bool | str]:
    """Return the facts that a commissioning must find of a tester."""
    quirks = drawn.quirks
    stop = {"obey": "obeyed", "refuse": "refused", "ignore": "ignored", "magnitude": "otherwise"}
    facts: dict[str, bool | str] = {
        "second_client": not quirks.single_client,
        "continue_after_stop": quirks.continue_from_stop,
        "continue_after_protection": quirks.continue_from_protect,
        "starts_after_protection": quirks.starts_from_protect,
        "goto_leaves_a_step": not quirks.goto_refused,
        "goto_ends_a_test": not quirks.goto_refused,
        "host_loss": "rides_on" if quirks.link_loss == "ride" else "stops",
        "below_zero": drawn.negative,
        "capacity_limit": {"obey": "obeyed", "ignore": "ignored", "hundredth": "otherwise"}[quirks.capacity_limit],
        "start_without_file": "refused" if quirks.missing_file == "refused" else "answered with ok",
        "start_on_busy": quirks.start_on_busy,
    }
    if not quirks.single_client:
        facts["unknown_command"] = "closed" if quirks.drop_on_nonsense else "silence"
        facts["writes_need_login"] = quirks.writes_need_login
    if drawn.negative:
        facts["stop_below_zero"] = stop[quirks.negative_stop_volt]
        facts["holds_voltage_on_discharge"] = quirks.holds_voltage_on_discharge
    return facts
