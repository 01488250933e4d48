"""The page of the simulated source meters says all that they can be told."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from simulators.smu.control import HandsAtUnits
from simulators.smu.models import MODELS
from simulators.smu.settings import Quirks

PAGE = (Path(__file__).parent.parent / "docs" / "simulated-smu.md").read_text(encoding="utf-8")


def test_every_quirk_model_and_order_is_on_the_page() -> None:
    """Nothing can be set at a unit that the page does not name."""
    told = [*MODELS, *(field.name for field in fields(Quirks)), *HandsAtUnits({}).verbs]
    assert [word for word in told if f"`{word}" not in PAGE] == []
