"""The errors of packages; each message says what was found and what to do."""

from __future__ import annotations


class PackageError(Exception):
    """A package cannot be written, read, or used for what was asked."""


class NotAPackage(PackageError):
    """A file or folder is no package of a run."""


class PackageTouched(PackageError):
    """A package is not as it was written."""


class NotSealed(PackageError):
    """A run is not over for good, or wanted, and so is not archived."""
