"""Draws pictures like the paper's figures 3a, 3b, 5a and 5b, from stored data.

Matplotlib is imported when a picture is made; figures are drawn without pyplot, so that no state outlives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.store import Store
from orchestrator.tables.run_data import RunData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_SIZE_INCHES = (7.0, 4.3)
_DPI = 150
# Two hues that stay apart for colour-blind readers: the bare cell, the coated one.
COLOURS = ("#d55e00", "#0072b2")


Corner = Literal["upper left", "upper center", "lower left"]


@dataclass(frozen=True, slots=True)
class Trace:
    """One run to draw: its id, and its name in the legend."""

    run_id: str
    label: str


def marked(store: Store, traces: Sequence[Trace], title: str) -> str:
    """Return the title of a picture with a mark if its runs, or which of them, are simulated."""
    simulated = [trace.label for trace in traces if store.run(trace.run_id).simulated]
    if not simulated:
        return title
    return f"{title} (simulated)" if len(simulated) == len(traces) else f"{title} (simulated: {', '.join(simulated)})"


def voltage_over_time(store: Store, traces: Sequence[Trace], path: Path, title: str, limit_v: float) -> None:
    """Draw cell voltage (V) over test time (h), as figures 3a and 3b do for Li/Li cells."""
    figure, axes = _figure(marked(store, traces, title), "time / h", "cell voltage / V")
    drawn = [(trace, times_and_voltages(store, trace.run_id)) for trace in traces]
    for (trace, (hours, volts)), colour in zip(drawn, COLOURS, strict=False):
        axes.plot(hours, volts, color=colour, linewidth=0.5, label=trace.label, rasterized=True)
    axes.set_ylim(-limit_v, limit_v)
    axes.set_xlim(0, max((hours[-1] for _, (hours, _) in drawn if len(hours)), default=1.0))
    axes.axhline(0, color="0.5", linewidth=0.5)
    _save(figure, axes, path, "upper left")


def times_and_voltages(store: Store, run_id: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return run time in hours and voltage in V of all of a run's samples."""
    columns = RunData(store, run_id).columns("time_s", "voltage_v")
    return columns["time_s"] / 3600, columns["voltage_v"]


def capacity_over_cycles(store: Store, traces: Sequence[Trace], path: Path, title: str) -> None:
    """Draw discharge capacity (mAh/g) and coulombic efficiency (%) over the cycle number, as figure 5a does.

    The axis says which half-cycle was divided by which.
    """
    figure, axes = _figure(marked(store, traces, title), "cycle number", "discharge capacity / mAh g$^{-1}$")
    right = axes.twinx()
    ratios: dict[str, None] = {}
    for trace, colour in zip(traces, COLOURS, strict=False):
        cycles = RunData(store, trace.run_id).cycles
        numbers = [cycle.cycle for cycle in cycles]
        axes.plot(
            numbers, _plain(c.discharge_capacity_mah_g for c in cycles), "o", ms=4, color=colour, label=trace.label
        )
        percent = [value * 100 for value in _plain(c.coulombic_efficiency for c in cycles)]
        right.plot(numbers, percent, "^", ms=3, mfc="none", color=colour)
        ratios |= dict.fromkeys(cycle.efficiency_of.value for cycle in cycles if cycle.efficiency_of is not None)
    axes.set_xlim(0, None)
    axes.set_ylim(0, 200)
    right.set_ylim(0, 105)
    named = f"{' or '.join(ratios)}, " if ratios else ""
    # In two lines: one is longer than the axis.
    right.set_ylabel(f"coulombic efficiency / %\n({named}open triangles)")
    _save(figure, axes, path, "lower left")


def _plain(values: Iterable[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def voltage_over_capacity(store: Store, traces: Sequence[Trace], cycles: Sequence[int], path: Path, title: str) -> None:
    """Draw voltage (V) over specific capacity (mAh/g) of chosen cycles, charge and discharge, as figure 5b does."""
    figure, axes = _figure(marked(store, traces, title), "specific capacity / mAh g$^{-1}$", "cell voltage / V")
    styles = ("-", "--", ":", "-.")
    for trace, colour in zip(traces, COLOURS, strict=False):
        for number, style in zip(cycles, styles, strict=False):
            label = f"{trace.label}, cycle {number}"
            for curve in half_cycles(store, trace.run_id, number):
                axes.plot(*curve, style, color=colour, linewidth=1.2, label=label)
                label = "_"
    axes.set_xlim(0, None)
    _save(figure, axes, path, "upper center")


def half_cycles(store: Store, run_id: str, cycle: int) -> list[tuple[list[float], list[float]]]:
    """Return the charge and the discharge curve of a cycle: specific capacities in mAh/g and voltages in V.

    A half-cycle is one curve, whatever interrupted it and however many steps it has.
    """
    data = RunData(store, run_id)
    mass_g = (data.program.cell.active_mass_mg or float("nan")) / 1e3
    mine = [step for step in data.steps if step.place.cycle == cycle and step.place.half_cycle]
    curves: list[tuple[list[float], list[float]]] = []
    for _, steps in groupby(mine, key=lambda step: step.place.half_cycle):
        points = data.samples_of(list(steps))
        pairs = [(s.capacity_ah * 1e3 / mass_g, s.voltage_v) for s in points if not isnan(s.voltage_v)]
        curves.append(([q for q, _ in pairs], [v for _, v in pairs]))
    return curves


def _figure(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.tick_params(direction="in", top=True, right=True)
    return figure, axes


def _save(figure: Figure, axes: Axes, path: Path, legend: Corner) -> None:
    """Write the picture, with the legend at the place ``legend``, where there is no curve."""
    axes.legend(loc=legend, fontsize=8, frameon=True, framealpha=0.9)
    # The same data give the same file: no date, no version inside.
    figure.savefig(path, dpi=_DPI, metadata={"Software": "cellrig"})
