"""docs/python.md as it stands: its programs run, against a store and a service; the client's answers to trouble."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

import cellrig
from cellrig import service as service_module
from orchestrator.client.paths import run_path
from orchestrator.clock.scaled import run_scaled
from orchestrator.clock.virtual import DEMO_EPOCH_UNIX_S
from orchestrator.store import open_store
from tests.api_client import TOKEN
from tests.ports import deaf_port
from tests.run_maker import PROGRAM, RunMaker
from tests.served_rig import served

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
# Three minutes of the rack in a second of the programs; its driver gives a reply 30 s, which a busy machine must keep.
SPEED = 200.0
POLL_PERIOD_S = 20.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a working folder with a store that has a run; its service is found by the environment."""
    with open_store(tmp_path / "cellrig.db") as store:
        maker = RunMaker(store, PROGRAM)
        store.set_run_state(maker.run(), "completed", "all steps done", maker.now_unix_s)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CELLRIG_TOKEN", TOKEN)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr("orchestrator.client.stops._ASK_EVERY_S", 0.02)
    return tmp_path


def _executed(text: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(text, "docs/python.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - it is ours
    return out.getvalue()


def test_programs_of_the_page_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One opens a store, draws, forecasts and orders in ten lines; the others read, simulate, follow and stop."""
    assert len(BLOCKS[0].strip().splitlines()) == 11

    async def work() -> list[str]:
        async with served(folder, POLL_PERIOD_S) as there:
            monkeypatch.setenv("CELLRIG_URL", there.url)
            return [await asyncio.to_thread(_executed, block) for block in BLOCKS]

    first, frames, simulated, followed = run_scaled(work(), SPEED, DEMO_EPOCH_UNIX_S)
    assert (folder / "voltage.png").read_bytes()[:4] == b"\x89PNG"
    assert re.fullmatch(r"\d+ h, \d+ mAh, 0\.\d+ mA\nR000002 \w+\n", first)
    assert re.search(r"^cycle\n", frames, re.MULTILINE)
    assert re.findall(r"^(\S+ mA/cm2) completed", simulated, re.MULTILINE) == ["0.5 mA/cm2", "2 mA/cm2"]
    assert re.search(r"^\d+\.\d h, cycle \d+, running$", followed, re.MULTILINE)
    assert re.search(r"^stopped True stopped by ada", followed, re.MULTILINE)


def test_order_is_carried_out_once_and_its_end_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same key gives the same run; its stop is followed to its end; what is refused or unknown is said as such."""
    monkeypatch.setattr(service_module, "_ASK_EVERY_S", 0.02)

    def orders(url: str) -> dict[str, Any]:
        service = cellrig.Service(folder / "cellrig.db", url=url, by="ada")
        what = ("li-li-0.2", "coated-li-li", "21-1-3")
        runs = [service.order(*what, key="night-3/A17").run_id for _ in range(2)]
        found: dict[str, Any] = {"runs": runs, "channels": len(service.status().channels)}
        with pytest.raises(cellrig.RequestRefused) as busy:
            service.order(*what)
        with pytest.raises(cellrig.RequestRefused) as unknown:
            service.run("R000009")
        # None of these names a run; as a piece of a path the first is the whole rack, the second the run itself.
        for name in ("../rack", f"{runs[0]}/stop#", f"{runs[0]}?", ""):
            with pytest.raises(cellrig.RequestRefused):
                service.stop(name)
            with pytest.raises(cellrig.RequestRefused):
                service.hold(name)
        with pytest.raises(TimeoutError, match="R000002 has not ended within 0 s; it goes on"):
            service.wait(runs[0], 0.0)
        states: list[cellrig.RunState] = []
        for update in service.follow(runs[0]):
            if not states:
                found["off"] = service.stop(runs[0]).off
            states.append(update.state)
        statuses = [caught.value.http_status for caught in (busy, unknown)]
        return {**found, "statuses": statuses, "last": states[-1], "waited": service.wait(runs[0]).state}

    async def work() -> dict[str, Any]:
        async with served(folder, POLL_PERIOD_S) as there:
            return await asyncio.to_thread(orders, there.url)

    assert run_scaled(work(), SPEED, DEMO_EPOCH_UNIX_S) == {
        "runs": ["R000002", "R000002"],
        "channels": 8,
        "statuses": [409, 404],
        "off": True,
        "last": cellrig.RunState.STOPPED,
        "waited": cellrig.RunState.STOPPED,
    }


def test_without_a_service_nothing_is_ordered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port where nobody listens, a store without a token, an address without encryption: each by its kind."""
    with deaf_port() as port:
        there = cellrig.Service(tmp_path / "x.db", url=f"http://127.0.0.1:{port}", token=TOKEN, by="ada")
        with pytest.raises(cellrig.NoAnswer, match="no service answers"):
            there.order("li-li-0.2", "coated-li-li", "21-1-3")
        with pytest.raises(cellrig.NoAnswer):
            there.wait("R000001")
    with pytest.raises(cellrig.CannotAsk, match="over https only"):
        cellrig.Service(tmp_path / "x.db", url="http://192.0.2.1:8765", token=TOKEN).status()


@pytest.mark.parametrize("key", [" ", "a ", "a\r\nX: y", "a\x00", "日本"])
def test_order_whose_key_cannot_be_sent_is_not_lost(tmp_path: Path, key: str) -> None:
    """No header holds the key: nothing is sent, and nobody has to ask whether it was carried out."""
    there = cellrig.Service(tmp_path / "x.db", url="http://127.0.0.1:9", token=TOKEN, by="ada")
    with pytest.raises(cellrig.CannotAsk, match=r"the key .* cannot be sent, so nothing was"):
        there.order("li-li-0.2", "coated-li-li", "21-1-3", key=key)


def test_request_that_cannot_be_sent_is_a_sentence(tmp_path: Path) -> None:
    """A label that is no text, a question longer than an address may be, an address that is none."""
    there = cellrig.Service(tmp_path / "x.db", url="http://127.0.0.1:9", token=TOKEN, by="ada")
    with pytest.raises(cellrig.CannotAsk, match="cannot be sent, so nothing was"):
        there.order("li-li-0.2", "coated-li-li", "21-1-3", label="\ud800")
    with pytest.raises(cellrig.CannotAsk, match="cannot be sent, so nothing was"):
        there.get("/runs", label="x" * 70_000)
    with pytest.raises(cellrig.CannotAsk, match="is no text that can be sent, so nothing was"):
        run_path("R\udcff", "stop")
    for url in ("http://[::1", "http://127.0.0.1:x"):
        with pytest.raises(cellrig.CannotAsk, match="is no address of a service"):
            cellrig.Service(tmp_path / "x.db", url=url, token=TOKEN).status()
