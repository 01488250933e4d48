"""Detects a soft short in a Li/Li cell from its voltage trace and the spectra measured between cycles.

A filament that touches the other electrode is a path beside the electrolyte: the overpotential falls at once, by the
share of the current that the filament takes, and comes back at once when the filament burns through. Ageing, salt
gradients and temperature move the voltage too, but slowly. So each half-cycle is held, part by part, against those
before it with the same current, and what is looked for are edges. A spectrum adds what the trace cannot tell: a
parallel path lowers the impedance at low frequency, so that the interface resistance falls where it should grow, and
metal leaves no arc.

A trace without any edge is no proof of health: a cell shunted from the start may show a neat rectangle (Menkin et al.
2023). A test that begins so is suspected, and a spectrum with a narrow arc decides. Not every such cell is so neat, and
one that is not cannot be told from a sound one of small resistance.

Verdicts use only what was known when they were given: feeding more never changes an earlier one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from drivers.interfaces import EndReason, Spectrum
from orchestrator.analysis.half_cycle_slices import PARTS, HalfCycle
from orchestrator.analysis.impedance import METAL_OHM, Landmarks, landmarks
from protocols.program import SHORT_RATIO


class Verdict(StrEnum):
    """The verdict on a cell, from good to bad."""

    HEALTHY = "healthy"
    SUSPECTED = "suspected soft short"
    SOFT_SHORT = "soft short"
    HARD_SHORT = "hard short"


_ORDER = tuple(Verdict)
# Half-cycles are compared part by part when they took equally long, within this fraction.
_LIKE = 0.05
# Logarithm of the ratio of two spectra's lowest frequencies within which they are compared: a factor of 1.5.
_SAME_END = 0.4
# A level stands where it stood if it moved by less than this part of an edge.
_STANDS = 0.5


@dataclass(frozen=True, slots=True)
class Rule:
    """Thresholds of the verdict; fractions unless named otherwise. Tuned by ``benchmarks/softshort.py``.

    ``edge`` is the least sudden change of resistance, from two parts to the two last. ``lasting`` is for how many
    half-cycles a fall must last to count without a recovery. ``hard`` is the share of the median of sound half-cycles
    below which a cell is hard-shorted, if ``hard_in_a_row`` times. ``interface_fall`` is by how much the interface
    resistance of one spectrum may lie below the highest before. ``flat`` is how little a suspiciously neat trace
    varies, ``flat_in_a_row`` how often. ``references`` is how many sound half-cycles are compared with. Spectra before
    ``settled_cycle`` are not compared: the first platings lower a sound cell's interface resistance too.
    """

    edge: float = 0.05
    lasting: int = 2
    hard: float = SHORT_RATIO
    hard_in_a_row: int = 3
    interface_fall: float = 0.15
    flat: float = 0.02
    flat_in_a_row: int = 4
    settled_cycle: int = 5
    references: int = 4


@dataclass(frozen=True, slots=True)
class Episode:
    """One suspicion from its first sign to its end (None while it lasts), with reasons as sentences."""

    verdict: Verdict
    first_cycle: int
    last_cycle: int | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assessment:
    """The verdict on the cell after all data fed so far.

    ``verdict`` is the worst of all episodes, ``first_cycle`` the cycle at which that was first seen (None when
    healthy), ``reasons`` its sentences. ``present`` tells whether it is so now: a filament that burned through leaves a
    cell that had a soft short and has none.
    """

    verdict: Verdict
    first_cycle: int | None
    reasons: tuple[str, ...]
    present: bool
    episodes: tuple[Episode, ...]


def assess(
    half_cycles: Iterable[HalfCycle],
    spectra: Iterable[tuple[int, Spectrum]] = (),
    rule: Rule | None = None,
    hard: tuple[int, str] | None = None,
) -> Assessment:
    """Assess a whole test at once. A spectrum's cycle is the last one that ran before it, 0 for a fresh cell.

    ``hard`` is the hard short that the run's own watch has told (``orchestrator.shorts``): its cycle and sentence.
    """
    watch = SoftShortWatch(rule or Rule())
    waiting = deque(sorted(spectra, key=lambda pair: pair[0]))
    for half in half_cycles:
        while waiting and waiting[0][0] < half.cycle:
            watch.feed_spectrum(*waiting.popleft())
        watch.feed(half)
    for cycle, spectrum in waiting:
        watch.feed_spectrum(cycle, spectrum)
    if hard is not None:
        watch.tell_hard(*hard)
    return watch.assessment()


def _ohms(half: HalfCycle) -> tuple[float, ...]:
    """Return the resistance of each part; without samples, the resistance of the half-cycle is used for all of them."""
    return half.parts_ohm or (half.resistance_ohm or 0.0,) * PARTS


class _Level:
    """The resistance relative to its expected value, part after part: 1 for a cell that has not changed."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=5)

    def feed(self, ratio: float) -> tuple[float, float] | None:
        """Add the next part; return its level, and the earlier level from parts that an edge here cannot change.

        While the last two parts lie on different sides of that level, the level itself is given: no edge yet.
        """
        recent = self._recent
        recent.append(ratio)
        if len(recent) < 5:
            return None
        before = (recent[0] + recent[1]) / 2.0
        same_side = (recent[3] - before) * (recent[4] - before) > 0.0
        return (recent[4] if same_side else before), before

    def forget(self) -> None:
        """Begin again, so that an explained edge is not detected twice."""
        self._recent.clear()


class SoftShortWatch:
    """Judges half-cycles and spectra in the order in which they were measured."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._sound: dict[float, deque[HalfCycle]] = {}
        self._level = _Level()
        self._episodes: list[Episode] = []
        self._down_parts = 0
        self._risen = 1.0
        self._low: list[int] = []
        self._flat: list[int] = []
        self._neat: Episode | None = None
        self._spectra: list[tuple[int, Landmarks]] = []

    def assessment(self) -> Assessment:
        """Return the verdict on everything so far."""
        if not self._episodes:
            return Assessment(Verdict.HEALTHY, None, ("no sign of a short",), False, ())
        worst = max(self._episodes, key=lambda episode: _ORDER.index(episode.verdict))
        present = any(e.last_cycle is None and e.verdict is worst.verdict for e in self._episodes)
        return Assessment(worst.verdict, worst.first_cycle, worst.reasons, present, tuple(self._episodes))

    def feed(self, half: HalfCycle) -> None:
        """Judge a half-cycle. An interrupted one, or one without current, is ignored."""
        if half.resistance_ohm is None or half.end_reason is EndReason.EXTERNAL or half.current_a == 0.0:
            return
        sound = self._sound.setdefault(half.current_a, deque(maxlen=self._rule.references))
        if self._hard(half, half.resistance_ohm, sound):
            return
        if half.was_cut:
            # Its edges are the interruption's, and it is no measure for others.
            self._level.forget()
            return
        self._rectangle(half)
        like = [_ohms(s) for s in sound if abs(s.duration_s - half.duration_s) < _LIKE * half.duration_s]
        if len(like) >= 2:
            for ohm, expected in zip(_ohms(half), zip(*like, strict=True), strict=True):
                self._edge(half, ohm / median(expected))
        if self._open is None:
            sound.append(half)

    def tell_hard(self, cycle: int, sentence: str) -> None:
        """Take over a hard short that the records have shown."""
        self._begin(Verdict.HARD_SHORT, cycle, sentence)

    @property
    def _open(self) -> Episode | None:
        return self._episodes[-1] if self._episodes and self._episodes[-1].last_cycle is None else None

    def _edge(self, half: HalfCycle, ratio: float) -> None:
        """Search for an edge at this part of a half-cycle."""
        rule, pair = self._rule, self._level.feed(ratio)
        if pair is None:
            return
        now, before = pair
        if self._open is None:
            if now > before * (1.0 + rule.edge) and before > 1.0 - _STANDS * rule.edge:
                # A contact that worsens: when it mends, the voltage falls as suddenly, but no lower than it was.
                self._risen = max(self._risen, now / before)
            elif now < before * (1.0 - rule.edge) and now < 1.0 - rule.edge:
                if abs(now / before * self._risen - 1.0) < _STANDS * rule.edge:
                    self._level.forget()
                    return
                self._down_parts, self._risen = 0, 1.0
                sentence = f"the resistance fell by {1.0 - now / before:.0%} within minutes in cycle {half.cycle}"
                self._begin(Verdict.SUSPECTED, half.cycle, sentence)
            return
        self._down_parts += 1
        if now > before * (1.0 + rule.edge) and now > 1.0 - 2.0 * rule.edge:
            self._raise(Verdict.SOFT_SHORT, f"it came back as suddenly, in cycle {half.cycle}")
            self._close(half.cycle)
        elif now > 1.0 - _STANDS * rule.edge and before > 1.0 - _STANDS * rule.edge:
            self._close(half.cycle)
        elif self._down_parts == rule.lasting * PARTS:
            self._raise(
                Verdict.SOFT_SHORT,
                f"it stayed low for {rule.lasting} half-cycles, at {1.0 - now:.0%} below what was expected",
            )

    def _hard(self, half: HalfCycle, ohm: float, sound: deque[HalfCycle]) -> bool:
        """Return whether a half-cycle's resistance is so low that only metal between the electrodes explains it."""
        usual = [s.resistance_ohm for s in sound if s.resistance_ohm is not None]
        if len(usual) < 2 or ohm >= self._rule.hard * median(usual):
            if self._low:
                self._close(half.cycle)
            self._low = []
            return False
        self._low.append(half.cycle)
        if len(self._low) == 1:
            sentence = f"the resistance fell to {ohm:.3g} ohm from {median(usual):.3g} ohm in cycle {half.cycle}"
            self._begin(Verdict.SUSPECTED, half.cycle, sentence)
        elif len(self._low) == self._rule.hard_in_a_row:
            self._raise(Verdict.HARD_SHORT, f"it stayed there for {len(self._low)} half-cycles")
        return True

    def _rectangle(self, half: HalfCycle) -> None:
        """Add a suspicion if the voltage trace is more rectangular than a sound cell's."""
        flatness, rule = half.flatness, self._rule
        if flatness is None or flatness >= rule.flat:
            self._flat = []
            return
        self._flat.append(half.cycle)
        if len(self._flat) == rule.flat_in_a_row and self._flat[0] < rule.settled_cycle and not self._episodes:
            sentence = (
                f"the voltage is a neat rectangle (it varies by {flatness:.1%} within a half-cycle): most sound cells "
                f"show nucleation and a salt gradient, a shunted one does not; a spectrum decides"
            )
            self._neat = Episode(Verdict.SUSPECTED, self._flat[0], half.cycle, (sentence,))
            self._episodes.append(self._neat)
            self._judge_rectangle()

    def feed_spectrum(self, cycle: int, spectrum: Spectrum) -> None:
        """Judge a spectrum that was measured after a cycle; few points, or high frequencies alone, tell nothing."""
        marks, rule = landmarks(spectrum), self._rule
        if marks is None or not marks.tells:
            return
        # Of a spectrum that ends elsewhere the arcs end elsewhere too.
        like = [(at, m) for at, m in self._spectra if abs(math.log(m.lowest_hz / marks.lowest_hz)) < _SAME_END]
        before = [m.interface_ohm for at, m in like if at >= rule.settled_cycle and m.has_arc]
        self._spectra.append((cycle, marks))
        if not marks.has_arc and marks.low_ohm >= METAL_OHM:
            return
        if not marks.has_arc:
            sentence = f"the spectrum after cycle {cycle} has no arc: {marks.low_ohm:.3g} ohm at every frequency"
            self._begin(Verdict.HARD_SHORT, cycle, sentence)
            return
        self._judge_rectangle()
        if before and marks.interface_ohm < (1.0 - rule.interface_fall) * max(before):
            sentence = (
                f"the interface resistance fell from {max(before):.3g} to {marks.interface_ohm:.3g} ohm (spectrum "
                f"after cycle {cycle}), where it should grow"
            )
            was_open = self._open is not None
            self._begin(Verdict.SUSPECTED, cycle, sentence)
            if was_open:
                self._raise(Verdict.SOFT_SHORT)
            else:
                self._close(cycle)

    def _judge_rectangle(self) -> None:
        """Compare a rectangular trace with the last spectrum: an arc narrower than the electrolyte's is a shunt's."""
        neat = self._neat
        if neat is None or neat.verdict is Verdict.SOFT_SHORT or not self._spectra:
            return
        cycle, marks = self._spectra[-1]
        if marks.has_arc and marks.interface_ohm < marks.intercept_ohm:
            sentence = (
                f"the spectrum after cycle {cycle} has an interface of only {marks.interface_ohm:.3g} ohm behind "
                f"{marks.intercept_ohm:.3g} ohm of electrolyte"
            )
            self._neat = replace(neat, verdict=Verdict.SOFT_SHORT, reasons=(*neat.reasons, sentence))
            self._episodes[self._episodes.index(neat)] = self._neat

    def _begin(self, verdict: Verdict, cycle: int, sentence: str) -> None:
        if self._open is None:
            self._episodes.append(Episode(verdict, cycle, None, (sentence,)))
        else:
            self._raise(verdict, sentence)

    def _raise(self, verdict: Verdict, *sentences: str) -> None:
        """Add reasons to the open episode; its verdict may get worse, never better."""
        if (episode := self._open) is not None:
            worse = max(verdict, episode.verdict, key=_ORDER.index)
            self._episodes[-1] = replace(episode, verdict=worse, reasons=(*episode.reasons, *sentences))

    def _close(self, cycle: int) -> None:
        if (episode := self._open) is not None:
            self._episodes[-1] = replace(episode, last_cycle=cycle)
