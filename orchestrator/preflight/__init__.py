"""Checks before a run: of its program, its instrument's settings, and the machine that keeps its records."""
