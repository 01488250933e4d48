"""Builds the simulated instruments of a bench around its cells: which cell is at which channel.

A bench is built from a clock, a seed and a description, so that the same description gives the same rows each time,
in virtual time and in real time alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulators.cells import load_cell
from simulators.cells.model import CellModel
from simulators.chi660e.leads import Leads
from simulators.neware.schedule import UnitRatings
from simulators.neware.server import SimulatedBts
from simulators.neware.settings import Quirks
from simulators.neware.tester import Tester, Unit
from simulators.small_files import read_small

_DEFAULT_CELLS = ("coated-li-li",) * 4 + ("coated-lfp",) * 4
"""What sits in channels 1 to 8 of a unit when nobody says otherwise."""

UnitAddress = tuple[int, int]
"""devid and subdevid of a unit."""


class SimulatedBench:
    """A simulated CT-4008 rack: ``bts`` is its API server, ``tester`` the hardware, with the verbs of a pair of hands.

    ``leads`` are those of a CHI660E beside it, on nothing at first; ``BenchControl(bench.leads)`` serves them.

    >>> bench = SimulatedBench(clock=lambda: 0.0, epoch_unix_s=1_767_571_200, units=1, seed=1)
    >>> sorted(bench.tester.channels)[:2]
    ['21-1-1', '21-1-2']
    """

    def __init__(
        self,
        clock: Callable[[], float],
        epoch_unix_s: float,
        units: int | Sequence[Unit] = 1,
        cells: Mapping[str, CellModel] | None = None,
        *,
        seed: int = 1,
        negative_voltage: bool | Collection[UnitAddress] = False,
        ranges_a: tuple[float, ...] | Mapping[UnitAddress, tuple[float, ...]] | None = None,
        quirks: Quirks | None = None,
        speed: float = 1.0,
        empty_holders: bool = False,
    ) -> None:
        """Build the rack. ``units`` is a number of equal units on one middle machine, or the units themselves.

        ``clock`` gives seconds, ``speed`` of them in one of the event loop's; its zero is ``epoch_unix_s`` (UTC).
        Channels without an entry in ``cells`` get the default cells, which ``empty_holders`` leaves beside their
        holders: ``Holders`` puts others in. ``negative_voltage`` and ``ranges_a`` are for all
        units, or for those named by (devid, subdevid).
        """
        bare = [Unit(subdevid=n) for n in range(1, units + 1)] if isinstance(units, int) else list(units)
        built = [_rated(unit, negative_voltage, ranges_a) for unit in bare]
        given = dict(cells or {})
        for unit in built:
            for position, name in enumerate(unit.names()):
                if name not in given:
                    model = _DEFAULT_CELLS[position % len(_DEFAULT_CELLS)]
                    given[name] = load_cell(model, seed=cell_seed(seed, name))
        self.tester = Tester(clock, epoch_unix_s, built, given, seed, quirks or Quirks())
        for name in set(self.tester.channels) - set(cells or {}) if empty_holders else ():
            self.tester.pull_out_cell(name)
        self.bts = SimulatedBts(self.tester, seed)
        self.handle = self.bts.handle
        self.wire = self.bts.wire
        self.leads = Leads(self.tester, clock, speed=speed)

    def clip(self, channel: str | None, *, isolating: bool = True) -> None:
        """Put the potentiostat's leads on a channel's cell (None: on nothing), the tester's leads off it or not."""
        self.leads.clip(channel, isolating=isolating)

    @property
    def double_energised(self) -> int:
        """Count the potentiostat's measurements during which the tester drove the same cell (fault B13)."""
        return self.leads.double_energised


def _rated(
    unit: Unit,
    negative_voltage: bool | Collection[UnitAddress],
    ranges_a: tuple[float, ...] | Mapping[UnitAddress, tuple[float, ...]] | None,
) -> Unit:
    """Return the unit with the bench's abilities."""
    address = (unit.devid, unit.subdevid)
    ratings: UnitRatings = unit.ratings
    if negative_voltage is True or (not isinstance(negative_voltage, bool) and address in negative_voltage):
        ratings = replace(ratings, negative_voltage=True)
    own = ranges_a.get(address) if isinstance(ranges_a, Mapping) else ranges_a
    return replace(unit, ratings=replace(ratings, ranges_a=own) if own else ratings)


def cell_seed(seed: int, channel: str) -> int:
    """Return the seed of the cell in a channel, from the bench's and the numbers in the channel's name."""
    for part in channel.split("-"):
        seed = seed * 1009 + (int(part) if part.isdigit() else 0)
    return seed


@dataclass(frozen=True, slots=True)
class CellEntry:
    """What a file of cells says of one channel: a cell model's name or file, and what is special in this one."""

    channel: str
    model: str
    seed: int | None
    temperature_degc: float | None
    overrides: Mapping[str, Any] | None

    @property
    def words(self) -> str:
        """Return the model's name, and whether anything of it is replaced."""
        return f"{Path(self.model).stem} (varied)" if self.overrides else Path(self.model).stem

    def build(self, seed: int) -> CellModel:
        """Build a fresh cell; ``seed`` is used where the file says none. A ValueError names the channel."""
        try:
            return load_cell(
                self.model,
                seed=seed if self.seed is None else self.seed,
                temperature_degc=self.temperature_degc,
                overrides=self.overrides,
            )
        except (TypeError, ValueError) as err:
            raise ValueError(f"channel {self.channel}: {err}") from err


def read_entries(path: str | Path) -> dict[str, CellEntry]:
    """Read which cell sits where: TOML, channel name to a cell model's name or file, or to a table.

    A table has ``model``, and may have ``seed``, ``temperature_degc`` and ``overrides`` (parameters by name). A file
    name is taken from the folder of the TOML file. A ValueError names the channel.
    """
    path = Path(path)
    try:
        table = tomllib.loads(read_small(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise ValueError(f"cells file {path}: {err}") from err
    return {channel: _read_entry(path.parent, channel, entry) for channel, entry in table.items()}


def read_cells(path: str | Path, seed: int) -> dict[str, CellModel]:
    """Build the cells of a file of cells, by channel. A ValueError names the channel."""
    return {channel: entry.build(cell_seed(seed, channel)) for channel, entry in read_entries(path).items()}


def _read_entry(folder: Path, channel: str, entry: Any) -> CellEntry:  # noqa: ANN401 -- TOML value
    """Read one channel's cell."""
    values = {"model": entry} if isinstance(entry, str) else entry
    if not isinstance(values, dict) or not isinstance(values.get("model"), str):
        raise ValueError(f"channel {channel}: expected a cell model's name or a table with `model`, got {entry!r}")
    unknown = set(values) - {"model", "seed", "temperature_degc", "overrides"}
    if unknown:
        raise ValueError(f"channel {channel}: unknown {', '.join(sorted(unknown))}")
    model = values["model"]
    local = folder / model
    try:
        seed = None if values.get("seed") is None else int(values["seed"])
    except (TypeError, ValueError) as err:
        raise ValueError(f"channel {channel}: {err}") from err
    return CellEntry(
        channel,
        str(local.absolute()) if model.endswith(".toml") and local.is_file() else model,
        seed,
        values.get("temperature_degc"),
        values.get("overrides"),
    )
