"""Tells every fault of recipe and cell files at once, as text or JSON: for ``recipe check`` and ``cell check``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orchestrator.cli.output import DONE, FAILED, say

if TYPE_CHECKING:
    from protocols.errors import RecipeProblem

# What belongs to a line stands below it, so far in.
_INDENT = 2


def file_faults(*loads: Callable[[], object]) -> list[RecipeProblem]:
    """Return the faults of all files that are loaded, each with file, line, what was seen and what would be right.

    Raises UnknownName for a name that is neither shipped nor a file.
    """
    from protocols.errors import RecipeError

    found: list[RecipeProblem] = []
    for load in loads:
        try:
            load()
        except RecipeError as err:
            found += err.problems
    return found


def faults_as_json(faults: Sequence[RecipeProblem]) -> dict[str, Any]:
    """Return the faults as ``problems``, one sentence each, and as ``faults``, in their parts."""
    return {"problems": [str(fault) for fault in faults], "faults": [asdict(fault) for fault in faults]}


def tell_reasons(head: str, reasons: Sequence[str]) -> int:
    """Write what is wrong to stderr, a line each behind ``head``, and return the exit status."""
    if not reasons:
        return DONE
    say(f"{head}:", err=True)
    for reason in reasons:
        say(f"- {reason}", _INDENT, err=True)
    return FAILED
