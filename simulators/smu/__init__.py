"""Simulated source meters: SCPI by byte, two regulation loops, a cell behind the leads (reference smu-and-ovens)."""

from __future__ import annotations

from simulators.smu.models import MODELS
from simulators.smu.server import SimulatedSmu
from simulators.smu.settings import Quirks

__all__ = ["MODELS", "Quirks", "SimulatedSmu"]
