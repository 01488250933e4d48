"""The rule for shorts in Li/Li cells: pure state machines that are fed record by record (docs/shorts.md)."""

from orchestrator.shorts.cell import StepFacts, SymmetricCell
from orchestrator.shorts.findings import Reason, ShortFinding, ShortKind
from orchestrator.shorts.hard import HardShortWatch
from orchestrator.shorts.soft import SoftShortWatch
from orchestrator.shorts.soft_thresholds import SoftThresholds
from orchestrator.shorts.thresholds import Thresholds
from orchestrator.shorts.watch import ShortWatch

__all__ = [
    "HardShortWatch",
    "Reason",
    "ShortFinding",
    "ShortKind",
    "ShortWatch",
    "SoftShortWatch",
    "SoftThresholds",
    "StepFacts",
    "SymmetricCell",
    "Thresholds",
]
