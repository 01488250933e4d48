"""The files of steps that a recipe includes: found in its folder, read once, kept with the recipe."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from protocols.bounded_file import BadFile, read_bounded
from protocols.document import Document
from protocols.errors import RecipeError, RecipeProblem
from protocols.written_steps import FILE_PATTERN
from protocols.yaml_document import SIZE_MAX, Node, read_document

FILES_MAX = 16
"""Files that one recipe may include, with those that they include."""

Reader = Callable[[str], bytes]


def with_included(recipe: Document, read: Reader) -> Document:
    """Return a recipe with the texts of all files that it includes, directly and through others.

    ``read`` gives the bytes of a file of the recipe's folder by its name. A file that cannot be read is told at the
    line that includes it; what else may be wrong is for the expansion. Raises RecipeError.
    """
    found: dict[str, str] = {}
    waiting = [(recipe.file, recipe.text)]
    while waiting:
        file, text = waiting.pop(0)
        for name, line in _named(file, text):
            if name in found:
                continue
            if len(found) == FILES_MAX:
                raise _refused(file, line, f"more than {FILES_MAX} included files", "fewer")
            try:
                found[name] = read(name).decode("utf-8-sig")
            except BadFile as err:
                raise _refused(file, line, f"{name}, and {err}", "a file in the folder of the recipe") from None
            except UnicodeDecodeError:
                raise _refused(file, line, f"{name}, which is not UTF-8", "a text file in UTF-8") from None
            waiting.append((name, found[name]))
    return replace(recipe, included=tuple(found.items()))


def beside(path: Path) -> Reader:
    """Return what reads the files of a recipe's folder. A link that leads out of the folder is none of them."""
    folder = path.absolute().parent

    def read(name: str) -> bytes:
        file = folder / name
        if file.resolve().parent != folder.resolve():
            raise BadFile(f"{name} is a link that leads out of the folder")
        return read_bounded(file, SIZE_MAX)

    return read


def _refused(file: str, line: int, seen: str, expected: str) -> RecipeError:
    return RecipeError([RecipeProblem(file, line, "include", seen, expected)])


def _named(file: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield the names of files that a text includes, with their lines; none of a text that cannot be read."""
    if "include" not in text:
        return
    try:
        root = read_document(text, file)
    except RecipeError:
        return
    yield from _in(root)


def _in(node: Node) -> Iterator[tuple[str, int]]:
    if isinstance(node.value, dict):
        name = node.value.get("include")
        if name is not None and isinstance(name.value, str) and re.fullmatch(FILE_PATTERN, name.value):
            yield name.value, name.line
        for inner in node.value.values():
            yield from _in(inner)
    elif isinstance(node.value, list):
        for inner in node.value:
            yield from _in(inner)
