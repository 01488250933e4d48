"""An oven that a killed ``cellrig run --bench`` has heated: the next one on its channel sets it back, or says it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import CannotRun
from orchestrator.bench.opening import bench_testers
from orchestrator.bench.settings import load_bench
from orchestrator.clock.virtual import wall_time
from orchestrator.rack import launch
from orchestrator.rack.ovens import BenchOvens, Ovens
from orchestrator.rack.service import Service
from orchestrator.rack.supervisor import Supervisor
from orchestrator.states import RunState
from orchestrator.store import open_store
from protocols.loading import load_cell, parse_recipe
from tests.oven_rig import OvenRig
from tests.oven_service_rig import until, warm
from tests.packages import TOY_BENCH, install_toy
from tests.toy_tester import ToySettings, ToyTester
from tests.two_cycles import RECIPE

_PLACE = "left"


async def test_refused_run_beside_a_dead_one_sets_its_oven_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who settles the dead run is refused for the cell that is left, and nobody else knows of the heat (fault C11)."""
    monkeypatch.syspath_prepend(str(install_toy(tmp_path)))
    (file := tmp_path / "bench.toml").write_text(TOY_BENCH, encoding="utf-8")
    bench, path, rig = load_bench(file), tmp_path / "cellrig.db", OvenRig(places=[_PLACE])
    with open_store(path) as store:
        async with bench_testers(bench, None) as (tester,):
            service = Service(store, [tester], ovens=_around(rig))
            task = asyncio.ensure_future(service.run())
            await asyncio.sleep(10.0)
            run_id = service.submit(replace(warm(_PLACE), label="cell"), "ada").run_id
            await until(lambda: rig.oven.target_degc == 60.0, 60.0)
            task.cancel()
            await asyncio.wait({task})
        await rig.close()
        other = ToyTester(ToySettings(cells={"A1": "bare-li-li"}), wall_time)
        await Ovens(_around(again := _again(rig)), store, [Supervisor(store, other)]).leave()
        assert f"set to 60 degC: {run_id} on {_PLACE}, of an earlier process, is not recovered" in caplog.text
        assert rig.oven.target_degc == 60.0
        await again.close()

    @asynccontextmanager
    async def ovens_on(_: object) -> AsyncIterator[BenchOvens]:
        yield _around(third := _again(rig))
        await third.close()

    monkeypatch.setattr(launch, "ovens_on", ovens_on)
    order = launch.Launch(parse_recipe(RECIPE), load_cell("coated-li-li"), _PLACE, bench, by="ada")
    with pytest.raises(CannotRun, match="cell"):
        await launch.on_bench(order, bench, launch.requested(order), path, lambda _: None)
    assert rig.oven.target_degc == 25.0
    with open_store(path, read_only=True) as store:
        assert store.run(run_id).state in {RunState.STOPPED, RunState.FAILED}


def _around(rig: OvenRig) -> BenchOvens:
    return BenchOvens(tuple(zip(rig.settings, rig.drivers, strict=True)))


def _again(rig: OvenRig) -> OvenRig:
    """Reach the same ovens by another process."""
    again = OvenRig(places=[_PLACE])
    again.line, again.handle = rig.line, rig.handle
    return again
