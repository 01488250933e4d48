"""CH Instruments CHI660E through the vendor's program: macro files in, text files out."""

from drivers.chi660e.potentiostat import Chi660ePotentiostat
from drivers.chi660e.settings import Chi660eSettings

__all__ = ["Chi660ePotentiostat", "Chi660eSettings"]
