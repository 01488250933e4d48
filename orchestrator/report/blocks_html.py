"""A report as one page of HTML that needs nothing else: pictures are drawings in it, no script, no request."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import singledispatch

from orchestrator.report.blocks import Facts, Heading, Picture, Pictures, Report, TextTable, Words
from orchestrator.report.journal_page import PictureKind, encoded
from orchestrator.report.page_parts import add_head, add_section, add_table, add_text, document

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
# A word of so many letters stands in one line of a table; a longer one, such as a path, may be parted.
_SHORT = 20
_STYLE = """
h1 { break-after: avoid; } h2, h3 { break-after: avoid; } h3 { margin: 1.1rem 0 .35rem; }
h2 { border-top: 2px solid var(--line); padding-top: .8rem; margin-top: 2.2rem; }
nav ul { columns: 16rem; } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td:nth-child(2) { min-width: 0; } table { width: auto; max-width: 100%; margin: .3rem 0; }
td.number, td.word { white-space: nowrap; }
table.facts th { text-align: left; white-space: nowrap; width: 11rem; } thead { display: table-header-group; }
caption { text-align: left; font-weight: bold; font-size: .85rem; padding: .3rem .7rem; break-after: avoid; }
.warning { border: 2px solid var(--ink); border-left-width: .6rem; padding: .35rem .7rem; margin: .5rem 0; }
figure { break-inside: avoid; margin: .3rem 0 .6rem; max-width: 100%; } figcaption { max-width: 42rem; }
figure svg { background: #fff; height: auto; } .pictures { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
@media (max-width: 44rem) { td.number { text-align: left; } }
@media print { nav { break-after: avoid; } h2 { font-size: 13pt; } table { font-size: 8.5pt; } a { color: inherit; } }
"""


def page(report: Report) -> bytes:
    """Return the page of a report."""
    html = ET.Element("html", {"lang": "en"})
    add_head(html, f"{report.kicker}: {report.title}", report.generator, _STYLE)
    body = ET.SubElement(html, "body")
    header = ET.SubElement(body, "header")
    add_text(header, "p", report.kicker).set("class", "quiet")
    add_text(header, "h1", report.title)
    if len(report.chapters) > 2:
        listed = ET.SubElement(ET.SubElement(body, "nav"), "ul")
        for number, chapter in enumerate(report.chapters, 1):
            add_text(ET.SubElement(listed, "li"), "a", chapter.title).set("href", f"#chapter-{number}")
    numbers = {picture.name: number for number, picture in enumerate(report.pictures, 1)}
    for number, chapter in enumerate(report.chapters, 1):
        section = add_section(body, chapter.title)
        section.set("id", f"chapter-{number}")
        for block in chapter.blocks:
            if isinstance(block, Pictures):
                _add_pictures(section, block, numbers)
            else:
                _add(block, section)
    return document(html)


@singledispatch
def _add(block: object, parent: ET.Element) -> None:
    raise TypeError(f"a page has no {type(block).__name__}")


@_add.register
def _(block: Heading, parent: ET.Element) -> None:
    add_text(parent, "h3", block.text)


@_add.register
def _(block: Words, parent: ET.Element) -> None:
    element = add_text(parent, "p", block.text)
    if block.is_quiet or block.is_warning:
        element.set("class", "warning" if block.is_warning else "quiet")


@_add.register
def _(block: Facts, parent: ET.Element) -> None:
    inner = ET.SubElement(ET.SubElement(parent, "table", {"class": "facts"}), "tbody")
    for name, value in block.rows:
        line = ET.SubElement(inner, "tr")
        add_text(line, "th", name).set("scope", "row")
        add_text(line, "td", value)


@_add.register
def _(block: TextTable, parent: ET.Element) -> None:
    made = add_table(parent, "", block.heads, block.rows)
    for line in made.iter("tr"):
        for column, cell in enumerate(line):
            if column in block.numeric:
                cell.set("class", "number")
            elif cell.tag == "td" and 0 < len(text := cell.text or "") <= _SHORT and " " not in text:
                # A label such as ``bare-1`` is not parted behind its hyphen.
                cell.set("class", "word")
    if block.title:
        caption = ET.Element("caption")
        caption.text = block.title
        made.insert(0, caption)
    if block.note:
        add_text(parent, "p", block.note).set("class", "quiet")


def _add_pictures(parent: ET.Element, block: Pictures, numbers: dict[str, int]) -> None:
    row = ET.SubElement(parent, "div", {"class": "pictures"})
    for picture in block.pictures:
        number = numbers[picture.name]
        figure = ET.SubElement(row, "figure")
        figure.append(_drawing(picture, number))
        add_text(figure, "figcaption", f"Figure {number}. {picture.caption}").set("class", "quiet")


def _drawing(picture: Picture, number: int) -> ET.Element:
    """Return a picture as a drawing in the page; its names inside are its own, so that no two pictures share one."""
    svg = ET.fromstring(encoded(picture.figure, PictureKind.SVG, 300, picture.caption, picture.contents))  # noqa: S314 - drawn here
    for metadata in svg.findall(f"{{{_SVG}}}metadata"):
        svg.remove(metadata)
    mine = f"f{number}-"
    for element in svg.iter():
        element.tag = str(element.tag).removeprefix(f"{{{_SVG}}}")
        for name, value in list(element.attrib.items()):
            if name == "id":
                element.set("id", mine + value)
            elif name == _LINK:
                del element.attrib[name]
                element.set("href", value.replace("#", f"#{mine}", 1))
            elif "url(#" in value:
                element.set(name, re.sub(r"url\(#", f"url(#{mine}", value))
    for side, inches in zip(("width", "height"), picture.figure.get_size_inches(), strict=True):
        svg.set(side, f"{inches * 72 * picture.scale:g}pt")
    svg.set("role", "img")
    svg.set("aria-label", picture.caption)
    return svg
