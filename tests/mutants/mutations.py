"""Mutations of a module: each changes one expression or statement of what the module decides.

Left as they are: sentences (strings and what is formatted into them), annotations, decorators, ``__slots__`` and
``__all__``: tests of sentences are tests of words, and the others decide nothing.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
# Of a larger whole number, such as the seconds of an hour, one more is no other decision.
_LARGEST_COUNT = 10
_MARK = "is_mutated"
_EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of a tree: the node, what stands in its place, and the function that holds it.

    ``is_in_a_body``: it is done when a function is called, not when the module is imported.
    """

    node: ast.AST
    instead: ast.AST
    where: str
    is_in_a_body: bool


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change.

    ``name`` stays the same when lines move: function, piece of code, change and its number among those alike.
    """

    path: Path
    line: int
    name: str
    tree: ast.Module
    change: _Change

    def source(self) -> str:
        """Return the whole changed source."""
        return ast.unparse(self.changed())

    def changed(self) -> ast.Module:
        """Return the changed tree; its other parts stay on their lines."""
        for node in ast.walk(self.tree):
            if hasattr(node, _MARK):
                delattr(node, _MARK)
        # Nodes take further attributes, and a copy of the tree has them too.
        setattr(self.change.node, _MARK, True)
        changed = _Replacing(self.change).visit(copy.deepcopy(self.tree))
        assert isinstance(changed, ast.Module)
        return ast.fix_missing_locations(changed)


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Return every mutant of a module, in the order of its lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    counts: dict[str, int] = {}
    found = []
    for change in _changes(tree, ""):
        name = f"{change.where}: {_code(change.node)} -> {_code(change.instead)}"
        counts[name] = counts.get(name, 0) + 1
        number = f" ({counts[name]})" if counts[name] > 1 else ""
        found.append(Mutant(path.relative_to(root), getattr(change.node, "lineno", 0), name + number, tree, change))
    return found


def _code(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


class _Replacing(ast.NodeTransformer):
    """Puts the change in the place of the marked node."""

    def __init__(self, change: _Change) -> None:
        self._change = change

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace the marked node, and visit all others."""
        if hasattr(node, _MARK):
            return self._change.instead
        visited: ast.AST = self.generic_visit(node)
        return visited


def _changes(node: ast.AST, where: str, *, in_a_body: bool = False) -> Iterator[_Change]:
    """Give the changes of a node and of what is in it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}" if where else node.name
    for instead in _instead(node):
        yield _Change(node, instead, where or "module", in_a_body)
    for child in _inside(node):
        is_body = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child in node.body
        yield from _changes(child, where, in_a_body=in_a_body or is_body)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Give the parts of a node that are mutated: no sentences, annotations, decorators and imports of types."""
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
        return
    if isinstance(node, ast.If) and _code(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Assign) and any(_code(target) in {"__all__", "__slots__"} for target in node.targets):
        return
    skipped = {"annotation", "returns", "decorator_list", "bases", "keywords" if isinstance(node, ast.ClassDef) else ""}
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    """Give what may stand in the place of a node."""
    if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.IfExp):
        yield from _other_conditions(node)
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.Constant | ast.Call):
        yield from _other_amounts(node)
    elif isinstance(node, ast.stmt):
        yield from _other_statements(node)


def _other_conditions(node: ast.Compare | ast.BoolOp | ast.UnaryOp | ast.IfExp) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for table in (_BOUNDARY, _OPPOSITE):
                    if (other := table.get(type(operator))) is not None:
                        operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                        yield ast.Compare(node.left, operators, node.comparators)
        case ast.BoolOp():
            yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
            for index in range(len(node.values)):
                left = [*node.values[:index], *node.values[index + 1 :]]
                yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.IfExp() if not (_is_text(node.body) or _is_text(node.orelse)):
            yield node.body
            yield node.orelse


def _other_amounts(node: ast.BinOp | ast.AugAssign | ast.Constant | ast.Call) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp() if type(node.op) in _ARITHMETIC and not (_is_text(node) or _is_type(node)):
            yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        case ast.AugAssign() if type(node.op) in _ARITHMETIC and not _is_text(node.value):
            yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
            yield ast.Pass()
        case ast.Constant():
            yield from (ast.Constant(value) for value in _other_values(node.value))
        case ast.Call(func=ast.Name(id=name)) if name in _EXTREMES:
            yield ast.Call(ast.Name(_EXTREMES[name], ast.Load()), node.args, node.keywords)
        case ast.Call(func=ast.Name(id="abs"), args=[argument]):
            yield argument


def _other_statements(node: ast.stmt) -> Iterator[ast.AST]:
    match node:
        case ast.If() | ast.While() if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield type(node)(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _is_type(node: ast.BinOp) -> bool:
    """Say whether an expression joins types, as ``Rest | Loop`` does."""
    names = [part for part in ast.walk(node) if isinstance(part, ast.Name)]
    return isinstance(node.op, ast.BitOr) and any(name.id[:1].isupper() or name.id in {"int", "str"} for name in names)


def _is_text(node: ast.AST) -> bool:
    """Say whether an expression joins pieces of text, as far as can be seen."""
    return any(
        isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Constant) and isinstance(part.value, str))
        for part in ast.walk(node)
    )


def _other_values(value: object) -> Iterator[bool | int | float]:
    """Give other values of a number or a truth: a count is one off, any other is half and twice as large."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int) and abs(value) > _LARGEST_COUNT:
        yield from (value // 2, value * 2)
    elif isinstance(value, int):
        yield value + 1
        if value > 0:
            yield value - 1
    elif isinstance(value, float):
        yield from (value / 2, value * 2) if value else (1.0,)
