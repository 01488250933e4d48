"""Puts examples, as they would be typed, at the end of the help of a command."""

from __future__ import annotations


def examples(*lines: str, needs: str = "") -> str:
    """Return the end of a help text: commands to be typed, and what they need that a new folder does not have.

    They work in order in one folder, unless ``needs`` says more. Line breaks are kept, whatever the width: the text
    begins with the mark (a backspace) by which click leaves a paragraph as it is.
    """
    told = [f"Needs {needs}."] if needs else []
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines), *told])
