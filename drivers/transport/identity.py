"""Finds an instrument's name in what it answers to the question who it is."""

from __future__ import annotations

import re

_WORD_BEFORE, _WORD_AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"


def is_identity(text: str, identity: str) -> bool:
    """Return whether a reply names this identity as a whole word: serial number 12 is not in ``ACME,RM8,123``."""
    return re.search(_WORD_BEFORE + re.escape(identity) + _WORD_AFTER, text) is not None
