"""Makes a battery tester of sources that run no program of their own: this computer measures, decides and switches."""

from __future__ import annotations

from drivers.stepping.settings import SteppedSettings
from drivers.stepping.tester import SteppedTester

__all__ = ["SteppedSettings", "SteppedTester"]
