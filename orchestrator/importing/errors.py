"""The errors of imports; each message says what was found in the file and what to do."""

from __future__ import annotations


class ImportFailed(Exception):
    """A file cannot be imported as it is, or as it was asked."""
