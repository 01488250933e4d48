"""Recipes and cells as people write them on the rig, and the orders that save them."""

from __future__ import annotations

from protocols.loading import cell_text
from tests.two_cycles import RECIPE

FIRST = RECIPE.replace("name: two-cycles", "name: mine")
SECOND = f"{FIRST}# half as many\n"
CELL = cell_text("coated-li-li").replace("name: coated-li-li", "name: my-disc")
HOSTILE = "<script>alert('x')</script> \u202egnp.exe & \"quoted\" {braces}"


def saving(text: str, base: int = 0, by: str = "ada") -> dict[str, object]:
    """Give the order that saves a text."""
    return {"text": text, "base_version": base, "by": by}
