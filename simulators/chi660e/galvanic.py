"""Measures under a set current: two levels whose polarity flips at limits, or steps that stop at a limit [6, 7]."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulators.chi660e.instrument import MOST_A, Run
from simulators.chi660e.number_format import parameter
from simulators.chi660e.records import TECHNIQUES, Recorded

_STORED_SEGMENTS = 400
_LONGEST_S = 100_000.0
_STEPS = range(1, 13)
_LEAST_STEP_S = 1e-3
_FAR_V = 1e9
_ROUNDING_S = 1e-9


@dataclass(slots=True)
class _Potentials:
    """Readings on one grid of time across all segments; the interval doubles when the buffer is full."""

    every_s: float
    most_points: int
    now_s: float = 0.0
    rows: list[tuple[float, float]] = field(default_factory=list)
    _grid_s: float = 0.0
    _on_grid: int = 0

    def take(self, run: Run, current_a: float, seconds: float, limits_v: tuple[float, float], *, store: bool) -> str:
        """Pass a current for up to ``seconds``; return the limit reached, empty for none."""
        low_v, high_v = limits_v
        end_s = self.now_s + seconds
        while end_s - self.now_s > _ROUNDING_S:
            full_s = self._grid_s + self.most_points * self.every_s
            found = run.call(
                "pass",
                current_a=current_a,
                seconds=min(end_s, full_s) - self.now_s,
                every_s=self.every_s,
                first_s=self._grid_s + (self._on_grid + 1) * self.every_s - self.now_s,
                low_v=low_v,
                high_v=high_v,
            )
            self._keep(found["voltage_v"], found["elapsed_s"], store=store)
            if found["reached"]:
                return str(found["reached"])
        return ""

    def hold(self, run: Run, voltage_v: float, seconds: float, *, store: bool) -> None:
        """Hold a limit's voltage."""
        run.hold(voltage_v, seconds)
        due = int((self.now_s + seconds - self._grid_s) / self.every_s + 1e-9) - self._on_grid
        self._keep([voltage_v] * due, seconds, store=store)

    def _keep(self, volts: list[float], elapsed_s: float, *, store: bool) -> None:
        for voltage_v in volts:
            self._on_grid += 1
            if store:
                self.rows.append((self._grid_s + self._on_grid * self.every_s, voltage_v))
        self.now_s += elapsed_s
        if self._on_grid >= self.most_points:
            self._grid_s += self._on_grid * self.every_s
            self._on_grid = 0
            self.every_s *= 2.0


def measure_two_currents(run: Run) -> Recorded:
    """Measure CP: ``cl`` segments of alternating polarity, flipped by time or at the limit that is reached."""
    p, settings = run.parameters, run.settings
    oxidises = (p.mode("pn") == "p") == settings.cp_negative_first_cathodic
    by_time = p.mode("priority") == "time" or settings.prioe_times_limit
    trace = _Potentials(p["si"], settings.most_points)
    for segment in range(int(p["cl"])):
        store = segment < _STORED_SEGMENTS
        seconds = p["ta" if oxidises else "tc"] if by_time else _LONGEST_S
        current_a = min(MOST_A, abs(p["ia"])) if oxidises else -min(MOST_A, abs(p["ic"]))
        limits_v = (-_FAR_V, p["eh"]) if oxidises else (p["el"], _FAR_V)
        if settings.cp_limit == "ignore":
            limits_v = (-_FAR_V, _FAR_V)
        reached = trace.take(run, current_a, seconds, limits_v, store=store)
        hold_s = p["heht" if oxidises else "leht"]
        if reached and hold_s > 0.0:
            if settings.limit_hold == "voltage":
                trace.hold(run, p["eh" if oxidises else "el"], hold_s, store=store)
            else:
                trace.take(run, current_a, hold_s, (-_FAR_V, _FAR_V), store=store)
        oxidises = not oxidises
    values = {**p.values, "pn": float(p.mode("pn") == "p"), "st": trace.now_s}
    return Recorded(TECHNIQUES["cp"], tuple(_two_current_lines(run)), tuple(trace.rows), values)


def measure_current_steps(run: Run) -> Recorded:
    """Measure ISTEP: the steps again and again; a limit stops the whole experiment."""
    p = run.parameters
    sign = 1.0 if run.settings.istep_anodic_positive else -1.0
    steps = [(p[f"is{k}"], p[f"st{k}"]) for k in _STEPS if p[f"st{k}"] >= max(_LEAST_STEP_S, p["si"])]
    trace = _Potentials(p["si"], run.settings.most_points)
    reached = ""
    for _ in range(int(p["cl"])):
        for current_a, seconds in steps:
            through_a = sign * max(-MOST_A, min(MOST_A, current_a))
            limits_v = (p["el"], p["eh"]) if run.settings.istep_limit == "stop" else (-_FAR_V, _FAR_V)
            reached = trace.take(run, through_a, seconds, limits_v, store=True)
            if reached:
                break
        if reached:
            break
    lines = [
        line
        for k in _STEPS
        if p[f"st{k}"] > 0.0
        for line in (f"i{k} (A) = {parameter(p[f'is{k}'])}", f"T{k} (s) = {parameter(p[f'st{k}'])}")
    ]
    lines += [
        f"High E Limit (V) = {parameter(p['eh'])}",
        f"Low E Limit (V) = {parameter(p['el'])}",
        f"Sample Interval (s) = {parameter(p['si'])}",
        f"Cycle = {parameter(p['cl'])}",
    ]
    return Recorded(TECHNIQUES["istep"], tuple(lines), tuple(trace.rows), {**p.values, "st": trace.now_s})


def _two_current_lines(run: Run) -> list[str]:
    p = run.parameters
    holds = [
        f"{name} E Hold Time (s) = {parameter(p[key])}"
        for name, key in (("High", "heht"), ("Low", "leht"))
        if run.settings.version == "new" and p[key] > 0.0
    ]
    return [
        f"Cathodic Current (A) = {parameter(p['ic'])}",
        f"Anodic Current (A) = {parameter(p['ia'])}",
        f"High E Limit (V) = {parameter(p['eh'])}",
        f"Low E Limit (V) = {parameter(p['el'])}",
        *holds,
        f"Cathodic Time (s) = {parameter(p['tc'])}",
        f"Anodic Time (s) = {parameter(p['ta'])}",
        f"Init P/N = {p.mode('pn').upper()}",
        f"Data Storage Interval (s) = {parameter(p['si'])}",
        f"Segment = {parameter(p['cl'])}",
    ]
