"""Cuts the steps of a recipe into pieces that one instrument carries out in one go, and says where each leads.

Pieces become the segments of a program. Steps are cut where the instrument, the temperature or the limits change,
where a person is asked to do something, where the host decides (behind a step with ``when``, behind one that the host
ends, behind each pass of a ``repeat`` with ``until``), and between a step whose charge is measured and the one that a
value is reckoned for by it. A loop that holds such a place is written out pass by pass, because no instrument can jump
back into another program; all others are loops of the tester.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from protocols.branches import HostEnd, Then
from protocols.conditions import ConditionBlock, Leads, then_of
from protocols.control_flow import targets
from protocols.limit_blocks import PhaseLimits
from protocols.measured_steps import Link, links
from protocols.program_steps import LOOP_DEPTH_MAX, STEPS_MAX
from protocols.recipe_steps import (
    Around,
    MeasurementStep,
    Path,
    PromptStep,
    RecipeStep,
    RepeatStep,
    host_end,
    is_ended_by_host,
    surroundings,
    temperature_end,
)
from protocols.temperature import TemperatureBand, TemperatureBlock

# What a program may hold: a year of an EIS every six hours, before and after.
SEGMENTS_MAX = 3000


@dataclass(frozen=True, slots=True)
class Decision:
    """Conditions that are judged behind a piece, with their place in the recipe, and where they lead."""

    path: Path
    block: ConditionBlock
    leads: Leads


@dataclass(frozen=True, slots=True)
class Cycling:
    """Steps that one tester program can hold, each with its place in the recipe.

    ``prompt``: what a person is asked to do before them. ``end``: the end of the last one that the host orders.
    ``is_continued``: the cell comes to them as it was left, from others on the same channel. ``limits``: those in place
    of the recipe's. ``degrees``: the temperatures outside of which the host ends the last one.
    """

    steps: tuple[tuple[Path, RecipeStep], ...]
    temperature: TemperatureBlock | None = None
    limits: PhaseLimits | None = None
    prompt: str | None = None
    decisions: tuple[Decision, ...] = ()
    end: HostEnd | None = None
    is_continued: bool = False
    degrees: TemperatureBand | None = None


@dataclass(frozen=True, slots=True)
class Measuring:
    """One measurement, with its place in the recipe; ``prompt`` and ``decisions`` as of cycling steps."""

    path: Path
    step: MeasurementStep
    temperature: TemperatureBlock | None = None
    limits: PhaseLimits | None = None
    prompt: str | None = None
    decisions: tuple[Decision, ...] = ()


Piece = Cycling | Measuring


def segments_of(steps: Sequence[RecipeStep], temperature: TemperatureBlock | None = None) -> list[Piece]:
    """Give what becomes the segments of a program, in order; ``temperature`` is that of steps without one.

    A program begins on the tester, before any measurement and any prompt: it shows whose cell is on the channel, and at
    which voltage it rests. Gives a few pieces more than ``SEGMENTS_MAX`` for a recipe that has more.
    """
    cutter = _Cutter(targets(steps), links(steps))
    cutter.walk(steps, Around(temperature), (), None)
    return cutter.finished()


@dataclass(slots=True)
class _Loop:
    """A loop that is written out: the index of the first piece in it, and of the first one behind it.

    ``last``: of the piece that asks what the end of its last pass asks; a whole pass leads there, a step behind it.
    """

    since: int
    last: int = 0
    behind: int = 0


@dataclass(frozen=True, slots=True)
class _Open:
    """A decision behind the piece ``index`` whose targets are not known yet."""

    index: int
    path: Path
    block: ConditionBlock
    then: Then
    target: Path | None
    loop: _Loop | None
    is_step: bool


@dataclass(slots=True)
class _Cutter:
    targets: dict[str, Path]
    links: dict[Path, tuple[Link, ...]]
    found: list[Piece] = field(default_factory=list)
    _gathered: list[tuple[Path, RecipeStep]] = field(default_factory=list)
    _around: Around = field(default_factory=Around)
    _prompts: list[str] = field(default_factory=list)
    _prompted: int = 0
    _open: list[_Open] = field(default_factory=list)
    _starts: dict[Path, list[int]] = field(default_factory=lambda: defaultdict(list))
    _opened: dict[Path, bool] = field(default_factory=dict)
    # Cycles that are over before the steps that are gathered: a value was measured by each of them before.
    _known: set[int] = field(default_factory=set)

    @property
    def is_full(self) -> bool:
        """Whether there are more pieces than a program may hold."""
        return len(self.found) + self._prompted > SEGMENTS_MAX

    def walk(self, steps: Sequence[RecipeStep], around: Around, at: Path, loop: _Loop | None) -> None:
        """Cut steps, in order, with what holds for all of them; ``loop`` is the innermost around them."""
        for index, step in enumerate(steps):
            if self.is_full:
                return
            path = (*at, "steps", index)
            if path in self.targets.values():
                self._cut()
                self._ask(around)
                self._starts[path].append(len(self.found))
            if isinstance(step, PromptStep):
                self._cut()
                self._prompts.append(step.text)
                self._prompted += 1
            elif isinstance(step, RepeatStep):
                self._repeat(step, around.of(step), path)
            else:
                self._step(step, around.of(step), path, loop)

    def _step(self, step: RecipeStep, around: Around, path: Path, loop: _Loop | None) -> None:
        if isinstance(step, MeasurementStep):
            self._cut()
            self._add(Measuring(path, step, around.temperature, around.limits))
        else:
            self._gather(path, step, around)
        if is_ended_by_host(step):
            self._cut(host_end(step), temperature_end(step))
        if conditions := getattr(step, "when", ()):
            self._cut()
            self._decide(path, conditions, None, loop)

    def _repeat(self, step: RepeatStep, around: Around, path: Path) -> None:
        inside = surroundings(step.steps, around)
        if len(inside) == 1 and not self._is_opened(step, path):
            self._gather(path, step, inside[0])
            return
        is_left = bool(step.until) or _leaves(step.steps)
        if is_left:
            self._cut()
        loop = _Loop(len(self.found))
        for _ in range(step.times):
            self.walk(step.steps, around, path, loop)
            if self.is_full:
                return
            if step.until:
                self._cut()
                self._decide(path, step.until, step.then, loop, is_pass=True)
        if is_left:
            self._cut()
        loop.last = len(self.found)
        if _leaves(step.steps):
            self._ask(around)
        loop.behind = len(self.found)

    def _is_opened(self, step: RepeatStep, path: Path) -> bool:
        """Tell whether a loop is written out pass by pass, whatever its temperatures and limits."""
        if path not in self._opened:
            inner = [((*path, "steps", n), other) for n, other in enumerate(step.steps)]
            self._opened[path] = (
                bool(step.until)
                or any(
                    where in self.targets.values()
                    or isinstance(other, MeasurementStep | PromptStep)
                    or (isinstance(other, RepeatStep) and self._is_opened(other, where))
                    or is_ended_by_host(other)
                    or bool(getattr(other, "when", ()))
                    for where, other in inner
                )
                or any(link.step is not None and link.step[: len(path)] == path for link in self._links_in(path, step))
            )
        return self._opened[path]

    def _gather(self, path: Path, step: RecipeStep, around: Around) -> None:
        if self._gathered and (around != self._around or self._is_measured_first(path, step)):
            self._cut()
        self._known.update(link.cycle for link in self._links_in(path, step) if link.cycle is not None)
        self._gathered.append((path, step))
        self._around = around

    def _links_in(self, path: Path, step: RecipeStep) -> Sequence[Link]:
        """Give the measured values of a step, or of all steps in a loop."""
        if not isinstance(step, RepeatStep):
            return self.links.get(path, ())
        return [link for at, found in self.links.items() if at[: len(path)] == path for link in found]

    def _is_measured_first(self, path: Path, step: RecipeStep) -> bool:
        """Tell whether a value of a step is measured by what is gathered: it is known when another program is written.

        The number of a cycle is counted only when all pieces are made: the first that asks for one begins a program.
        """
        gathered = [at for at, _ in self._gathered]
        return any(
            link.cycle not in self._known if link.step is None else any(link.step[: len(at)] == at for at in gathered)
            for link in self._links_in(path, step)
        )

    def _cut(self, end: HostEnd | None = None, degrees: TemperatureBand | None = None) -> None:
        """End a piece with the steps gathered so far."""
        if self._gathered:
            steps, self._gathered = tuple(self._gathered), []
            self._add(Cycling(steps, self._around.temperature, self._around.limits, end=end, degrees=degrees))

    def _add(self, piece: Piece) -> None:
        prompt = " ".join(self._prompts) or None
        if not self.found and (prompt is not None or isinstance(piece, Measuring)):
            self.found.append(Cycling((), piece.temperature, piece.limits))
        self.found.append(replace(piece, prompt=prompt))
        self._prompts = []

    def _ask(self, around: Around) -> None:
        """Ask what is to be asked in a piece of its own, ahead of one to which a way leads that passes it over."""
        if self._prompts and self.found:
            self._add(Cycling((), around.temperature, around.limits))

    def _decide(
        self,
        path: Path,
        blocks: Sequence[ConditionBlock],
        usual: str | None,
        loop: _Loop | None,
        *,
        is_pass: bool = False,
    ) -> None:
        """Judge conditions behind the piece that was added last."""
        for block in blocks:
            then, name = then_of(block.then or usual)
            target, is_step = self.targets.get(name), not is_pass
            self._open.append(_Open(len(self.found) - 1, path, block, then, target, loop, is_step))

    def finished(self) -> list[Piece]:
        """Give the pieces, each with where it leads."""
        self._cut()
        led: dict[int, tuple[Decision, ...]] = defaultdict(tuple)
        touched = {0}
        for one in self._open:
            leads = Leads(self._to(one), one.then, one.loop.since if one.loop else 0)
            led[one.index] += (Decision(one.path, one.block, leads),)
            if one.then is Then.HOLD or self._is_touched(one.index, leads.to):
                touched.add(leads.to)
        touched |= {index + 1 for index in range(len(self.found) - 1) if self._is_touched(index, index + 1)}
        found: list[Piece] = []
        for index, piece in enumerate(self.found):
            decided = replace(piece, decisions=led[index]) if index in led else piece
            if isinstance(decided, Cycling) and index not in touched:
                decided = replace(decided, is_continued=True)
            found.append(decided)
        return found

    def _to(self, one: _Open) -> int:
        """Give the index of the piece to which a decision leads; the number of pieces is the end."""
        if one.then is Then.END:
            return len(self.found)
        if one.then is Then.LEAVE and one.loop is not None:
            return one.loop.behind if one.is_step else one.loop.last
        if one.target is not None:
            ahead = (start for start in self._starts[one.target] if start > one.index)
            return next(ahead, len(self.found))
        return one.index + 1

    def _is_touched(self, before: int, to: int) -> bool:
        """Tell whether a cell's leads may have been touched on its way from one piece to another."""
        if to >= len(self.found):
            return False
        first, second = self.found[before], self.found[to]
        is_other = isinstance(first, Measuring) or isinstance(second, Measuring)
        return is_other or first.temperature != second.temperature or second.prompt is not None


def _leaves(steps: Sequence[RecipeStep]) -> bool:
    """Tell whether a step of a loop, not of one inside it, may leave it."""
    blocks = [block for step in steps for block in getattr(step, "when", ())]
    return any(then_of(block.then)[0] is Then.LEAVE for block in blocks)


def too_many(found: Sequence[Piece]) -> str:
    """Say why a recipe has more pieces than a program may hold, and what to do."""
    if any(piece.decisions for piece in found):
        return (
            f"is written out in more than {SEGMENTS_MAX} pieces, as a repeat with until or when is, pass by pass: "
            "decide more rarely, with several cycles in each pass in a repeat of their own"
        )
    if not any(isinstance(piece, Measuring) for piece in found):
        return (
            f"is parted into more than {SEGMENTS_MAX} programs of a tester, which holds {STEPS_MAX} steps and loops "
            f"{LOOP_DEPTH_MAX} deep: write fewer steps into its outer loops, or nest them less deep"
        )
    return f"changes the instrument more than {SEGMENTS_MAX} times: measure more rarely"
