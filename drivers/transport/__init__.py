"""Byte pipes that several instruments share."""
