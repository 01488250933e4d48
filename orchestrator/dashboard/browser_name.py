"""Says in two words what browser a session is of, out of the long text by which browsers call themselves."""

from __future__ import annotations

import re

# The first that fits counts: each calls itself after those that came before it, too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Version", "Safari"),
    ("curl", "curl"),
    ("python-httpx", "httpx"),
)
_SYSTEMS = ("Windows", "Android", "iPhone", "iPad", "Macintosh", "Linux")


def browser_name(text: str) -> str:
    """Return the name and version of a browser and its system, the beginning of a text that is none of a browser.

    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/1")
    'Chrome 156, Linux'
    >>> browser_name("")
    ''
    """
    names = [f"{name} {found[1]}" for key, name in _BROWSERS if (found := re.search(rf"\b{key}/(\d+)", text))]
    systems = [system for system in _SYSTEMS if system in text]
    return ", ".join([*names[:1], *systems[:1]]) or text[:40]
