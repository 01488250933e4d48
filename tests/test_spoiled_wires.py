"""Every driver bears every spoiled wire: one list and one suite, which other people's drivers run as well."""

from __future__ import annotations

import pytest

from drivers.testing import SPOILED_WIRES, SpoiledWireCase
from tests.wired_instruments import ROWS


@pytest.mark.parametrize("case", SPOILED_WIRES, ids=lambda case: case.name.replace(",", "").replace(" ", "-"))
@pytest.mark.parametrize("row", ROWS)
async def test_a_driver_bears_a_spoiled_wire(row: str, case: SpoiledWireCase) -> None:
    """No answer is another's, no order repeated, nobody unidentified commanded, and an output is off in time."""
    await case(ROWS[row])
