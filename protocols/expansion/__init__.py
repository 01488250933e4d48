"""Recipes as they are written become plain recipes, before any cell is known."""

from __future__ import annotations

from protocols.expansion.expander import Expansion, expand
from protocols.expansion.including import beside, with_included
from protocols.expansion.parameter_values import ParameterValue
from protocols.expansion.plain_text import plain_text

__all__ = ["Expansion", "ParameterValue", "beside", "expand", "plain_text", "with_included"]
