"""Stops of a channel at its tester, with the service dead: of whatever works there, and with a status to rely on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivers.neware.settings import NewareSettings, UnitSettings
from orchestrator.bench.settings import BenchSettings
from orchestrator.cli.app import app
from orchestrator.cli.output import DONE, FAILED
from orchestrator.rack.direct_stop import stop_directly
from orchestrator.store import open_store
from tests.packages import TOY_BENCH, install_toy
from tests.rig import CHANNEL, Rig, short_segment
from tests.storing import add_run


def bench_of(rig: Rig, folder: Path) -> BenchSettings:
    """Give a bench whose tester is the simulated one of a rig, reached as another process reaches it."""
    units = (UnitSettings(devid=21, subdevid=1, voltage_low_v=-5.0),)
    tester = NewareSettings(port=rig.port, step_files=folder, step_files_on_bts_pc=str(folder), units=units)
    return BenchSettings(tester=(tester,))


@pytest.mark.parametrize("has_store", [True, False])
async def test_a_test_started_by_hand_is_stopped(rig: Rig, tmp_path: Path, store_path: Path, has_store: bool) -> None:
    """It is in no store of ours, and works: that is enough, and the answer names it once it is seen to be off."""
    if has_store:
        with open_store(store_path) as store:
            add_run(store, channel=CHANNEL)
    await rig.tester.start(await rig.tester.load(CHANNEL, short_segment(50_000.0), "x"), "by-hand")
    await asyncio.sleep(70)
    outcome = await stop_directly(bench_of(rig, tmp_path), store_path, CHANNEL, "ada")
    assert (outcome.is_off, outcome.words) == (True, f"channel {CHANNEL} is stopped: by-hand, test 1")
    assert not rig.bench.tester.channel(CHANNEL).busy


@pytest.mark.parametrize(("sent_ago_s", "status"), [(10.0, FAILED), (1000.0, DONE), (None, DONE)])
def test_exit_status_says_whether_the_channel_is_off(
    tmp_path: Path, store_path: Path, monkeypatch: pytest.MonkeyPatch, sent_ago_s: float | None, status: int
) -> None:
    """A channel at rest is not off for good while a start that was sent there may still arrive."""
    monkeypatch.syspath_prepend(str(install_toy(tmp_path)))
    bench = tmp_path / "bench.toml"
    bench.write_text(TOY_BENCH, encoding="utf-8")
    with open_store(store_path) as store:
        run_id = add_run(store, channel="left")
        if sent_ago_s is not None:
            store.open_intent(run_id, "left", "start", "", "of a service that died", time.time() - sent_ago_s)
    words = ["stop", "--direct", "--channel", "left", "--bench", str(bench), "--store", str(store_path), "--by", "ada"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == status, result.output
    assert ("may still arrive" in result.output) is (status == FAILED)


async def test_a_store_that_cannot_be_read_leaves_open_whether_a_start_may_still_arrive(
    rig: Rig, tmp_path: Path, store_path: Path
) -> None:
    """The channel is at rest, and nobody knows for how long: that is no "off", and the reason is told."""
    await asyncio.to_thread(store_path.write_bytes, b"no store" * 1000)
    outcome = await stop_directly(bench_of(rig, tmp_path), store_path, CHANNEL, "ada")
    assert not outcome.is_off
    assert "that may still arrive is not known" in outcome.words
