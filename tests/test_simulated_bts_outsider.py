"""A client that knows nothing of this project, written as programs for the real BTS are, works with the simulator."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.outsider import LOGIN, Outsider
from tests.transcripts import FOLDER

PLACE = 'devtype="27" devid="21" subdevid="1" chlid="3"'


@pytest.fixture
def outsiders() -> Iterator[Callable[[], Outsider]]:
    """Run the simulator as a process of its own, an hour in a tenth of a second; give a way to connect to it."""
    opened: list[Outsider] = []
    command = [sys.executable, "-m", "simulators", "ct4008", "--port", "0", "--speed", "36000", "--seed", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent.parent) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("listening on ").strip()

        def connect() -> Outsider:
            opened.append(Outsider(address))
            return opened[-1]

        yield connect
        for outsider in opened:
            outsider.socket.close()
        process.terminate()


SCHEDULE = """<?xml version="1.0"?>
<root><config type="Step File" version="17" client_version="BTS Client 8.0.0.478(2024.06.24)(R3)" date="20260105090000">
<Head_Info><Operate Value="66"/><Scale Value="1"/><Start_Step Value="1" Hide_Ctrl_Step="0"/></Head_Info>
<Whole_Prt><Record><Main><Time Value="30000"/></Main></Record></Whole_Prt>
<Step_Info Num="5">
<Step1 Step_ID="1" Step_Type="4"><Limit><Main><Time Value="600000"/></Main></Limit></Step1>
<Step2 Step_ID="2" Step_Type="1"><Limit><Main><Curr Value="0.1"/><Time Value="600000"/></Main></Limit></Step2>
<Step3 Step_ID="3" Step_Type="4"><Limit><Main><Time Value="600000"/></Main></Limit></Step3>
<Step4 Step_ID="4" Step_Type="5"><Limit><Other><Start_Step Value="2"/><Cycle_Count Value="2"/></Other></Limit></Step4>
<Step5 Step_ID="5" Step_Type="6"/>
</Step_Info></config></root>
"""


def test_an_outsider_runs_a_schedule_over_tcp(outsiders: Callable[[], Outsider], tmp_path: Path) -> None:
    """Log in, list, start, watch, download all, read steps and log, all with bytes of its own making."""
    path = tmp_path / "short.xml"
    path.write_text(SCHEDULE)
    client = outsiders()
    assert "<result>ok</result>" in client.ask(LOGIN)
    assert len(re.findall(r'Channelid="\d"', client.ask("<cmd>getdevinfo</cmd>"))) == 8
    start = f'<start ip="127.0.0.1" {PLACE} barcode="cell_3">{path}</start>'
    assert ">ok</start>" in client.ask(f'<cmd>start</cmd><list count = "1">{start}</list>"')
    deadline = time.monotonic() + 60
    status = f'<status ip="127.0.0.1" {PLACE}>true</status>'
    while ">working<" in client.ask(f'<cmd>getchlstatus</cmd><list count = "1">{status}</list>'):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    inquire = f'<inquire ip="127.0.0.1" {PLACE} aux="0" barcode="1">true</inquire>'
    live = client.ask(f'<cmd>inquire</cmd><list count="1">{inquire}</list>')
    assert 'workstatus="finish" barcode="cell_3"' in live
    found = re.search(
        r'testid="(\d+)" count="(\d+)">true',
        client.ask(f'<cmd>inquiredf</cmd><list count="1"><chl {PLACE} testid="0" /></list>'),
    )
    assert found is not None
    rows = client.ask(f'<cmd>download</cmd><download {PLACE} auxid="0" testid="{found[1]}" startpos="1" count="1000"/>')
    assert "<cmd>donwload_resp</cmd>" in rows
    sequence = [int(seq) for seq in re.findall(r'<data seqid="(\d+)"', rows)]
    assert sequence == list(range(1, int(found[2]) + 1))
    charging = re.findall(r'steptype="cc".*? curr="([^"]+)"', rows)
    assert all(abs(float(value) - 1e-4) < 2e-7 for value in charging)
    layer = client.ask(f"<cmd>downloadStepLayer</cmd><downloadStepLayer {PLACE} />")
    assert re.findall(r'steptype="(\w+)"', layer) == ["rest", "cc", "rest", "cc", "rest"]
    log = client.ask(f'<cmd>downloadlog</cmd><download {PLACE} testid="0"/>')
    assert log.count('log_code="102001"') == 5


def test_two_outsiders_are_served_at_once(outsiders: Callable[[], Outsider]) -> None:
    """A second connection does not wait for the first."""
    first, second = outsiders(), outsiders()
    assert second.ask("<cmd>getdevinfo</cmd>") == first.ask("<cmd>getdevinfo</cmd>")
