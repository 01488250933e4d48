"""Splits the byte stream of a client into requests and parses one request's XML, as tolerantly as BTS Client does.

Sans-io. A request ends with ``</bts>``, any white space, and ``#`` CR LF (reference 2.2); blanks around ``=`` and a
stray quotation mark between elements are known to be tolerated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, fromstring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring as defused_fromstring

_END = re.compile(rb"</bts>\s*#\r\n")
_TAIL = 64
"""Bytes of an end mark that may already have arrived; only the mark's white space could make it longer."""

MAX_REQUEST_BYTES = 4_000_000


class RequestFramer:
    """Collects bytes and gives whole requests, each up to and including ``</bts>``."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes; raise ``OverflowError`` when a request never ends."""
        self._buffer += data
        requests: list[bytes] = []
        while (end := _END.search(self._buffer, self._searched)) is not None:
            requests.append(bytes(self._buffer[: end.start() + len(b"</bts>")]).lstrip())
            del self._buffer[: end.end()]
            self._searched = 0
        self._searched = max(0, self._buffer.rfind(b"</bts>"), len(self._buffer) - _TAIL)
        if len(self._buffer) > MAX_REQUEST_BYTES:
            raise OverflowError(f"a request of more than {MAX_REQUEST_BYTES} bytes")
        return requests


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its command, and the elements between ``cmd`` and ``</bts>``, those of a ``list`` unwrapped."""

    command: str
    fields: dict[str, str]
    elements: tuple[Element, ...]

    def named(self, tag: str) -> list[Element]:
        """Return the elements with this tag, in order."""
        return [element for element in self.elements if element.tag == tag]


def _tree(text: str) -> Element:
    """Parse a request's XML. Only what begins with ``<!`` can be dangerous; all else goes through the fast parser."""
    if "<!" in text:
        guarded: Element = defused_fromstring(text, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        return guarded
    return fromstring(text)  # noqa: S314 - no document type gets here


def read_request(data: bytes) -> Request | None:
    """Read a request; None when it is not one (BTS answers nothing then, 2.3)."""
    try:
        root = _tree(data.decode("utf-8"))
    except (ParseError, DefusedXmlException, UnicodeDecodeError, ValueError):
        return None
    command = root.findtext("cmd")
    if root.tag != "bts" or not command:
        return None
    elements: list[Element] = []
    fields: dict[str, str] = {}
    for child in root:
        if child.tag == "list":
            elements.extend(child)
        elif child.attrib:
            elements.append(child)
        else:
            fields[child.tag] = (child.text or "").strip()
    return Request(command.strip(), fields, tuple(elements))
