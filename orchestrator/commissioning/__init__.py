"""Commissioning: a guided first contact with an instrument, on a resistor, that finds out what manuals leave open."""
