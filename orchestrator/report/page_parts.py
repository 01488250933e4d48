"""The parts of which a page of HTML is made that needs nothing else: no script, no other file, no request."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from orchestrator.report.morning_style import ICONS, STYLE, SVG_ICON
from orchestrator.report.morning_words import shown

# What a browser may do with the page: show it. No script runs and nothing is asked for, whatever a label says.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

Cell = str | ET.Element
"""What stands in a cell of a table."""


def document(html: ET.Element) -> bytes:
    """Return the file of a page."""
    # A label that no file can hold, half a pair of Unicode's, is told by its number.
    return b"<!DOCTYPE html>\n" + ET.tostring(html, "unicode", "html").encode("utf-8", "xmlcharrefreplace") + b"\n"


def add_head(html: ET.Element, title: str, generator: str, more_style: str = "") -> None:
    """Add the head of a page; ``generator`` is the mark by which a later page may replace it.

    ``more_style`` comes behind the style that all pages have.
    """
    element = ET.SubElement(html, "head")
    ET.SubElement(element, "meta", {"charset": "utf-8"})
    ET.SubElement(element, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    ET.SubElement(element, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    ET.SubElement(element, "meta", {"name": "color-scheme", "content": "light dark"})
    ET.SubElement(element, "meta", {"name": "generator", "content": generator})
    ET.SubElement(element, "title").text = title
    ET.SubElement(element, "style").text = STYLE + more_style


def add_figure(parent: ET.Element, picture: ET.Element, words: str) -> None:
    """Add a picture with its caption."""
    element = ET.SubElement(parent, "figure")
    element.append(picture)
    ET.SubElement(element, "figcaption", {"class": "quiet"}).text = words


def add_section(body: ET.Element, title: str) -> ET.Element:
    """Add a section with its title, and return it."""
    element = ET.SubElement(body, "section")
    ET.SubElement(element, "h2").text = title
    return element


def add_table(body: ET.Element, title: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> ET.Element:
    """Add a table, in a section of its own where it has a title, and return it."""
    section = add_section(body, title) if title else body
    table = ET.SubElement(section, "table")
    head = ET.SubElement(ET.SubElement(table, "thead"), "tr")
    for name in heads:
        ET.SubElement(head, "th", {"scope": "col"}).text = name
    inner = ET.SubElement(table, "tbody")
    for row in rows:
        line = ET.SubElement(inner, "tr")
        for name, cell in zip(heads, row, strict=True):
            # A narrow screen shows each row as lines of its own, with the heads in front.
            place = ET.SubElement(line, "td", {"data-head": name})
            if isinstance(cell, str):
                place.text = shown(cell)
            else:
                place.append(cell)
    return table


def add_text(parent: ET.Element, name: str, text: str) -> ET.Element:
    """Add an element with a text, in which only letters are kept."""
    element = ET.SubElement(parent, name)
    element.text = shown(text)
    return element


def icon_of(word: str) -> ET.Element:
    """Draw the shape of a state or a severity: colour alone says nothing."""
    picture = ET.Element("svg", {**SVG_ICON, "class": f"icon {word}"})
    ET.SubElement(picture, "path", {"d": ICONS.get(word, ICONS["info"])})
    return picture
