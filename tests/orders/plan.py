"""What three people do in a shift, drawn from its seed before it begins: the same seed gives the same shift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

T = TypeVar("T")

CHANNELS = tuple(f"21-1-{n}" for n in range(1, 9))
PEOPLE = ("ada", "bob", "cyd")
SHIFT = 250
"""Orders of one shift: each begins with an empty store and fresh cells, so that a break is replayed in seconds."""
EVERY_S = 45.0
"""Mean time between two orders; one of twenty is followed by a longer pause, in which runs end."""
PAUSE_S = (600.0, 2400.0)

# What people order, how often in relation to the others, and for how long (s) it lasts at least and at most.
KINDS: dict[str, tuple[float, float, float]] = {
    "run": (26.0, 0.0, 0.0),
    "run behind": (7.0, 0.0, 0.0),
    "run, implausible": (4.0, 0.0, 0.0),
    "run, confirmed": (4.0, 0.0, 0.0),
    "run, wrong": (3.0, 0.0, 0.0),
    "run, twice at once": (3.0, 0.0, 0.0),
    "run, starts late": (6.0, 5.0, 4000.0),
    "hold": (6.0, 0.0, 0.0),
    "resume": (14.0, 0.0, 0.0),
    "stop run": (6.0, 0.0, 0.0),
    "stop channel": (6.0, 0.0, 0.0),
    "stop rack": (0.6, 0.0, 0.0),
    "acknowledge": (8.0, 0.0, 0.0),
    "claim": (2.0, 60.0, 1200.0),
    "release": (1.0, 0.0, 0.0),
    "cell exchanged": (8.0, 0.0, 0.0),
    "said to be empty": (2.0, 0.0, 0.0),
    "cell exchanged at work": (0.7, 0.0, 0.0),
    "started by hand": (2.5, 0.0, 0.0),
    "stopped by hand": (1.5, 0.0, 0.0),
    "service restarted": (1.0, 1.0, 900.0),
    "service killed": (1.5, 1.0, 900.0),
    "service killed while starting": (1.5, 1.0, 900.0),
}


@dataclass(frozen=True, slots=True)
class Order:
    """One thing that somebody does; ``luck`` (0 to 1) decides what its kind leaves open."""

    number: int
    after_s: float
    by: str
    kind: str
    channel: str
    lasts_s: float
    luck: float

    @property
    def name(self) -> str:
        """The name of the recipe that it orders."""
        return f"order-{self.number}"

    def __str__(self) -> str:
        """Say it in a line."""
        lasts = f", {self.lasts_s:.0f} s" if self.lasts_s else ""
        return f"{self.number}. {self.after_s:.1f} s later {self.by}: {self.kind} on {self.channel}{lasts}"


def draw(seed: str, count: int) -> tuple[Order, ...]:
    """Draw the orders of a shift."""
    random = Random(f"orders/{seed}")
    kinds, weights = list(KINDS), [weight for weight, _, _ in KINDS.values()]
    return tuple(_order(random, number, kinds, weights) for number in range(1, count + 1))


def _order(random: Random, number: int, kinds: list[str], weights: list[float]) -> Order:
    (kind,) = random.choices(kinds, weights)
    _, least_s, most_s = KINDS[kind]
    after_s = random.uniform(*PAUSE_S) if random.random() < 0.05 else random.expovariate(1 / EVERY_S)
    lasts_s = least_s * (most_s / least_s) ** random.random() if least_s else 0.0
    return Order(number, after_s, random.choice(PEOPLE), kind, random.choice(CHANNELS), lasts_s, random.random())


def pick(options: Sequence[T], luck: float) -> T:
    """Choose by luck."""
    return options[int(luck * 7919 % 1 * len(options))]
