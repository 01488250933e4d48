"""Source meters that speak SCPI, as channels of a battery tester: this computer measures, decides and switches."""

from drivers.smu.models import SmuModel
from drivers.smu.opening import KIND, build_tester
from drivers.smu.settings import SmuSettings, SmuUnitSettings
from drivers.smu.source import SmuSource

__all__ = ["KIND", "SmuModel", "SmuSettings", "SmuSource", "SmuUnitSettings", "build_tester"]
