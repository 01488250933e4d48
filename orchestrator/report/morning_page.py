"""The morning report as one page of HTML that needs nothing else: no script, no other file, no request.

Elements are built as a tree and written by the standard library, which escapes every text: a label is never markup. The
page's own policy forbids scripts and requests besides.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import tzinfo

from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.report.morning import Mark, Morning, RigLine, RunLine
from orchestrator.report.morning_pictures import cycles_picture, voltage_picture
from orchestrator.report.morning_style import ICONS, STYLE, SVG_ICON
from orchestrator.report.morning_words import (
    compared,
    grouped,
    mark_words,
    numbers_lines,
    numbers_words,
    pace_words,
    shown,
    to_do_of,
    together_words,
    when_words,
)

GENERATOR = "cellrig morning"
"""The mark of the page's author: a file with it may be replaced by the next morning's."""
# What a browser may do with the page: show it. No script runs and nothing is asked for, whatever a label says.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(report: Morning, zone: tzinfo | None = None) -> bytes:
    """Return the page of a report."""
    html = ET.Element("html", {"lang": "en"})
    _head(html, report)
    body = ET.SubElement(html, "body")
    _header(body, report)
    _needs(body, report, zone)
    if report.ending:
        _table(body, "Ends today", _ENDING, [_ending_row(run) for run in report.ending])
    if report.stopped:
        section = _section(body, "What stopped, and why")
        for run in report.stopped:
            _card(section, run, report, zone, "done")
    if report.running:
        _table(body, "What runs", _RUNNING, [_running_row(run, report, zone) for run in report.running])
    if report.waiting:
        _table(body, "What waits", _WAITING, [(run.channel, _name(run), run.said) for run in report.waiting])
    if report.marks:
        _marks(body, report.marks)
    _rig(body, report.rig)
    _numbers(body, report)
    foot = ET.SubElement(body, "footer")
    _text(foot, "p", f"Made by cellrig from {report.store}.")
    # A label that no file can hold, half a pair of Unicode's, is told by its number.
    return b"<!DOCTYPE html>\n" + ET.tostring(html, "unicode", "html").encode("utf-8", "xmlcharrefreplace") + b"\n"


_ENDING = ("channel", "cell", "how long")
_RUNNING = ("channel", "cell", "voltage", "over cycles", "now", "left")
_WAITING = ("channel", "cell", "what it waits for")
_Cell = str | ET.Element


def _head(html: ET.Element, report: Morning) -> None:
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "meta", {"charset": "utf-8"})
    ET.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY})
    ET.SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    ET.SubElement(head, "meta", {"name": "color-scheme", "content": "light dark"})
    ET.SubElement(head, "meta", {"name": "generator", "content": GENERATOR})
    ET.SubElement(head, "title").text = f"cellrig, {local_time(report.now_unix_s)}: {report.headline}"
    ET.SubElement(head, "style").text = STYLE


def _header(body: ET.Element, report: Morning) -> None:
    head = ET.SubElement(body, "header")
    _text(head, "p", f"cellrig, morning of {local_time(report.now_unix_s)}").set("class", "quiet")
    _text(head, "h1", report.headline[:1].upper() + report.headline[1:])
    span = duration_words(report.now_unix_s - report.since_unix_s)
    _text(head, "p", f"Since {local_time(report.since_unix_s)}, {span}. {report.source}").set("class", "quiet")
    if report.simulated:
        _text(head, "p", "Simulated instruments: no cell is real, and times are those of the simulated rack.")
    for line in report.rig_first:
        _text(head, "p", line.said[:1].upper() + line.said[1:]).set("class", "filled")


def _needs(body: ET.Element, report: Morning, zone: tzinfo | None) -> None:
    section = _section(body, "Needs hands")
    if not report.needs and not report.elsewhere:
        _text(section, "p", "No cell needs hands.")
    for runs in grouped(report.needs):
        if len(runs) > 1:
            _card_of_many(section, runs)
        else:
            _card(section, runs[0], report, zone, "needs")
    if report.where_to_type:
        _text(section, "p", report.where_to_type).set("class", "quiet")
    for line in report.elsewhere:
        card = ET.SubElement(section, "article", {"class": "needs"})
        _text(card, "h3", line.what)
        _text(card, "p", line.said)


def _card(section: ET.Element, run: RunLine, report: Morning, zone: tzinfo | None, look: str) -> None:
    """Add a run with its sentence, what to do and its pictures."""
    card = _headed(section, run, look, f"{run.channel} ", run.label, f" {when_words(run)}")
    _text(card, "p", run.said)
    if run.to_do:
        _text(card, "p", run.to_do).set("class", "todo")
    pictures = ET.SubElement(card, "div", {"class": "pictures"})
    if (span := run.trace.span_v) is not None:
        drawn = voltage_picture(run.trace, report.since_unix_s, report.now_unix_s, zone)
        _figure(pictures, drawn, f"voltage, {span[0]:+z.4f} to {span[1]:+z.4f} V")
    if run.over_cycles is not None:
        first, last = run.over_cycles.values[0][0], run.over_cycles.values[-1][0]
        name = f"{run.over_cycles.quantity} of cycle{'' if first == last else 's'} {first}"
        _figure(pictures, cycles_picture(run.over_cycles), name if first == last else f"{name} to {last}")
    _text(card, "p", numbers_words(run)).set("class", "quiet")


def _card_of_many(section: ET.Element, runs: Sequence[RunLine]) -> None:
    """Add many runs that have the same need as one thing to do."""
    title, why = together_words(runs)
    card = _headed(section, runs[0], "needs", "", "", title)
    _text(card, "p", why)
    if to_do := to_do_of(runs):
        _text(card, "p", to_do).set("class", "todo")


def _headed(section: ET.Element, run: RunLine, look: str, place: str, label: str, when: str) -> ET.Element:
    card = ET.SubElement(section, "article", {"class": f"{look} {run.state.value}"})
    title = ET.SubElement(card, "h3")
    title.append(_icon(run.state.value))
    ET.SubElement(title, "span").text = f" {place}"
    ET.SubElement(title, "bdi").text = shown(label)
    ET.SubElement(title, "span", {"class": "state"}).text = when
    return card


def _figure(parent: ET.Element, picture: ET.Element, words: str) -> None:
    figure = ET.SubElement(parent, "figure")
    figure.append(picture)
    ET.SubElement(figure, "figcaption", {"class": "quiet"}).text = words


def _running_row(run: RunLine, report: Morning, zone: tzinfo | None) -> tuple[_Cell, ...]:
    voltage = ET.Element("div")
    voltage.append(voltage_picture(run.trace, report.since_unix_s, report.now_unix_s, zone))
    cycles = ET.Element("div")
    if run.over_cycles is not None:
        cycles.append(cycles_picture(run.over_cycles))
        _text(cycles, "div", compared(run.over_cycles)).set("class", "quiet")
    return run.channel, _name(run), voltage, cycles, pace_words(run, report.now_unix_s), run.left


def _ending_row(run: RunLine) -> tuple[_Cell, ...]:
    return run.channel, _name(run), run.left


def _marks(body: ET.Element, marks: Sequence[Mark]) -> None:
    found = ET.SubElement(_section(body, "What was marked"), "ul")
    for mark in marks:
        row = ET.SubElement(found, "li")
        row.append(_icon(mark.severity.value))
        ET.SubElement(row, "span").text = shown(f" {mark_words(mark)}")


def _rig(body: ET.Element, lines: Sequence[RigLine]) -> None:
    section = _section(body, "The rig")
    found = ET.SubElement(section, "ul")
    for line in lines:
        row = ET.SubElement(found, "li", {"class": "act"} if line.needs else {})
        if line.needs:
            row.append(_icon("alarm"))
        ET.SubElement(row, "strong").text = f" {line.what}: "
        ET.SubElement(row, "span").text = shown(line.said)


def _numbers(body: ET.Element, report: Morning) -> None:
    found = ET.SubElement(_section(body, "In numbers"), "ul")
    for line in numbers_lines(report):
        _text(found, "li", line)


def _name(run: RunLine) -> ET.Element:
    cell = ET.Element("span")
    ET.SubElement(cell, "bdi").text = shown(run.label)
    ET.SubElement(cell, "span", {"class": "quiet"}).text = f" {run.run_id}, {shown(run.recipe)}"
    return cell


def _section(body: ET.Element, title: str) -> ET.Element:
    section = ET.SubElement(body, "section")
    ET.SubElement(section, "h2").text = title
    return section


def _table(body: ET.Element, title: str, heads: Sequence[str], rows: Sequence[Sequence[_Cell]]) -> None:
    section = _section(body, title) if title else body
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


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = shown(text)
    return element


def _icon(word: str) -> ET.Element:
    """Draw the shape of a state or a severity: colour alone says nothing."""
    picture = ET.Element("svg", {**SVG_ICON, "class": f"icon {word}"})
    ET.SubElement(picture, "path", {"d": ICONS.get(word, ICONS["info"])})
    return picture
