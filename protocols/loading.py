"""Load recipes and cells by shipped name or from a file, and tell every problem at once, with file and line.

>>> load_recipe("li-li-0.2").title
'Li/Li symmetric cell, 0.2 mA/cm2, 1 h each way, 300 cycles'
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from protocols.bounded_file import BadFile, NoSuchFile, read_bounded
from protocols.cell import Cell
from protocols.document import Document
from protocols.errors import RecipeError, RecipeProblem, UnknownName
from protocols.field_types import FileModel
from protocols.meant_words import meant_key, meant_step, slips
from protocols.recipe import Recipe
from protocols.recipe_steps import STEP_KINDS
from protocols.yaml_document import SIZE_MAX, Node, read_document

_Model = TypeVar("_Model", bound=FileModel)
_SUFFIX = ".yaml"
_NAME_SHOWN = 200
# Characters: longer texts are read anew each time, so that what is remembered stays small.
_REMEMBERED = 10_000


def load_recipe(name_or_path: str | Path) -> Recipe:
    """Load a recipe: a shipped name (``li-li-0.2``) or a file. Raises RecipeError or UnknownName."""
    return parse_recipe(*_read(name_or_path, "recipe"))


def load_cell(name_or_path: str | Path) -> Cell:
    """Load a cell: a shipped name (``coated-lfp``) or a file. Raises RecipeError or UnknownName."""
    return parse_cell(*_read(name_or_path, "cell"))


def recipe_text(name_or_path: str | Path) -> str:
    """Give the text of a recipe's file, comments included, whether or not it is sound."""
    return _read(name_or_path, "recipe")[0]


def recipe_bytes(name_or_path: str | Path) -> bytes:
    """Give a recipe's file as it is, to the byte. Raises RecipeError or UnknownName as ``recipe_text`` does."""
    data, file = _read_bytes(name_or_path, "recipe")
    _decoded(data, file)
    return data


def cell_text(name_or_path: str | Path) -> str:
    """Give the text of a cell's file, comments included, whether or not it is sound."""
    return _read(name_or_path, "cell")[0]


def recipe_document(name_or_path: str | Path) -> Document:
    """Give a recipe's file under the name by which it was asked for. Raises RecipeError or UnknownName."""
    return Document(str(name_or_path), recipe_text(name_or_path))


def cell_document(name_or_path: str | Path) -> Document:
    """Give a cell's file under the name by which it was asked for. Raises RecipeError or UnknownName."""
    return Document(str(name_or_path), cell_text(name_or_path))


def parse_recipe(text: str, file: str = "<text>") -> Recipe:
    """Read a recipe from YAML text; ``file`` is for messages."""
    return _parse(text, file, Recipe)


def parse_cell(text: str, file: str = "<text>") -> Cell:
    """Read a cell from YAML text; ``file`` is for messages."""
    return _parse(text, file, Cell)


def shipped_recipes() -> tuple[str, ...]:
    """Name the recipes that come with cellrig, sorted."""
    return _shipped("recipe")


def shipped_cells() -> tuple[str, ...]:
    """Name the cells that come with cellrig, sorted."""
    return _shipped("cell")


def _shipped(what: str) -> tuple[str, ...]:
    folder = files("protocols") / f"{what}s"
    return tuple(sorted(item.name.removesuffix(_SUFFIX) for item in folder.iterdir() if item.name.endswith(_SUFFIX)))


def _read(name_or_path: str | Path, what: str) -> tuple[str, str]:
    """Give the text and what messages call the file."""
    data, file = _read_bytes(name_or_path, what)
    return _decoded(data, file), file


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        seen = f"a byte that is not UTF-8 at position {err.start}"
        raise RecipeError([RecipeProblem(file, 1, "file", seen, "a text file in UTF-8")]) from None


def _read_bytes(name_or_path: str | Path, what: str) -> tuple[bytes, str]:
    name = str(name_or_path)
    shipped = _shipped(what)
    if name in shipped and isinstance(name_or_path, str):
        resource = files("protocols") / f"{what}s" / f"{name}{_SUFFIX}"
        return resource.read_bytes(), f"{name}{_SUFFIX}"
    try:
        return read_bounded(name_or_path, SIZE_MAX), name
    except NoSuchFile as err:
        near = get_close_matches(name, shipped, n=1, cutoff=0.5)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UnknownName(
            f"no {what} file or shipped {what} '{name[:_NAME_SHOWN]}': {err}.{meant} Shipped: {', '.join(shipped)}"
        ) from None
    except BadFile as err:
        raise RecipeError([RecipeProblem(name[:_NAME_SHOWN], 1, "file", str(err), "a text file")]) from None


def _parse(text: str, file: str, model: type[_Model]) -> _Model:
    """Read a document; of the same short text the same frozen value again: a rack is given one recipe many times."""
    read = _parsed_before if len(text) <= _REMEMBERED else _parsed
    return cast("_Model", read(text, file, model))


@lru_cache(maxsize=32)
def _parsed_before(text: str, file: str, model: type[FileModel]) -> FileModel:
    return _parsed(text, file, model)


def _parsed(text: str, file: str, model: type[FileModel]) -> FileModel:
    root = read_document(text, file)
    if not isinstance(root.value, dict):
        raise RecipeError([RecipeProblem(file, root.line, "file", "no keys", "lines of the form `key: value`")])
    try:
        return model.model_validate(root.plain())
    except ValidationError as err:
        raise RecipeError(list(_problems(err, root, file, model))) from None
    except RecursionError:
        raise RecipeError([RecipeProblem(file, root.line, "file", "too many levels", "less nesting")]) from None


def _problems(err: ValidationError, root: Node, file: str, model: type[FileModel]) -> Iterator[RecipeProblem]:
    errors = err.errors(include_url=False)
    covered: set[tuple[str | int, ...]] = set()
    beside = {error["loc"]: _beside(root, error["loc"]) for error in errors if error["type"] == "extra_forbidden"}
    for slip in slips(errors, model, beside):
        covered.update(slip.covered)
        path, node = _locate(root, slip.loc)
        yield RecipeProblem(file, node.line, path, slip.seen, slip.expected)
    for error in errors:
        if error["loc"] in covered:
            continue
        context = error.get("ctx", {})
        if error["type"] == "findings":
            for finding in context["findings"]:
                path, node = _locate(root, finding.path)
                yield RecipeProblem(file, node.line, path, finding.seen, finding.expected)
            continue
        if error["type"] == "too_short" and context.get("actual_length") != len(error["input"]):
            continue  # only because members of the list were refused, and those are reported
        path, node = _locate(root, error["loc"])
        seen, expected = _words(error["type"], context, error["loc"], node, error["msg"])
        yield RecipeProblem(file, node.line, path, seen, expected)


def _beside(root: Node, loc: tuple[str | int, ...]) -> dict[str, object]:
    """Give what is written in the block of an unknown key: keys in their order, with text or something else."""
    block = _locate(root, loc[:-1])[1].value
    return {key: inner.value for key, inner in block.items()} if isinstance(block, dict) else {}


def _locate(root: Node, loc: tuple[str | int, ...]) -> tuple[str, Node]:
    """Follow pydantic's path; names of union members, which it puts in between, are in no file and left out."""
    node, path = root, ""
    for position, part in enumerate(loc):
        if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node, path = node.value[part], f"{path}[{part + 1}]"
        elif isinstance(node.value, dict) and part in node.value:
            node, path = node.value[str(part)], f"{path}.{part}"
        elif position == len(loc) - 1 and isinstance(part, str) and not _is_tag(node, part):
            path = f"{path}.{part}"
    return path.removeprefix(".") or "file", node


def _is_tag(node: Node, part: str) -> bool:
    """Tell whether a part of the path is the ``step`` by which pydantic chose the model."""
    step = node.value.get("step") if isinstance(node.value, dict) else None
    return step is not None and step.value == part


def _words(kind: str, context: dict[str, Any], loc: tuple[str | int, ...], node: Node, text: str) -> tuple[str, str]:
    """Say what was seen and what was expected."""
    shapes = {list: "a list", dict: "keys"}
    seen = ascii(node.value)[:60] if isinstance(node.value, str) else shapes[type(node.value)]
    expected = text.removeprefix("Input should be ").removeprefix("Value should have ")
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        return _step_words(kind, node)
    words = {
        "problem": (str(context.get("seen")), str(context.get("expected"))),
        "missing": ("nothing", f"the key '{loc[-1]}'" if loc else "a value"),
        "extra_forbidden": (f"the unknown key '{loc[-1]}'" if loc else "", "a key of this block, see docs/recipes.md"),
        "model_type": (seen, "a block of keys"),
        "model_attributes_type": (seen, "a block of keys, for a step the first of them 'step:'"),
        "tuple_type": (seen, "a list, each entry behind '- '"),
        "too_short": ("an empty list", "at least one entry"),
    }
    return words.get(kind, (seen, expected))


def _step_words(kind: str, node: Node) -> tuple[str, str]:
    """Say what was seen of a step without kind, or of an unknown kind, and what to write instead."""
    written = node.value if isinstance(node.value, dict) else {}
    known = ", ".join(STEP_KINDS)
    if kind == "union_tag_invalid":
        word = str(written["step"].value) if "step" in written else ""
        meant = meant_step(word, STEP_KINDS)
        return f"step: {word[:_NAME_SHOWN]}", f"step: {meant}; there are {known}" if meant else known
    for key, inner in written.items():
        named = inner.value if isinstance(inner.value, str) else ""
        if key in STEP_KINDS:
            return f"the key '{key}' for the kind of a step", f"step: {key}, and its keys beside it"
        if meant_key(key, ["step"]) and (meant := meant_step(named, STEP_KINDS)):
            return f"the key '{key}' for the kind of a step", f"step: {meant}; there are {known}"
    return "no key 'step'", f"step: {known}"


__all__ = [
    "cell_document",
    "cell_text",
    "load_cell",
    "load_recipe",
    "parse_cell",
    "parse_recipe",
    "recipe_document",
    "recipe_text",
    "shipped_cells",
    "shipped_recipes",
]
