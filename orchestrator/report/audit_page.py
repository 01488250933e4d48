"""An audit as one page of HTML that needs nothing else, with a small picture of the voltage before each finding."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import tzinfo

from orchestrator.audit.kinds import AuditFinding
from orchestrator.audit.report import AuditReport, off_words
from orchestrator.clock.local_time import local_time
from orchestrator.report.morning import Trace
from orchestrator.report.morning_pictures import voltage_picture
from orchestrator.report.morning_words import shown
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

GENERATOR = "cellrig audit"
"""The mark of the page's author: a file with it may be replaced by the next audit's."""
_FOLLOWED = (
    "channel",
    "test",
    "barcode",
    "state",
    "records",
    "mAh",
    "counter off",
    "mWh",
    "counter off by",
    "compared",
)
# So few records make no picture.
_LEAST = 10


def page(report: AuditReport, zone: tzinfo | None = None) -> bytes:
    """Return the page of an audit."""
    html = ET.Element("html", {"lang": "en"})
    add_head(html, f"cellrig audit, {local_time(report.ended_unix_s, zone)}: {report.headline}", GENERATOR)
    body = ET.SubElement(html, "body")
    header = ET.SubElement(body, "header")
    add_text(header, "p", f"cellrig, audit of {report.bench}").set("class", "quiet")
    add_text(header, "h1", report.headline[:1].upper() + report.headline[1:])
    span = f"From {local_time(report.began_unix_s, zone)} to {local_time(report.ended_unix_s, zone)}."
    add_text(header, "p", span).set("class", "quiet")
    if report.is_simulated:
        add_text(header, "p", "Simulated instruments: no cell is real.")
    section = add_section(body, "Findings")
    if not report.findings:
        add_text(section, "p", "Nothing was found." if report.channels else "No test ran.")
    for finding in report.findings:
        _card(section, finding, zone)
    if report.channels:
        add_table(body, "What was followed", _FOLLOWED, _rows(report))
    _notes(body, report)
    return document(html)


def _card(section: ET.Element, finding: AuditFinding, zone: tzinfo | None) -> None:
    card = ET.SubElement(section, "article", {"class": "needs" if finding.severity == "alarm" else "done"})
    title = ET.SubElement(card, "h3")
    title.append(icon_of(finding.severity.value))
    ET.SubElement(title, "span").text = f" {finding.channel} "
    ET.SubElement(title, "bdi").text = shown(finding.barcode)
    times = "" if finding.times == 1 else f", {finding.times} times"
    ET.SubElement(title, "span", {"class": "state"}).text = f" {finding.seen.kind.value}{times}"
    add_text(card, "p", finding.seen.sentence)
    add_text(card, "p", finding.to_do).set("class", "todo")
    if len(finding.around) >= _LEAST:
        pictures = ET.SubElement(card, "div", {"class": "pictures"})
        trace = Trace((finding.around,))
        low_v, high_v = trace.span_v or (0.0, 0.0)
        picture = voltage_picture(trace, finding.around[0][0], finding.around[-1][0], zone)
        add_figure(pictures, picture, f"voltage of the last records, {low_v:+z.4f} to {high_v:+z.4f} V")
    evidence = ", ".join(f"{name} {_value(value)}" for name, value in finding.seen.evidence.items())
    since = f"test {finding.test_id}, since {local_time(finding.seen.since_unix_s, zone, seconds=True)}"
    add_text(card, "p", f"{since}; {evidence}" if evidence else since).set("class", "quiet")


def _value(value: float | int | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _rows(report: AuditReport) -> Sequence[Sequence[Cell]]:
    return [
        (
            it.channel, str(it.test_id), it.barcode, it.state, str(it.sums.records),
            f"{it.sums.integral_ah * 1e3:.4f}", off_words(it.sums.counted_ah, it.sums.integral_ah),
            f"{it.sums.integral_wh * 1e3:.4f}", off_words(it.sums.counted_wh, it.sums.integral_wh), it.note,
        )
        for it in report.channels
    ]  # fmt: skip


def _notes(body: ET.Element, report: AuditReport) -> None:
    found = ET.SubElement(add_section(body, "How it was looked"), "ul")
    sent = ", ".join(f"{command} {times}" for command, times in report.sent)
    add_text(found, "li", f"{report.looks} looks. Only reading commands were sent: {sent}.")
    if report.failed:
        add_text(found, "li", f"{report.failed} looks had no answer, the last because: {report.trouble}")
    for note in report.notes:
        add_text(found, "li", note)
