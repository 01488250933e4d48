"""Procedures of the field as single steps of a recipe, each of which stands for plain steps.

>>> from protocols.quantities import parse_quantity
>>> block = BLOCKS["gitt"].model_validate(
...     {"step": "gitt", "direction": "charge", "current": "C/20", "time": "10 min", "rest": "2 h", "voltage": "4 V",
...      "times": "60"}
... )
>>> [step.step for step in block.expanded()]
['repeat']
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from protocols.blocks.block import Block
from protocols.blocks.critical_current import CriticalCurrentBlock
from protocols.blocks.dc_resistance import DcResistanceBlock
from protocols.blocks.float_hold import FloatBlock
from protocols.blocks.formation import FormationBlock
from protocols.blocks.gitt import GittBlock
from protocols.blocks.hppc import HppcBlock
from protocols.blocks.modified_aurbach import ModifiedAurbachBlock
from protocols.blocks.pulse import PulseBlock
from protocols.blocks.rate_test import RateTestBlock
from protocols.blocks.watched_rest import WatchedRestBlock

_KINDS: tuple[type[Block], ...] = (
    PulseBlock,
    DcResistanceBlock,
    GittBlock,
    HppcBlock,
    RateTestBlock,
    FormationBlock,
    CriticalCurrentBlock,
    ModifiedAurbachBlock,
    FloatBlock,
    WatchedRestBlock,
)
BLOCKS: Mapping[str, type[Block]] = MappingProxyType(
    {get_args(kind.model_fields["step"].annotation)[0]: kind for kind in _KINDS}
)
"""The blocks by what their key ``step`` says."""

__all__ = ["BLOCKS", "Block"]
