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
from orchestrator.report.page_parts import (
    Cell,
    add_figure,
    add_head,
    add_section,
    add_table,
    add_text,
    document,
    icon_of,
)

GENERATOR = "cellrig morning"
"""The mark of the page's author: a file with it may be replaced by the next morning's."""


def page(report: Morning, zone: tzinfo | None = None) -> bytes:
    """Return the page of a report."""
    html = ET.Element("html", {"lang": "en"})
    add_head(html, f"cellrig, {local_time(report.now_unix_s)}: {report.headline}", GENERATOR)
    body = ET.SubElement(html, "body")
    _header(body, report)
    _needs(body, report, zone)
    if report.ending:
        add_table(body, "Ends today", _ENDING, [_ending_row(run) for run in report.ending])
    if report.stopped:
        section = add_section(body, "What stopped, and why")
        for run in report.stopped:
            _card(section, run, report, zone, "done")
    if report.running:
        add_table(body, "What runs", _RUNNING, [_running_row(run, report, zone) for run in report.running])
    if report.waiting:
        add_table(body, "What waits", _WAITING, [(run.channel, _name(run), run.said) for run in report.waiting])
    if report.marks:
        _marks(body, report.marks)
    _rig(body, report.rig)
    _numbers(body, report)
    foot = ET.SubElement(body, "footer")
    add_text(foot, "p", f"Made by cellrig from {report.store}.")
    return document(html)


_ENDING = ("channel", "cell", "how long")
_RUNNING = ("channel", "cell", "voltage", "over cycles", "now", "left")
_WAITING = ("channel", "cell", "what it waits for")


def _header(body: ET.Element, report: Morning) -> None:
    head = ET.SubElement(body, "header")
    add_text(head, "p", f"cellrig, morning of {local_time(report.now_unix_s)}").set("class", "quiet")
    add_text(head, "h1", report.headline[:1].upper() + report.headline[1:])
    span = duration_words(report.now_unix_s - report.since_unix_s)
    add_text(head, "p", f"Since {local_time(report.since_unix_s)}, {span}. {report.source}").set("class", "quiet")
    if report.simulated:
        add_text(head, "p", "Simulated instruments: no cell is real, and times are those of the simulated rack.")
    for line in report.rig_first:
        add_text(head, "p", line.said[:1].upper() + line.said[1:]).set("class", "filled")


def _needs(body: ET.Element, report: Morning, zone: tzinfo | None) -> None:
    section = add_section(body, "Needs hands")
    if not report.needs and not report.elsewhere:
        add_text(section, "p", "No cell needs hands.")
    for runs in grouped(report.needs):
        if len(runs) > 1:
            _card_of_many(section, runs)
        else:
            _card(section, runs[0], report, zone, "needs")
    if report.where_to_type:
        add_text(section, "p", report.where_to_type).set("class", "quiet")
    for line in report.elsewhere:
        card = ET.SubElement(section, "article", {"class": "needs"})
        add_text(card, "h3", line.what)
        add_text(card, "p", line.said)


def _card(section: ET.Element, run: RunLine, report: Morning, zone: tzinfo | None, look: str) -> None:
    """Add a run with its sentence, what to do and its pictures."""
    card = _headed(section, run, look, f"{run.channel} ", run.label, f" {when_words(run)}")
    add_text(card, "p", run.said)
    if run.to_do:
        add_text(card, "p", run.to_do).set("class", "todo")
    pictures = ET.SubElement(card, "div", {"class": "pictures"})
    if (span := run.trace.span_v) is not None:
        drawn = voltage_picture(run.trace, report.since_unix_s, report.now_unix_s, zone)
        add_figure(pictures, drawn, f"voltage, {span[0]:+z.4f} to {span[1]:+z.4f} V")
    if run.over_cycles is not None:
        first, last = run.over_cycles.values[0][0], run.over_cycles.values[-1][0]
        name = f"{run.over_cycles.quantity} of cycle{'' if first == last else 's'} {first}"
        add_figure(pictures, cycles_picture(run.over_cycles), name if first == last else f"{name} to {last}")
    add_text(card, "p", numbers_words(run)).set("class", "quiet")


def _card_of_many(section: ET.Element, runs: Sequence[RunLine]) -> None:
    """Add many runs that have the same need as one thing to do."""
    title, why = together_words(runs)
    card = _headed(section, runs[0], "needs", "", "", title)
    add_text(card, "p", why)
    if to_do := to_do_of(runs):
        add_text(card, "p", to_do).set("class", "todo")


def _headed(section: ET.Element, run: RunLine, look: str, place: str, label: str, when: str) -> ET.Element:
    card = ET.SubElement(section, "article", {"class": f"{look} {run.state.value}"})
    title = ET.SubElement(card, "h3")
    title.append(icon_of(run.state.value))
    ET.SubElement(title, "span").text = f" {place}"
    ET.SubElement(title, "bdi").text = shown(label)
    ET.SubElement(title, "span", {"class": "state"}).text = when
    return card


def _running_row(run: RunLine, report: Morning, zone: tzinfo | None) -> tuple[Cell, ...]:
    voltage = ET.Element("div")
    voltage.append(voltage_picture(run.trace, report.since_unix_s, report.now_unix_s, zone))
    cycles = ET.Element("div")
    if run.over_cycles is not None:
        cycles.append(cycles_picture(run.over_cycles))
        add_text(cycles, "div", compared(run.over_cycles)).set("class", "quiet")
    return run.channel, _name(run), voltage, cycles, pace_words(run, report.now_unix_s), run.left


def _ending_row(run: RunLine) -> tuple[Cell, ...]:
    return run.channel, _name(run), run.left


def _marks(body: ET.Element, marks: Sequence[Mark]) -> None:
    found = ET.SubElement(add_section(body, "What was marked"), "ul")
    for mark in marks:
        row = ET.SubElement(found, "li")
        row.append(icon_of(mark.severity.value))
        ET.SubElement(row, "span").text = shown(f" {mark_words(mark)}")


def _rig(body: ET.Element, lines: Sequence[RigLine]) -> None:
    section = add_section(body, "The rig")
    found = ET.SubElement(section, "ul")
    for line in lines:
        row = ET.SubElement(found, "li", {"class": "act"} if line.needs else {})
        if line.needs:
            row.append(icon_of("alarm"))
        ET.SubElement(row, "strong").text = f" {line.what}: "
        ET.SubElement(row, "span").text = shown(line.said)


def _numbers(body: ET.Element, report: Morning) -> None:
    found = ET.SubElement(add_section(body, "In numbers"), "ul")
    for line in numbers_lines(report):
        add_text(found, "li", line)


def _name(run: RunLine) -> ET.Element:
    cell = ET.Element("span")
    ET.SubElement(cell, "bdi").text = shown(run.label)
    ET.SubElement(cell, "span", {"class": "quiet"}).text = f" {run.run_id}, {shown(run.recipe)}"
    return cell
