"""What an audit finds is said in one set of words: in the code, in its page of the documentation, and on its page."""

from __future__ import annotations

import asyncio
import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.audit.rack import LI_LI, open_vendor_rack
from drivers.errors import SettingsError
from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.audit.kept_findings import KeptFindings
from orchestrator.audit.kinds import FACTS, AuditFinding, AuditKind, Seen
from orchestrator.audit.report import AuditReport, gravest_first
from orchestrator.audit.session import AuditOrder, AuditSession
from orchestrator.report.audit_page import page
from simulators.memory_streams import connect_memory
from tests.bench_files import bench_file
from tests.command_line import cellrig, cellrig_process, refused

PAGE = Path(__file__).resolve().parent.parent / "docs" / "audit.md"


def test_page_has_every_kind_with_its_severity() -> None:
    """The table of docs/audit.md lists each kind of finding once, with the severity that it has."""
    rows = re.findall(r"^\| `([^`]+)` \| (notice|warning|alarm) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted((kind.value, FACTS[kind][0].value) for kind in AuditKind)


async def test_report_tells_each_finding_with_evidence_and_what_to_do() -> None:
    """JSON and page have the channel, the sentence and what to do; a barcode is no markup."""
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1", barcode="cell_1")
        rack.vendor.rename("21-1-1", "<b>mine</b>")
        test = rack.vendor.test("21-1-1")
        rack.tester.protect("21-1-1")
        await rack.follow(0.1, 300)
        found = gravest_first(rack.audit.findings)
        report = AuditReport("b.toml", 0.0, 1.0, 1.0, found, rack.audit.summaries(), 1, 0, "", (), (("inquire", 1),))
    told = report.as_dict()["findings"]
    assert isinstance(told, list)
    assert [(it["kind"], it["test"], it["channel"]) for it in told] == [("ended by protection", test.test_id, "21-1-1")]
    assert all(it["to_do"] and it["sentence"] for it in told)
    text = page(report).decode()
    assert "&lt;b&gt;mine&lt;/b&gt;" in text
    assert "<b>mine" not in text
    assert found[0].to_do in text


def test_wrong_orders_are_refused_in_words(tmp_path: Path) -> None:
    """A time, a channel and a bench that cannot be are told before anything is asked."""
    bench = bench_file(tmp_path)
    refused(cellrig("audit", "--bench", bench, "--for", "8"), 2, "30min")
    refused(cellrig("audit"), 2, "--bench FILE")
    refused(cellrig_process("audit", "--bench", bench, "--channel", "21-9-1"), 2, "21-9-1", "21-1-1")
    refused(cellrig_process("audit", "--bench", bench), 3, "nobody answers at 127.0.0.1:1")


async def test_findings_kept_in_a_file_outlive_the_audit_and_are_told_once(tmp_path: Path) -> None:
    """After a power cut, which cuts the last line, the next audit has what was found, and adds what is new."""
    file = tmp_path / "findings.jsonl"
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1", barcode="cell_1")
        rack.tester.protect("21-1-1")
        (found,) = await rack.follow(0.1, 300)
    first = KeptFindings(file, "b.toml", 10.0)
    first.keep([found])
    first.keep([replace(found, times=3)])
    with file.open("ab") as cut:
        cut.write(b'{"channel": "21-1-')
    again = KeptFindings(file, "b.toml", 20.0)
    assert (again.began_unix_s, again.earlier) == (10.0, (found,))
    other = replace(found, channel="21-1-2")
    again.keep([found, other])
    later = replace(found, seen=replace(found.seen, since_unix_s=found.seen.since_unix_s + 60.0), times=2)
    assert again.merged([later, other]) == [replace(found, times=3), other]
    assert KeptFindings(file, "b.toml", 30.0).earlier == (found, other)


async def test_finding_that_the_next_audit_reads_once_more_counts_once(tmp_path: Path) -> None:
    """Records and log of a running test are read again, and its step file: what they show is no second finding."""
    file = tmp_path / "findings.jsonl"
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1", barcode="cell_1")
        rack.tester.protect("21-1-1")
        (found,) = await rack.follow(0.1, 300)
    limit = replace(found, seen=Seen(AuditKind.LIMIT_MISSING, 10.0, "no upper voltage limit"))
    KeptFindings(file, "b.toml", 10.0).keep([found, limit])
    again = KeptFindings(file, "b.toml", 20.0)
    judged_later = replace(limit, seen=replace(limit.seen, since_unix_s=20.0))
    assert again.merged([replace(found, times=2), judged_later]) == [replace(found, times=2), limit]


async def test_audit_that_is_begun_again_reports_what_it_has_kept(tmp_path: Path) -> None:
    """The test with the finding is over and the tester shows another: report and page still have it."""
    file = tmp_path / "findings.jsonl"
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1", barcode="cell_1")
        rack.tester.protect("21-1-1")

        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return connect_memory(rack.bench.handle)

        unit = UnitSettings(devid=21, subdevid=1, voltage_low_v=-1.0)
        tester = NewareSettings(step_files=tmp_path, step_files_on_bts_pc="x", units=(unit,))
        order = AuditOrder("b.toml", [tester], for_s=60.0, keep=file)
        told: list[AuditFinding] = []
        await AuditSession(order, lambda look: told.extend(look.new), connect=connect).run()
        told_first = {(it.barcode, it.seen.kind) for it in told}
        told.clear()
        await asyncio.sleep(3600.0)
        again = AuditSession(order, lambda look: told.extend(look.new), connect=connect)
        await again.run()
        assert told_first
        assert not told_first & {(it.barcode, it.seen.kind) for it in told}
        rack.start("21-1-1", barcode="cell_2")
        session = AuditSession(order, connect=connect)
        await session.run()
    assert session.report().looked_s == pytest.approx(180.0, abs=20.0)
    assert "followed for 3 min" in session.report().headline
    assert any("nobody looked for 1 h" in note for note in session.report().notes)
    found = session.report().findings
    assert AuditKind.PROTECTED in {it.seen.kind for it in found if it.barcode == "cell_1"}
    assert any("were in" in note for note in session.report().notes)


async def test_full_disk_loses_no_finding_and_spoils_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of which a part was written is taken back, said to be missing, and written once there is room."""
    file = tmp_path / "findings.jsonl"
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1", barcode="cell_1")
        rack.tester.protect("21-1-1")
        (found,) = await rack.follow(0.1, 300)
    kept = KeptFindings(file, "b.toml", 10.0)
    before, other = file.read_bytes(), replace(found, channel="21-1-2")

    def is_full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", is_full)
        kept.keep([found])
    assert file.read_bytes() == before
    assert "No space left" in kept.trouble
    kept.keep([found, other])
    assert kept.trouble == ""
    assert KeptFindings(file, "b.toml", 30.0).earlier == (found, other)


def test_file_of_which_a_power_cut_left_a_part_of_the_first_line_begins_anew(tmp_path: Path) -> None:
    """The same command goes on: nothing was found yet."""
    for text in ("", "{", '{"audit of": "b.to'):
        (file := tmp_path / "findings.jsonl").write_text(text)
        assert KeptFindings(file, "b.toml", 10.0).earlier == ()
        assert KeptFindings(file, "b.toml", 20.0).began_unix_s == 10.0


async def test_test_of_one_number_with_another_barcode_is_another_test(tmp_path: Path) -> None:
    """A tester that counts its tests anew, or another one, is not told with the evidence of the first."""
    file = tmp_path / "findings.jsonl"
    async with open_vendor_rack((LI_LI,)) as rack:
        rack.start("21-1-1", barcode="cell_1")
        rack.tester.protect("21-1-1")
        (found,) = await rack.follow(0.1, 300)
    KeptFindings(file, "b.toml", 10.0).keep([found])
    again, other = KeptFindings(file, "b.toml", 20.0), replace(found, barcode="cell_9")
    again.keep([other])
    assert again.merged([other]) == [found, other]
    assert KeptFindings(file, "b.toml", 30.0).earlier == (found, other)


def test_file_of_another_bench_is_refused(tmp_path: Path) -> None:
    """Findings of two benches are not mixed; an older file, which names the bench as it was typed, goes on."""
    file = tmp_path / "findings.jsonl"
    file.write_text('{"audit of": "b.toml", "began_unix_s": 10.0}\n')
    KeptFindings(file, str(tmp_path / "b.toml"), 20.0)
    with pytest.raises(SettingsError, match="name another one"):
        KeptFindings(file, str(tmp_path / "c.toml"), 30.0)
    with pytest.raises(SettingsError, match="name another one"):
        KeptFindings(file, str(tmp_path / "other" / "b.toml"), 30.0)


def test_file_of_somebody_else_keeps_no_findings(tmp_path: Path) -> None:
    """It is refused before anything is asked, and stays as it is."""
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes\n")
    refused(cellrig_process("audit", "--bench", bench_file(tmp_path), "--keep", notes), 2, "is no file")
    assert notes.read_text() == "my notes\n"
