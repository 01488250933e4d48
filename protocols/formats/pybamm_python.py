"""Gives the text steps and loops of a file of Python's words; no code of the file is run.

Known are lists, tuples, sums, products with a number, names that stand for such, ``+=``, ``append`` and ``extend``, and
``pybamm.Experiment(...)``. Python that changes steps in any other way is refused with its line, and steps of the file
that are not in its experiment are noted: none is dropped in silence.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from protocols.formats.file_contents import FormatError, Note

# What PyBaMM records by itself.
PERIOD = "1 minute"
# How a step begins, also where a part of it is computed.
_BEGINS = re.compile(r"\s*(Charge|Discharge|Hold|Rest) (at|for|until)\b")
# The parameters of ``pybamm.Experiment``, in their order.
_PARAMETERS = ("operating_conditions", "period", "temperature", "termination")


@dataclass(slots=True)
class Loop:
    """Texts and loops that are run several times."""

    times: int
    items: Items


Items = list["str | Loop"]


@dataclass(slots=True)
class StepTexts:
    """What a file says: its steps, its period, and what else was said of the experiment."""

    items: Items = field(default_factory=list)
    period: str = PERIOD
    is_said: bool = False
    notes: list[Note] = field(default_factory=list)


def of_lines(text: str) -> StepTexts:
    """Read one step a line."""
    lines = (line.partition("#")[0].strip().strip("\"',") for line in text.splitlines())
    return StepTexts([line for line in lines if line])


def of_python(text: str) -> StepTexts | None:
    """Read steps in Python's words; None for a text that is none. Raises FormatError for words that are not known."""
    try:
        with warnings.catch_warnings():
            # Of a text that is no Python the parser warns before it gives up.
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    work = _Script()
    for statement in tree.body:
        work.take(statement)
    return work.found(tree)


class _Script:
    """Follows the statements of a file, in their order, with what each name stands for."""

    def __init__(self) -> None:
        self._names: dict[str, Items] = {}
        self._texts: dict[str, str] = {}
        self._listed: Items = []
        self._last = ""
        self._experiments: list[StepTexts] = []
        self._notes: list[Note] = []

    def take(self, statement: ast.stmt) -> None:
        """Take one statement. Raises FormatError for one that changes steps in a way that is not known."""
        experiment, grown = _experiment_in(statement), self._grown(statement)
        if experiment is not None:
            self._experiments.append(self._experiment(experiment))
        elif grown is not None:
            name, more = grown
            self._names[name] = [*self._names[name], *_items(more, self._names)]
            self._last = name
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
            self._assign([statement.target], ast.BinOp(statement.target, ast.Add(), statement.value), statement)
        elif isinstance(statement, ast.Assign):
            self._assign(statement.targets, statement.value, statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign([statement.target], statement.value, statement)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.List | ast.Tuple | ast.Constant):
            # Texts that stand alone, one a line.
            if any(_texts(statement)):
                self._listed += _items(statement.value, self._names)
        else:
            self._other(statement)

    def found(self, tree: ast.Module) -> StepTexts:
        """Give the steps of the experiment; without one those of the last list; without any the texts alone."""
        if self._experiments:
            found = self._experiments[-1]
            if len(self._experiments) > 1:
                told = f"the file has {len(self._experiments)}: the last one is taken"
                found.notes.append(Note("Experiment", told))
        else:
            found = StepTexts(self._names.get(self._last, []) or self._listed)
            if "period" in self._texts:
                found.period, found.is_said = self._texts["period"], True
            found.notes += self._notes
        used = set(_flat(found.items))
        for node in _texts(tree):
            if node.value not in used:
                told = f"{str(node.value)!r:.80} is not among the steps of the experiment: left out"
                found.notes.append(Note(f"line {node.lineno}", told))
        return found

    def _assign(self, targets: list[ast.expr], value: ast.expr, statement: ast.stmt) -> None:
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if len(names) < len(targets) or not (is_text or self._is_of_steps(value)):
            self._other(statement)
            if names and self._names.keys() & {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}:
                told = f"{ast.unparse(statement)[:80]!r}: what it makes of the steps is not known"
                self._notes.append(Note(f"line {statement.lineno}", told))
            for name in names:
                # It stands for something else now, of which nothing is known.
                self._names.pop(name, None)
                self._texts.pop(name, None)
            return
        for name in names:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                self._texts[name] = value.value
                if not _BEGINS.match(value.value):
                    continue
            self._names[name] = _items(value, self._names)
            self._last = name if self._names[name] else self._last

    def _is_of_steps(self, value: ast.expr) -> bool:
        """Tell whether an expression has steps, or may get some: an empty list."""
        is_empty = isinstance(value, ast.List) and not value.elts
        has_names = any(isinstance(node, ast.Name) and node.id in self._names for node in ast.walk(value))
        return is_empty or any(_texts(value)) or (has_names and not isinstance(value, ast.Call))

    def _grown(self, statement: ast.stmt) -> tuple[str, ast.expr] | None:
        """Give the name of a list of steps that a statement makes longer, and by what."""
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
            return None
        owner = call.func.value
        is_known = isinstance(owner, ast.Name) and owner.id in self._names
        return (ast.unparse(owner), call.args[0]) if is_known and call.func.attr in ("append", "extend") else None

    def _experiment(self, call: ast.Call) -> StepTexts:
        found = StepTexts()
        arguments = dict(zip(_PARAMETERS, call.args, strict=False))
        arguments |= {str(keyword.arg): keyword.value for keyword in call.keywords}
        if "operating_conditions" in arguments:
            found.items = _items(arguments.pop("operating_conditions"), self._names)
        for name, value in arguments.items():
            text = value.value if isinstance(value, ast.Constant) else None
            if isinstance(value, ast.Name):
                text = self._texts.get(value.id)
            if name == "period" and isinstance(text, str):
                found.period, found.is_said = text, True
            elif not (isinstance(value, ast.Constant) and value.value is None):
                found.notes.append(Note("Experiment", f"{name}={ast.unparse(value)} is left out"))
        return found

    def _other(self, statement: ast.stmt) -> None:
        """Pass over what has nothing to do with steps. Raises FormatError for what makes or changes some."""
        for node in ast.walk(statement):
            changed = None
            if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.value, ast.Name):
                is_read = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
                changed = None if is_read else node.value.id
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                is_plain = isinstance(statement, ast.Assign | ast.AnnAssign)
                changed = None if is_plain else node.id
            if _is_step(node) or changed in self._names:
                seen = ast.unparse(statement).partition("\n")[0]
                raise FormatError(
                    f"line {statement.lineno}: {seen[:80]!r} makes or changes steps and is not known, and no code of a "
                    "file is run; expected texts, lists, tuples, '+' and '* a number'"
                )


def _experiment_in(statement: ast.stmt) -> ast.Call | None:
    """Give the call of ``Experiment`` in a statement, also as an argument of another call."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
        return None
    calls = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
    return next((call for call in calls if _called(call) == "Experiment"), None)


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_step(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and _BEGINS.match(node.value) is not None


def _texts(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and _is_step(node):
            yield node


def _flat(items: Items) -> Iterator[str]:
    for item in items:
        if isinstance(item, Loop):
            yield from _flat(item.items)
        else:
            yield item


def _items(value: ast.expr, names: dict[str, Items]) -> Items:
    """Give the steps of an expression. Raises FormatError for words that are not known."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.List | ast.Tuple):
        return [
            item for one in value.elts for item in _items(one.value if isinstance(one, ast.Starred) else one, names)
        ]
    if isinstance(value, ast.Name) and value.id in names:
        return names[value.id]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return [*_items(value.left, names), *_items(value.right, names)]
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        left, right = value.left, value.right
        steps, count = (
            (right, left) if isinstance(left, ast.Constant) and isinstance(left.value, int) else (left, right)
        )
        if isinstance(count, ast.Constant) and isinstance(count.value, int) and count.value > 0:
            return [Loop(count.value, _items(steps, names))]
    if isinstance(value, ast.Call) and _called(value) == "string" and len(value.args) == 1 and not value.keywords:
        return _items(value.args[0], names)
    seen = ast.unparse(value)
    raise FormatError(
        f"line {value.lineno}: {seen[:80]!r} is not known; expected texts, lists, tuples, '+' and '* a number'"
    )
