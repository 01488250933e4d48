"""What one seed stands for: which runs are ordered, and how and when each life of the service ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from orchestrator.failpoints import FAILPOINTS
from simulators.faults import Fault, Spoil
from tests.chaos.lies import LIES

# After two deaths in ten minutes a start only observes: most restarts are spaced so that they do not count.
SPACED_S = 620.0
# Simulated seconds in a real one; where this process decides every few seconds, fewer.
SPEED, INSTRUMENTS_SPEED = 1500.0, 100.0
# The channels in the oven of a scenario that has one, and what its runs want.
INSIDE, WANTED_DEGC = ("21-1-1", "smu-1"), 60.0
# Real seconds after which a late start has reached the tester.
LATEST_S = 2.0
# Those of archives are passed by commands that a person gives while no service lives (tests/test_archive_kill.py).
OF_SERVICES = [name for name in FAILPOINTS if "archive" not in name]
_STARTS = [name for name in FAILPOINTS if name.startswith("start")]
_MEASURING = ("segment left", "measure intended", "cell connected", "measured", "cell let go", "measurement stored")
_COUNTS = {"sample commit open": 12, "samples committed": 12, "steps saved": 6}


@dataclass(frozen=True, slots=True)
class Order:
    """One run that is wanted; with ``measures`` a potentiostat takes a spectrum before its cycles and after them.

    With ``decides`` its cycles are the passes of a loop that it leaves behind the second of three. ``degc`` is the
    temperature that it wants in its oven.
    """

    channel: str
    cycles: int
    half_cycle_s: float
    measures: bool = False
    degc: float | None = None
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Life:
    """One life of the service: the failpoint it dies at, or the real time after which it is killed; None: neither.

    ``attended``: a person resumes what holds and acknowledges what tripped. ``stop_after_s`` (simulated): a person
    orders a stop, or with ``holds`` a hold. ``hand_stop``: before this life, somebody stops a channel at the tester.
    """

    failpoint: str = ""
    killed_after_s: float | None = None
    gap_s: float = SPACED_S
    attended: bool = False
    stop_after_s: float | None = None
    holds: bool = False
    hand_stop: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A scenario: what is ordered, and the lives up to the last, which nobody ends. ``faults`` spoil the wire.

    ``has_instruments``: an oven is around a channel of the rack and a source meter, which stands beside it.
    """

    seed: int
    orders: tuple[Order, ...]
    lives: tuple[Life, ...]
    bad_contact: bool = False
    faults: tuple[Fault, ...] = ()
    has_instruments: bool = False

    @property
    def speed(self) -> float:
        """Return the simulated seconds in a real one: a source meter is driven by the process that is killed."""
        return INSTRUMENTS_SPEED if self.has_instruments else SPEED

    @property
    def has_a_late_start(self) -> bool:
        """Whether a start is lost on its way, and arrives some time later."""
        return any(fault.spoil is Spoil.ARRIVES_LATE for fault in self.faults)


def plan(seed: int) -> Plan:
    """Make the scenario of a seed."""
    random = Random(f"kill/{seed}")
    channels = random.sample([f"21-1-{n}" for n in range(1, 9)], random.randint(1, 3))
    orders = [_order(random, channel) for channel in channels]
    orders += [_order(random, channel) for channel in channels if random.random() < 0.4]
    lives = [_life(random) for _ in range(random.randint(6, 10))]
    if random.random() < 0.6:
        lives[0] = Life(f"{random.choice(_STARTS)}:{random.randint(1, len(channels))}", 1.0, SPACED_S)
    last, is_bad = Life(attended=random.random() < 0.5), random.random() < 0.15
    return Plan(seed, tuple(orders), (*lives, last), is_bad, tuple(_faults(random)))


def plan_with_instruments(seed: int) -> Plan:
    """Make a scenario of a seed with runs in an oven, on the rack and on a source meter, and one outside."""
    random = Random(f"kill instruments/{seed}")
    orders = (
        Order(INSIDE[0], random.randint(1, 2), 600.0, degc=WANTED_DEGC),
        Order(INSIDE[1], random.randint(1, 3), 120.0, degc=WANTED_DEGC if random.random() < 0.7 else None),
        *([Order("21-1-2", 1, 600.0)] if random.random() < 0.3 else []),
    )
    lives = [_driving_life(random) for _ in range(random.randint(3, 6))]
    return Plan(seed, orders, (*lives, Life(attended=random.random() < 0.7)), has_instruments=True)


def _driving_life(random: Random) -> Life:
    """Draw a life that ends while an oven is ordered or soaks, at a failpoint, or while cells are driven."""
    name = random.choice([*_STARTS, "sample commit open", "samples committed", "steps saved"])
    name = name if random.random() < 0.4 else ""
    killed_after_s = random.choice((random.uniform(0.3, 1.0), random.uniform(0.5, 9.0), random.uniform(9.0, 16.0)))
    return Life(
        failpoint=f"{name}:{random.randint(1, 3)}" if name else "",
        killed_after_s=20.0 if name else killed_after_s,
        attended=random.random() < 0.7,
        stop_after_s=random.uniform(0.0, 900.0) if random.random() < 0.1 else None,
        holds=random.random() < 0.5,
    )


def _faults(random: Random) -> Iterator[Fault]:
    """Draw what the tester and its link do against the truth: a late start, a lie, a reply that is lost."""
    if random.random() < 0.25:
        yield Fault(Spoil.ARRIVES_LATE, "start", seconds=random.uniform(0.02, LATEST_S))
    for spoil in (Spoil.REWRITTEN, Spoil.CLOSED):
        if random.random() < 0.4:
            command, pattern, says = random.choice(LIES)
            # A reply in pieces is as good as one in one piece: so many of them come before the one that is spoiled.
            yield Fault(Spoil.BYTE_BY_BYTE, command, random.randint(1, 30))
            yield Fault(spoil, command, 1, pattern=pattern, filler=says)


def full_matrix() -> list[Plan]:
    """Give short scenarios that pass every failpoint, for every push."""
    rests = [name for name in OF_SERVICES if not name.startswith(("start", "stop"))]
    stops = [name for name in FAILPOINTS if name.startswith("stop")]
    between = [name for name in rests if name in _MEASURING]
    rests = [name for name in rests if name not in _MEASURING]
    # Of its five lives none is to find the run over.
    long, short = Order("21-1-1", 3, 900.0), Order("21-1-1", 2, 600.0)
    # No two alike: that would be a second click.
    queue = tuple(replace(short, half_cycle_s=600.0 + n) for n in range(len(_STARTS)))
    first = Plan(1, queue, (*(_dies_at(name, attended=True) for name in _STARTS), Life(attended=True)))
    deciding = (replace(long, measures=False, decides=True),)
    # Behind the death at the border the next segment's start is the first of its life.
    border = (_dies_at("segment left"), _dies_at("start confirmed"))
    second = Plan(2, deciding, (*(_dies_at(name) for name in rests), *border, Life()))
    # Each stop of a run that goes on: after a death on its way only the store says that the channel's rest is ours.
    third = [
        Plan(3, (short,), (_dies_at(name, stop_after_s=60.0, holds=holds), Life(attended=holds)))
        for name in stops
        for holds in (False, True)
    ]
    measuring = (replace(short, measures=True),)
    fourth = Plan(4, measuring, (*(_dies_at(name, attended=True) for name in between), Life(attended=True)))
    return [first, second, *third, fourth, *(_cut(plan(seed), 5) for seed in (11, 12, 13))]


def _dies_at(name: str, **more: Any) -> Life:  # noqa: ANN401 - of Life
    """Give a life that surely meets a failpoint; it is waited for as long as a busy machine needs."""
    return Life(f"{name}:1", 60.0, **more)


def _cut(whole: Plan, lives: int) -> Plan:
    return Plan(whole.seed, whole.orders, (*whole.lives[:lives], whole.lives[-1]), whole.bad_contact, whole.faults)


def _order(random: Random, channel: str) -> Order:
    cycles, half_cycle_s = random.randint(2, 3), random.choice((600.0, 900.0, 1500.0))
    measures = random.random() < 0.2
    return Order(channel, cycles, half_cycle_s, measures, decides=not measures and half_cycle_s == 900.0)


def _life(random: Random) -> Life:
    name = random.choice(OF_SERVICES) if random.random() < 0.7 else ""
    stops = name.startswith("stop") or random.random() < 0.05
    return Life(
        failpoint=f"{name}:{random.randint(1, _COUNTS.get(name, 2))}" if name else "",
        killed_after_s=random.uniform(0.3, 0.6) if name else random.uniform(0.0, 0.5),
        gap_s=0.0 if random.random() < 0.1 else random.uniform(SPACED_S, 2 * SPACED_S),
        attended=random.random() < 0.5,
        stop_after_s=random.uniform(0.0, 400.0) if stops else None,
        holds=random.random() < 0.3,
        hand_stop=random.random() < 0.06,
    )
