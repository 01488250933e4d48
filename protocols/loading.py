"""Load recipes and cells by shipped name or from a file, and tell every problem at once, with file and line.

>>> load_recipe("li-li-0.2").title
'Li/Li symmetric cell, 0.2 mA/cm2, 1 h each way, 300 cycles'
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from protocols.bounded_file import BadFile, NoSuchFile, read_bounded
from protocols.cell import Cell
from protocols.document import Document
from protocols.errors import RecipeError, RecipeProblem, UnknownName
from protocols.expansion import Expansion, ParameterValue, beside, expand, plain_text, with_included
from protocols.field_types import FileModel
from protocols.file_problems import locate, problems_of
from protocols.places import Places
from protocols.recipe import Recipe
from protocols.yaml_document import SIZE_MAX, Node, read_document

_Model = TypeVar("_Model", bound=FileModel)
_SUFFIX = ".yaml"
_NAME_SHOWN = 200
# Characters: longer texts are read anew each time, so that what is remembered stays small.
_REMEMBERED = 10_000


def load_recipe(name_or_path: str | Path, values: Mapping[str, str] | None = None) -> Recipe:
    """Load a recipe: a shipped name (``li-li-0.2``) or a file, with what is set of its parameters.

    Raises RecipeError or UnknownName, and WrongChange for a parameter that it does not have.
    """
    return recipe_of(recipe_document(name_or_path).with_values(values or {}))


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
    """Give a recipe's file under the name by which it was asked for, with the files of its folder that it includes.

    Raises RecipeError or UnknownName.
    """
    document = Document(str(name_or_path), recipe_text(name_or_path))
    if name_or_path in shipped_recipes():
        return document
    return with_included(document, beside(Path(name_or_path)))


def cell_document(name_or_path: str | Path) -> Document:
    """Give a cell's file under the name by which it was asked for. Raises RecipeError or UnknownName."""
    return Document(str(name_or_path), cell_text(name_or_path))


def parse_recipe(text: str, file: str = "<text>") -> Recipe:
    """Read a recipe from YAML text; ``file`` is for messages. A text includes no files: for that is ``recipe_of``."""
    return recipe_of(Document(file, text))


def recipe_of(document: Document) -> Recipe:
    """Read a recipe with the files that it includes and what is set of its parameters, as plain steps.

    Of the same short text the same frozen value again: a rack is given one recipe many times. Raises RecipeError, and
    WrongChange for a parameter that it does not have.
    """
    short = len(document.text) <= _REMEMBERED and not document.included
    return _recipe_before(document) if short else _recipe(document)


def expansion_of(document: Document) -> Expansion:
    """Expand a recipe's file without judging the plain steps. Raises RecipeError for what is no file of keys."""
    root = _root(document.text, document.file)
    return expand(root, document.file, dict(document.included), dict(document.values))


def plain_of(document: Document) -> str | None:
    """Give the text of a recipe's plain steps; None for a file that is of plain steps as it is written."""
    found = expansion_of(document)
    return None if found.is_as_written else plain_text(found.root)


def parameters_of(document: Document) -> tuple[ParameterValue, ...]:
    """Give the parameters of a recipe's file with what is set, sound or not. Raises RecipeError or WrongChange."""
    return expansion_of(document).parameters


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
    root = _root(text, file)
    return _validated(root, file, model)


def _root(text: str, file: str) -> Node:
    root = read_document(text, file)
    if not isinstance(root.value, dict):
        raise RecipeError([RecipeProblem(file, root.line, "file", "no keys", "lines of the form `key: value`")])
    return root


def _validated(root: Node, file: str, model: type[_Model], places: Places | None = None) -> _Model:
    try:
        return model.model_validate(root.plain(), context=places)
    except ValidationError as err:
        raise RecipeError(list(problems_of(err, root, file, model))) from None
    except RecursionError:
        raise RecipeError([RecipeProblem(file, root.line, "file", "too many levels", "less nesting")]) from None


@lru_cache(maxsize=32)
def _recipe_before(document: Document) -> Recipe:
    return _recipe(document)


def _recipe(document: Document) -> Recipe:
    found = expansion_of(document)
    if found.problems:
        raise RecipeError(_with_others(found, document.file))
    places = None if found.is_as_written else _places(found.root)
    return _validated(found.root, document.file, Recipe, places)


def _with_others(found: Expansion, file: str) -> list[RecipeProblem]:
    """Give what is wrong in what was expanded, and in the fields elsewhere: all of it at once."""
    told = list(dict.fromkeys(found.problems))
    lines = {(one.file, one.line) for one in told}
    try:
        Recipe.model_validate(found.root.plain())
    except ValidationError as err:
        if not any(error["type"] == "findings" for error in err.errors(include_url=False)):
            others = problems_of(err, found.root, file, Recipe)
            # A name without a value stands as it is written, and was told where it has none.
            told += [one for one in others if (one.file, one.line) not in lines and not one.seen.startswith("'$")]
    except RecursionError:
        pass
    return told


def _places(root: Node) -> Places:
    """Give what messages call each step of an expanded recipe: its line, and its place in the file."""
    found: dict[tuple[str | int, ...], str] = {}

    def walk(node: Node, path: tuple[str | int, ...]) -> None:
        steps = node.value.get("steps") if isinstance(node.value, dict) else None
        for n, step in enumerate(steps.value if steps is not None and isinstance(steps.value, list) else ()):
            at = (*path, "steps", n)
            where = f"{step.file}:{step.line}" if step.file else f"line {step.line}"
            found[at] = f"{where}, {locate(root, at)[0]}"
            walk(step, at)

    walk(root, ())
    return Places(found)


__all__ = [
    "cell_document",
    "cell_text",
    "expansion_of",
    "load_cell",
    "load_recipe",
    "parameters_of",
    "parse_cell",
    "parse_recipe",
    "plain_of",
    "recipe_document",
    "recipe_of",
    "recipe_text",
    "shipped_cells",
    "shipped_recipes",
]
