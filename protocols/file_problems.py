"""What is wrong in a recipe or cell file: each fault that a model has found, at its line, in a technician's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from protocols.errors import RecipeProblem
from protocols.field_types import FileModel
from protocols.meant_words import OF_A_KEY, meant_key, meant_step, slips
from protocols.written_steps import WRITTEN_KINDS
from protocols.yaml_document import Node

_SHOWN = 200


def problems_of(err: ValidationError, root: Node, file: str, model: type[FileModel]) -> Iterator[RecipeProblem]:
    """Yield the faults that a model has found in a tree of nodes, each once, at the line as it was written."""
    yield from dict.fromkeys(_problems(err, root, file, model))


def _problems(err: ValidationError, root: Node, file: str, model: type[FileModel]) -> Iterator[RecipeProblem]:
    errors = err.errors(include_url=False)
    covered: set[tuple[str | int, ...]] = set()
    beside = {loc: _beside(root, loc) for loc in (error["loc"] for error in errors) if loc}
    for slip in slips(errors, model, beside):
        covered.update(slip.covered)
        yield _told(root, slip.loc, file, slip.seen, slip.expected)
    for error in errors:
        if error["loc"] in covered:
            continue
        context = error.get("ctx", {})
        if error["type"] == "findings":
            for finding in context["findings"]:
                yield _told(root, finding.path, file, finding.seen, finding.expected)
            continue
        if error["type"] == "too_short" and context.get("actual_length") != len(error["input"]):
            continue  # only because members of the list were refused, and those are reported
        seen, expected = _words(error["type"], context, error["loc"], locate(root, error["loc"])[1], error["msg"])
        yield _told(root, error["loc"], file, seen, expected)


def _told(root: Node, loc: tuple[str | int, ...], file: str, seen: str, expected: str) -> RecipeProblem:
    path, node = locate(root, loc)
    return RecipeProblem(node.file or file, node.line, path, seen, expected)


def _beside(root: Node, loc: tuple[str | int, ...]) -> dict[str, object]:
    """Give what is written in the block of an unknown key: keys in their order, with text or something else."""
    block = locate(root, loc[: -2 if loc[-1] == OF_A_KEY else -1])[1].value
    return {key: inner.value for key, inner in block.items()} if isinstance(block, dict) else {}


def locate(root: Node, loc: tuple[str | int, ...]) -> tuple[str, Node]:
    """Follow pydantic's path to what messages call the place, and to its node.

    Names of union members, which it puts in between, are in no file and left out.
    """
    node, path = root, root.place or ""
    for position, part in enumerate(loc):
        if isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            path = node.place or f"{path}[{part + 1}]"
        elif isinstance(node.value, dict) and part in node.value:
            node, path = node.value[str(part)], f"{path}.{part}"
        elif position == len(loc) - 1 and isinstance(part, str) and part != OF_A_KEY and not _is_tag(node, part):
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
        "extra_forbidden": (
            f"the unknown key '{loc[-1]}'" if loc else "",
            "a key of this block, see docs/recipes.md and recipe-language.md",
        ),
        "model_type": (seen, "a block of keys"),
        "model_attributes_type": (seen, "a block of keys, for a step the first of them 'step:'"),
        "tuple_type": (seen, "a list, each entry behind '- '"),
        "too_short": ("an empty list", "at least one entry"),
    }
    return words.get(kind, (seen, expected))


def _step_words(kind: str, node: Node) -> tuple[str, str]:
    """Say what was seen of a step without kind, or of an unknown kind, and what to write instead."""
    written = node.value if isinstance(node.value, dict) else {}
    known = ", ".join(WRITTEN_KINDS)
    if kind == "union_tag_invalid":
        word = str(written["step"].value) if "step" in written else ""
        if word.strip().lower() == "include":
            return f"step: {word[:_SHOWN]}", "'- include: FILE', without 'step:'; beside it 'with:' has its parameters"
        meant = meant_step(word, WRITTEN_KINDS)
        return f"step: {word[:_SHOWN]}", f"step: {meant}; there are {known}" if meant else known
    for key, inner in written.items():
        named = inner.value if isinstance(inner.value, str) else ""
        if key in WRITTEN_KINDS:
            return f"the key '{key}' for the kind of a step", f"step: {key}, and its keys beside it"
        if meant_key(key, ["step"]) and (meant := meant_step(named, WRITTEN_KINDS)):
            return f"the key '{key}' for the kind of a step", f"step: {meant}; there are {known}"
    return "no key 'step'", f"step: {known}"
