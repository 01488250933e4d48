"""The reasons against an order, each with a code, the field of the order that it is about, a sentence and its values.

Pages tell a reason in the reader's language by its code and values, and by the stored sentence where they know none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Value = str | float | None


@dataclass(frozen=True, slots=True)
class OrderReason:
    """A reason against an order; ``place`` is the field: recipe, cell, channel, label, set, or empty for the rig."""

    code: str
    place: str
    text: str
    values: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
