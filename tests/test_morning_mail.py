"""The morning report as a mail, to a real mail server on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.store import open_store
from tests.command_line import cellrig, refused
from tests.notice_servers import mail_server

BENCH = """\
[notices]
rig = "rack-1"
[[notices.targets]]
name = "ada-mail"
url = "{url}"
[[notices.targets]]
name = "gone"
url = "json://127.0.0.1:9/x"
"""


@pytest.mark.real_time
async def test_report_is_mailed_as_text_and_page(tmp_path: Path) -> None:
    """A mail has the headline as its title and the page as its body and beside it; what is not taken is told."""
    with open_store(tmp_path / "lab.db"):
        pass
    async with mail_server() as (port, got):
        url = f"mailto://127.0.0.1:{port}?from=rig@lab.example&to=ada@lab.example"
        (tmp_path / "bench.toml").write_text(BENCH.format(url=url), "utf-8")
        files = ("--store", tmp_path / "lab.db", "--bench", tmp_path / "bench.toml")
        result = await asyncio.to_thread(cellrig, "morning", *files, "--mail", "ada-mail", "--mail", "gone")
    refused(result, 1, "gone: ")
    assert result.stdout.strip() == "ada-mail: delivered"
    (letter,) = got
    assert str(letter["Subject"]) == "rack-1: no run went on"
    pages = [part for part in letter.walk() if part.get_content_type() == "text/html"]
    assert any(part.get_filename() == "cellrig.html" for part in pages)
    assert all(b"No cell needs hands." in (part.get_payload(decode=True) or b"") for part in pages)


def test_wrong_target_is_told_before_anything_is_read(tmp_path: Path) -> None:
    """A name that is not in the file, a file without the table, and none at all are sentences that say what to do."""
    (tmp_path / "bench.toml").write_text(BENCH.format(url="json://127.0.0.1:9/x"), "utf-8")
    (tmp_path / "plain.toml").write_text("", "utf-8")
    told = cellrig("morning", "--mail", "bob", "--bench", "bench.toml", cwd=tmp_path)
    refused(told, 2, "there is no target 'bob'", "there are ada-mail, gone")
    refused(cellrig("morning", "--mail", "bob", cwd=tmp_path), 2, "--bench FILE")
    refused(cellrig("morning", "--mail", "bob", "--bench", "plain.toml", cwd=tmp_path), 2, "no table [notices]")
