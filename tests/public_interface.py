"""The public interface as text: every name of ``cellrig.__all__`` with its signature, its fields, methods and members.

``python -m tests.public_interface > tests/golden/public-interface.txt`` writes it anew, after a change that is meant.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from pydantic import BaseModel

import cellrig


def public_interface() -> str:
    """Give all of it, a line each, in alphabetical order."""
    return "\n".join(line for name in cellrig.__all__ for line in _lines(name, getattr(cellrig, name))) + "\n"


def _lines(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever is public
    if name == "__version__":
        yield f"{name}: str"
    elif inspect.isfunction(value):
        yield f"{name}{inspect.signature(value)}"
    elif not inspect.isclass(value):
        yield f"{name} = ..."
    elif issubclass(value, Exception):
        yield f"{name}({value.__bases__[0].__name__})"
    elif issubclass(value, Enum):
        yield f"{name}: {', '.join(member.value for member in value)}"
    else:
        yield name
        yield from (f"    {line}" for line in _members(value))


def _members(value: type) -> Iterator[str]:
    if issubclass(value, BaseModel):
        # Files and answers grow: their fields are told here by name, their types by their own schema.
        yield ", ".join([*value.model_fields, *value.model_computed_fields])
        return
    if is_dataclass(value):
        yield from (f"{field.name}: {field.type}" for field in fields(value))
    elif value.__init__ is not object.__init__ and not value.__name__.startswith("Store"):
        yield f"{value.__name__}{inspect.signature(value)}"
    for name, member in sorted(vars(value).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property | cached_property):
            function = member.fget if isinstance(member, property) else member.func
            yield f"{name}: {inspect.signature(function).return_annotation}"  # type: ignore[arg-type]  # a property of ours always has a getter
        elif isinstance(member, classmethod):
            yield f"{name}{inspect.signature(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"{name}{inspect.signature(member)}"


if __name__ == "__main__":
    sys.stdout.write(public_interface())
