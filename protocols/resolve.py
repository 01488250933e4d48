"""Turn a recipe and a cell into a program: absolute values, signs, flat numbering, ceilings, limits, check block.

>>> from protocols.loading import load_cell, load_recipe
>>> program = resolve(load_recipe("li-li-0.2"), load_cell("bare-li-li"))
>>> [step.kind for step in program.segments[0].steps]
['constant_current', 'constant_current', 'rest', 'constant_current', 'constant_current', 'loop']
>>> program.segments[0].steps[3].current_a
0.00015708
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from protocols.branches import Branch
from protocols.cell import DEFAULTS, Band, Cell, CellKind, Ends
from protocols.cell_amounts import needed, whole_cell
from protocols.current_sign import Direction
from protocols.errors import ResolveError
from protocols.limits_and_guards import guards_of, limits_of, outermost, voltage_band
from protocols.loads import Load, load_of
from protocols.measured_amounts import MeasuredAmount
from protocols.measured_steps import CAPACITY, CURRENT
from protocols.measured_values import MeasuredValues
from protocols.named_cycles import never_comes
from protocols.parting import programs_of
from protocols.pieces import SEGMENTS_MAX, Cycling, Decision, Measuring, Piece, too_many
from protocols.plated_charge import strippable
from protocols.program import (
    Ceiling,
    ConstantCurrent,
    CyclingSegment,
    Guards,
    Limits,
    Loop,
    MeasurementSegment,
    Program,
    Purpose,
    Record,
    Rest,
    Segment,
    Step,
    Until,
)
from protocols.quantities import Quantity
from protocols.recipe import Recipe
from protocols.recipe_steps import (
    Contradiction,
    Path,
    PoweredRecipeStep,
    RecipeStep,
    RepeatStep,
    RestStep,
    powered_steps,
)
from protocols.step_ends import RecordRule

CHECK_TIME_S = Decimal(5)
FIRST_REST_S = 60.0
_CHECK_RECORD = Record(every_s=0.1)
_MEASURABLE = Decimal("0.95")  # of the resistance at which the check's own current would reach the cutoff
_LEAST_LIMIT_A = Decimal("1e-3")  # where a recipe passes no current of its own, only rests and measures


def resolve(recipe: Recipe, cell: Cell) -> Program:
    """Give the program of a recipe for one cell. Raises ResolveError with every reason why there is none."""
    if cell.kind not in recipe.for_kinds:
        kinds = " and ".join(recipe.for_kinds)
        raise ResolveError(
            [f"Recipe {recipe.name} is for {kinds}; cell {cell.name} is {cell.kind}. Choose another recipe or cell."]
        )
    work = _Resolver(recipe, cell)
    found = programs_of(recipe.steps, recipe.temperature, work.checks)
    if len(found) > SEGMENTS_MAX:
        work.refuse("The recipe", too_many(found))
        found = []
    parts = work.parts(found)
    if cell.kind is CellKind.LI_CU and found:
        # What a step strips is what those before it plate: the steps are made once more when all of them are known.
        work = _Resolver(recipe, cell, strippable([part if isinstance(part, tuple) else () for part in parts]))
        parts = work.parts(found)
    if not work.powered and not any(isinstance(piece, Measuring) for piece in found):
        work.refuse("The recipe", "passes no current, so there is nothing to run")
    if work.reasons:
        raise ResolveError(work.reasons)
    segments = tuple(work.segment(part, piece) for part, piece in zip(parts, found, strict=True) if part is not None)
    if work.reasons:
        raise ResolveError(work.reasons)
    program = work.measured.with_earlier(Program(recipe.name, recipe.sha256, cell.facts(), segments))
    work.reasons += work.measured.too_early(program)
    for path, why in never_comes(program, found):
        work.refuse(recipe.place(path), why)
    if work.reasons:
        raise ResolveError(work.reasons)
    return program


class _Resolver:
    """Resolves step by step and collects reasons, so that a technician sees all of them at once."""

    def __init__(self, recipe: Recipe, cell: Cell, plated_ah: Mapping[tuple[int, int], float] | None = None) -> None:
        self.recipe = recipe
        self.cell = cell
        self._plated_ah = plated_ah or {}
        self._index = 0
        self.reasons: list[str] = []
        self.done: list[Step] = []
        self.currents_a: list[Decimal] = []
        self.powered = [step for _, step in powered_steps(recipe.steps)]
        self._rules = recipe.rules(cell.kind, cell.area.exact if cell.area else None)
        self.checks = 2 if self.powered and self._rules.has_check_block else 0  # steps in front of those of the recipe
        self._bands = {layer: band for layer, band in self._rules.bands.items() if band is not None}
        if len(self._bands) < len(self._rules.bands):  # a recipe without limits for one of its kinds does not exist
            raise ResolveError([f"Recipe {recipe.name} has no host limits for {cell.kind}."])
        self._checks: tuple[ConstantCurrent, ...] = ()
        self._check_a: Decimal | None = None
        self._host = self._bands["host"]
        self._has_no_own = False
        # Steps of pieces that were made before, with the last current behind them: passes of a loop are alike.
        self._made: dict[object, tuple[tuple[Step, ...], list[Decimal], bool]] = {}
        self._same: dict[tuple[Step, ...], tuple[Step, ...]] = {}
        self._judged: dict[int, tuple[Limits, Guards]] = {}
        self.measured = MeasuredValues(recipe, cell, self.refuse)
        self._amounts: dict[int, tuple[MeasuredAmount, ...]] = {}

    def parts(self, found: Sequence[Piece]) -> list[tuple[Step, ...] | MeasurementSegment | None]:
        """Give the steps of each segment, or its measurement; None, with a reason, where there is none."""
        done: list[tuple[Step, ...] | MeasurementSegment | None] = []
        for self._index, piece in enumerate(found):
            if isinstance(piece, Cycling):
                steps = self.cycling(piece)
                self._amounts[id(piece)] = self.measured.placed(self._index, piece, len(steps))
                done.append(steps)
            else:
                done.append(self.measurement(piece))
        return done

    def refuse(self, where: str, why: str) -> None:
        """Note a reason, once."""
        sentence = f"{where} {why}."
        if sentence not in self.reasons:
            self.reasons.append(sentence)

    def cycling(self, piece: Cycling) -> tuple[Step, ...]:
        """Give the steps of one segment, behind its own check block where its leads may have been moved."""
        # What a strip may take depends on all steps before it: those of a Li/Cu cell are made one by one.
        key = (
            tuple((path, id(step)) for path, step in piece.steps),
            piece.is_continued,
            id(piece.limits),
            tuple(self.currents_a[-1:]),
            self._has_no_own,
        )
        made = None if self._plated_ah else self._made.get(key)
        if made is None:
            self.done = []
            self._host = self._bands_of(piece)["host"]
            if not piece.is_continued:
                self.check_block(piece)
            for path, step in piece.steps:
                self._step(step, path)
            steps = tuple(self.done) or (Rest(Until(time_s=FIRST_REST_S)),)
            # Equal steps are one object, so that they are proven, forecast and numbered once.
            steps = self._same.setdefault(steps, steps)
            made = self._made[key] = steps, self.currents_a[-1:], self._has_no_own
        self.currents_a += made[1]
        self._has_no_own = made[2]
        return made[0]

    def segment(self, part: tuple[Step, ...] | MeasurementSegment, piece: Piece) -> Segment:
        """Give the segment of a piece with its temperature and its limits; all else is that of the whole recipe."""
        temperature = None if piece.temperature is None else piece.temperature.in_program()
        after = tuple(branch for decision in piece.decisions for branch in self._branches(decision))
        if isinstance(part, MeasurementSegment):
            return replace(part, temperature=temperature, prompt=piece.prompt, after=after)
        record = self.record(self.recipe.record, "record")
        is_continued = isinstance(piece, Cycling) and piece.is_continued
        return CyclingSegment(
            part,
            record,
            *self._limits_and_guards(piece),
            temperature=temperature,
            prompt=piece.prompt,
            after=after,
            ends=(piece.end,) if isinstance(piece, Cycling) and piece.end is not None else (),
            checks_on_resume=self._checks_within(piece) if is_continued else (),
            measured=self._amounts.get(id(piece), ()),
            temperature_end=piece.degrees if isinstance(piece, Cycling) else None,
            temperature_limit=self.recipe.limits.temperature_band,
        )

    def _bands_of(self, piece: Piece) -> dict[str, Band]:
        """Give the limits of a piece, layer by layer: its own in place of the recipe's."""
        bands = dict(self._bands)
        for layer in ("host", "tester"):
            if (own := getattr(piece.limits, layer, None)) is not None:
                bands[layer] = (own.low.exact, own.high.exact)
        return bands

    def _branches(self, decision: Decision) -> tuple[Branch, ...]:
        where = self.recipe.place(decision.path)

        def amount(quantity: Quantity, key: str) -> float | None:
            return _float(self._amount(quantity, f"{where}.{key}"))

        return decision.block.branches(decision.leads, amount)

    def _step(self, step: RecipeStep, path: Path) -> None:
        """Append a step with its final number; a loop jumps back to the first of its own."""
        if isinstance(step, RepeatStep):
            back_to = len(self.done) + 1
            for index, inner in enumerate(step.steps):
                self._step(inner, (*path, "steps", index))
            self.done.append(Loop(back_to, step.times))
        elif isinstance(step, RestStep):
            record = self.record(step.record, f"{self.recipe.place(path)}.record") if step.record else None
            self.done.append(Rest(Until(time_s=step.until.time.value), record=record))
        elif isinstance(step, PoweredRecipeStep):
            self._powered(step, path)

    def measurement(self, piece: Measuring) -> MeasurementSegment | None:
        """Give the segment of one measurement; None, with a reason, where its values contradict each other."""
        window = voltage_band(self._bands_of(piece)["host"])
        try:
            technique = piece.step.technique(window.low_v, window.high_v)
        except Contradiction as err:
            self.refuse(self.recipe.place(piece.path), str(err))
            return None
        block, own = self.recipe.potentiostat, piece.step.rest
        rest_s = (own or block.rest).value
        settle_s = max(rest_s, block.settle_within.value)
        return MeasurementSegment(technique, window, rest_s, block.drift_per_min.value, settle_s)

    def check_block(self, piece: Piece) -> None:
        """Put the contact check in front: the recipe's first current for 5 s each way, recorded at 0.1 s."""
        if not self.checks:
            return
        current_a = self._current(self.powered[0])
        window = self._rules.resistance_ohm
        if current_a is None or window is None:
            return
        cutoffs = self._outermost(piece)
        checks: list[ConstantCurrent] = []
        for sign, volts in zip((1, -1), (cutoffs[1], cutoffs[0]), strict=True):
            until = Until(time_s=float(CHECK_TIME_S), voltage_v=float(volts))
            bound = self._ceiling("The check block", current_a, Ends(time_s=CHECK_TIME_S, shortened=True))
            checks.append(
                ConstantCurrent(float(sign * current_a), until, bound, record=_CHECK_RECORD, purpose=Purpose.CHECK)
            )
        self._checks = tuple(checks)
        self.done += checks
        self._check_a = current_a
        low, high = self._measurable(piece) or window
        if high <= low:
            self.refuse("The check block", f"cannot measure {low} ohm at {_milliamperes(current_a)}")

    def _checks_within(self, piece: Piece) -> tuple[Step, ...]:
        """Give the check block for a piece that begins without one, inside its own limits."""
        low, high = self._outermost(piece)
        ends = (float(high if step.current_a > 0 else low) for step in self._checks)
        return tuple(
            replace(step, until=replace(step.until, voltage_v=end))
            for step, end in zip(self._checks, ends, strict=True)
        )

    def _measurable(self, piece: Piece) -> Band | None:
        """Give what the check block of a piece must find; None without one.

        An open circuit runs into the cutoff at any current; it must never look like a resistance inside the window.
        """
        window = self._rules.resistance_ohm
        if self._check_a is None or window is None:
            return None
        high = window[1]
        if DEFAULTS[self.cell.kind].symmetric:
            high = min(high, _MEASURABLE * min(abs(volts) for volts in self._outermost(piece)) / self._check_a)
        return window[0], high

    def _limits_and_guards(self, piece: Piece) -> tuple[Limits, Guards]:
        """Give the limits and guards of a piece, the same ones for all pieces of one phase."""
        phase = id(piece.limits)
        if phase not in self._judged:
            largest_a = max(self.currents_a, default=_LEAST_LIMIT_A)
            self._judged[phase] = limits_of(self._bands_of(piece), largest_a), self.guards(piece)
        return self._judged[phase]

    def guards(self, piece: Piece) -> Guards:
        """Give the guards, with the window of the check block if there is one."""
        rest = self._rules.open_circuit
        if rest is not None and piece.limits is not None:
            low, high = self._bands_of(piece)["host"]
            rest = max(low, rest[0]), min(high, rest[1])
        return guards_of(self.recipe.guards, self.cell.kind, self._measurable(piece), rest)

    def record(self, rule: RecordRule, where: str) -> Record:
        """Give a record rule in seconds, volts and amperes."""
        change_a = self._amount(rule.on_current_change, f"{where}.on_current_change")
        return Record(
            every_s=rule.every.value,
            voltage_change_v=rule.on_voltage_change.value if rule.on_voltage_change else None,
            current_change_a=_float(change_a),
        )

    def _powered(self, step: PoweredRecipeStep, path: Path) -> None:
        where = self.recipe.place(path)
        load, given = self._load(step, where), self.measured.of(path, CURRENT)
        known = self._current(step, where) if step.load is None and given is None else None
        passed, least_a = self.measured.of(path, CAPACITY), None
        time = step.until.time.exact if step.until.time else None
        capacity = passed.expected if passed else self._known(step.until.capacity, f"{where}.until.capacity")
        taper = self._amount(step.until.current, f"{where}.until.current")
        if load is not None:
            known, least_a = load.largest_a, load.least_a
        elif given is not None:
            known, least_a = given.high, given.low
        if known is None:
            return
        self.currents_a.append(known)
        self._has_no_own = load is not None or given is not None
        if taper is not None and taper >= (least_a or known):
            self.refuse(
                where, f"ends at {_milliamperes(taper)}, which is not below its {_milliamperes(least_a or known)}"
            )
        ends = Ends(time, passed.high if passed else capacity, taper, shortened=step.target is not None)
        bound = self._ceiling(where, known, ends, least_a)
        record = self.record(step.record, f"{where}.record") if step.record else None
        voltage_v = step.until.voltage.value if step.until.voltage else None
        until = Until(_float(time), voltage_v, _float(taper), _float(capacity))
        if load is not None:
            made = step.in_program(float(load.value), until, load.bounds(bound), record)
        else:
            set_a = given.expected if given else known
            made = step.in_program(
                float(set_a) * (1 if step.direction is Direction.CHARGE else -1), until, bound, record
            )
        self.done.append(self.measured.made(path, made))

    def _known(self, quantity: Quantity | None, where: str) -> Decimal | None:
        """Give an amount that is known before the run; None, with its reason told before, for a measured one."""
        return None if quantity is None or quantity.of is not None else self._amount(quantity, where)

    def _load(self, step: PoweredRecipeStep, where: str) -> Load | None:
        """Give the currents of a constant power or resistance; None, with a reason where they have no bound."""
        value = None if step.load is None else self._amount(step.load, f"{where}.{step.largest_key}")
        if value is None:
            return None
        try:
            return load_of(step, value, self._host)
        except Contradiction as err:
            self.refuse(where, str(err))
            return None

    def _ceiling(self, where: str, current_a: Decimal, ends: Ends, least_a: Decimal | None = None) -> Ceiling:
        plated_ah = self._plated_ah.get((self._index, len(self.done) + 1))
        plated = None if plated_ah is None else Decimal(f"{plated_ah:.12g}")
        bound, reasons = self.cell.ceiling(current_a, ends, plated, least_a)
        for reason in reasons:
            self.refuse(where, reason)
        return bound

    def _current(self, step: PoweredRecipeStep, where: str = "The first powered step") -> Decimal | None:
        """Give the largest current of a step; a held voltage without a limit takes that of the step before."""
        if step.load is not None:
            load = self._load(step, where)
            return None if load is None else load.largest_a
        if step.largest is not None:
            return self._known(step.largest, f"{where}.{step.largest_key}")
        if self._has_no_own:
            self.refuse(where, "holds a voltage behind a step whose current is not set: give it a current_limit")
            return None
        if self.currents_a:
            return self.currents_a[-1]
        self.refuse(where, "holds a voltage with no powered step before it: give it a current_limit")
        return None

    def _amount(self, quantity: Quantity | None, where: str) -> Decimal | None:
        """Give a current in A, a charge in Ah or a power in W; None, with a reason, if the cell cannot tell."""
        if quantity is None:
            return None
        found = whole_cell(quantity, self.cell)
        if found is None:
            lacks = f"cell {self.cell.name} has no {needed(quantity)}"
            self.refuse(where, f"is {quantity}, but {lacks}: add it to the cell")
        return found

    def _outermost(self, piece: Piece) -> Band:
        """Give the lowest and highest cutoff within a piece's limits; where there is none, just inside the host's."""
        return outermost(self._bands_of(piece)["host"], self.powered)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _milliamperes(current_a: Decimal) -> str:
    return f"{float(current_a) * 1000:.6g} mA"
