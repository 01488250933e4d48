"""The errors of exports; each message says what was found and what to do."""

from __future__ import annotations


class ExportError(Exception):
    """A run cannot be written as asked."""


class AlreadyThere(ExportError):
    """A file or folder of the name to be written exists, and may not be replaced."""


class NothingToExport(ExportError):
    """The run has nothing of what the format holds."""
