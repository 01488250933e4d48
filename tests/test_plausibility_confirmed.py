"""An implausible run: refused at every door that starts one, and let in with a name, which is kept with the run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from orchestrator.bench.settings import load_bench
from orchestrator.bench.simulated import SimulatedRack
from orchestrator.events import EventKind, Severity, stored_event
from orchestrator.rack.launch import Launch, requested
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.store import Store, open_store
from protocols.errors import Implausible, NeedsSecondPerson
from protocols.loading import load_cell, parse_cell, parse_recipe
from protocols.program import Program
from protocols.resolve import resolve
from protocols.usual_bands import BANDS, Judged
from tests.api_client import ORDER, Client
from tests.bench_files import bench_file
from tests.command_line import cellrig, refused
from tests.rig import CHANNEL, Rig
from tests.service_rig import serving
from tests.two_cycles import RECIPE

FORTY = RECIPE.replace("0.2 mA/cm2", "40 mA/cm2")
SLIP = """\
name: slip
title: Milliamperes for milliamperes per gram
for: [lfp]
record: {every: 30 s}
steps:
  - {step: rest, until: {time: 1 min}}
  - {step: constant_current, direction: charge, current: 17 mA, until: {voltage: 4.0 V}}
  - {step: constant_current, direction: discharge, current: 17 mA, until: {voltage: 2.8 V}}
"""
WIDER = """
[plausibility.li-li.current_density_ma_per_cm2]
high = 50
source = "ramp tests of this laboratory, 2026"
"""


def forty() -> Program:
    """Give two cycles of Li/Li at 40 mA/cm2."""
    return resolve(parse_recipe(FORTY), load_cell("coated-li-li"))


def confirmations(store: Store, run_id: str) -> list[tuple[str, dict[str, object]]]:
    """Give the words and data of the confirmations stored with a run."""
    rows = [row for row in store.events(run_id) if row.kind == EventKind.IMPLAUSIBLE]
    return [(row.message, json.loads(row.data_json or "{}")) for row in rows]


async def test_service_refuses_until_a_person_confirms(rig: Rig, store: Store) -> None:
    """Li/Li at 40 mA/cm2, four times the usual, is queued with two names, which are kept with its findings."""
    async with serving(rig, store) as service:
        with pytest.raises(Implausible, match="40 mA/cm2"):
            service.submit(RunRequest(forty(), CHANNEL, "x"), "ada")
        assert (service.runs, store.runs()) == ([], [])
        for second in ("", " ", "ada l"):
            with pytest.raises(NeedsSecondPerson, match=r"Ada L\. has confirmed it; another person does so too"):
                service.submit(RunRequest(forty(), CHANNEL, "x", confirmed_by="Ada L.", second_person=second), "bob")
        run = service.submit(RunRequest(forty(), CHANNEL, "x", confirmed_by="Ada L.", second_person="Bob"), "bob")
        ((words, data),) = confirmations(store, run.run_id)
    assert words.startswith("confirmed by Ada L. and Bob: Steps")
    assert data["by"] == "Ada L. and Bob"
    assert data["findings"] == [words.removeprefix("confirmed by Ada L. and Bob: ")]
    row = next(row for row in store.events(run.run_id) if row.kind == EventKind.IMPLAUSIBLE)
    event = stored_event(row.id, CHANNEL, row.run_id, row.kind, row.message, row.at_unix_s, row.data_json)
    assert event.severity is Severity.WARNING


async def test_one_name_is_enough_below_three_times_the_usual(rig: Rig, store: Store) -> None:
    """At 20 mA/cm2, twice the usual, one person confirms; a second name stands for nothing and is not kept."""
    twenty = resolve(parse_recipe(RECIPE.replace("0.2 mA/cm2", "20 mA/cm2")), load_cell("coated-li-li"))
    async with serving(rig, store) as service:
        run = service.submit(RunRequest(twenty, CHANNEL, "x", confirmed_by="Ada", second_person="Bob"), "ada")
        ((words, _),) = confirmations(store, run.run_id)
    assert words.startswith("confirmed by Ada: Steps")


async def test_blank_name_confirms_nothing(rig: Rig, store: Store) -> None:
    """A name of blanks is no name."""
    async with serving(rig, store) as service:
        with pytest.raises(Implausible):
            service.submit(RunRequest(forty(), CHANNEL, "x", confirmed_by="  "), "ada")


async def test_plausible_run_keeps_no_confirmation(rig: Rig, store: Store) -> None:
    """A name that was given beforehand stands for nothing when nothing is implausible."""
    async with serving(rig, store) as service:
        program = resolve(parse_recipe(RECIPE), load_cell("coated-li-li"))
        run = service.submit(RunRequest(program, CHANNEL, "x", confirmed_by="Ada"), "ada")
        assert confirmations(store, run.run_id) == []


async def test_service_goes_by_the_bands_of_its_bench(rig: Rig, store: Store, tmp_path: Path) -> None:
    """What the bench file calls usual needs no name, and the bands reach the service."""
    bands = load_bench(bench_file(tmp_path, WIDER)).usual_bands
    service = Service(store, [rig.tester], bands=bands)
    assert service.submit(RunRequest(forty(), CHANNEL, "x"), "ada").request.plausibility is not None


async def test_rest_refuses_and_then_tells_every_step(client: Client) -> None:
    """``POST /runs`` answers 422 with the sentence; confirmed, it answers with each step in all units and the name."""
    order = {**ORDER, "recipe_yaml": FORTY}
    told = await client.post("/runs", order, 422)
    assert "31.4 mA is 40 mA/cm2" in told["error"]
    assert "confirm_implausible" in told["error"]
    assert "second_person" in told["error"]
    # Notices and the MQTT feed take the sentence from there: with its end, which says what to do.
    (trace,) = (event.message for event in client.service.store.events() if event.kind == EventKind.REFUSED)
    assert trace.endswith(" ".join(told["error"].split()))
    assert (await client.get("/runs"))["runs"] == []
    told = await client.post("/runs", {**order, "confirm_implausible": "Ada"}, 422)
    assert "second_person" in told["error"]
    run = await client.post("/runs", {**order, "confirm_implausible": "Ada", "second_person": "Bob"}, 201)
    assert run["confirmed_by"] == "Ada and Bob"
    assert "40 mA/cm2" in run["implausible"][0]
    charge = next(step for step in run["steps"] if step["what"] == "charge")
    assert charge["current_density_ma_per_cm2"] == pytest.approx(40)
    assert charge["c_rate"] is None
    events = (await client.get(f"/runs/{run['run_id']}/events"))["events"]
    assert "implausible values confirmed" in [event["kind"] for event in events]


async def test_rest_tells_the_steps_of_a_plausible_run(client: Client) -> None:
    """A run that nobody questions is told in all units as well, confirmed by nobody."""
    run = await client.post("/runs", ORDER, 201)
    assert (run["implausible"], run["confirmed_by"]) == ([], "")
    assert [step["current_density_ma_per_cm2"] for step in run["steps"]] == pytest.approx([0.2] * 4)


def test_launch_refuses_and_takes_a_name() -> None:
    """17 mA on 1.10 mg does not become a request of a launch without a name."""
    order = (parse_recipe(SLIP), load_cell("bare-lfp"), "21-1-5", SimulatedRack())
    with pytest.raises(Implausible, match=r"Did you mean 17 mA/g = 0\.0187 mA"):
        requested(Launch(*order))
    assert requested(Launch(*order, confirmed_by="Ada")).confirmed_by == "Ada"


def test_check_shows_a_table_and_refuses(tmp_path: Path) -> None:
    """``recipe check`` shows each step in 80 columns and ends with status 1 and the likely slip."""
    recipe = tmp_path / "slip.yaml"
    recipe.write_text(SLIP)
    result = cellrig("recipe", "check", recipe, "--cell", "bare-lfp")
    refused(result, 1, "is implausible with bare-lfp", "Did you mean 17 mA/g = 0.0187 mA")
    head, first = result.stdout.splitlines()[:2]
    assert head.split() == ["step", "what", "mA", "mA/cm2", "mA/g", "C"]
    assert first.split() == ["2", "charge", "17", "21.6", "15", "455", "90.9"]
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    found = json.loads(cellrig("recipe", "check", recipe, "--cell", "bare-lfp", "--json").stdout)
    assert found["implausible"] == found["problems"]
    assert found["steps"][0]["c_rate"] == pytest.approx(90.909, rel=1e-4)


@pytest.mark.parametrize("recipe", ["li-li-eis", "lfp-200mA-g", "li-plating-1.0"])
def test_table_of_a_shipped_recipe_fits_80_columns(recipe: str) -> None:
    """A recipe of many tests is told in few rows, and its lines fit a small terminal."""
    cell = "bare-lfp" if recipe.startswith("lfp") else "bare-li-li"
    result = cellrig("recipe", "check", recipe, "--cell", cell)
    assert result.returncode == 0
    assert "can run with" in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_run_refuses_and_with_a_name_runs(tmp_path: Path) -> None:
    """``cellrig run`` makes no store of an implausible run; with a name it runs, and ``show`` says whose it was."""
    recipe, store = tmp_path / "slip.yaml", tmp_path / "c.db"
    recipe.write_text(SLIP)
    order = ("run", recipe, "--cell", "bare-lfp", "--channel", "21-1-5", "--simulate", "--store", store)
    first = cellrig(*order)
    refused(first, 1, "17 mA is 21.6 mA/cm2", "--confirm-implausible NAME", "mA/cm2    mA/g")
    assert not store.exists()
    again = cellrig(*order, "--confirm-implausible", "Ada", "--json")
    assert json.loads(again.stdout)["run"] == "R000001"
    assert "confirmed by Ada: Steps 2, 3: 17 mA" in again.stderr
    with open_store(store, read_only=True) as opened:
        assert len(confirmations(opened, "R000001")) == 1


def test_bench_file_widens_a_band(tmp_path: Path) -> None:
    """An end that is left out stays, and the sentence gives the bench file as the source."""
    bands = load_bench(bench_file(tmp_path, WIDER)).usual_bands
    band = bands["li-li"][Judged.CURRENT_DENSITY]  # type: ignore[index]  # a cell's kind is a word
    assert (band.low, band.high) == (0.005, 50)
    assert band.source == "the bench file, ramp tests of this laboratory, 2026"
    recipe = tmp_path / "forty.yaml"
    recipe.write_text(FORTY)
    checked = cellrig("recipe", "check", recipe, "--cell", "coated-li-li", "--bench", tmp_path / "bench.toml")
    assert checked.returncode == 0
    assert cellrig("recipe", "check", recipe, "--cell", "coated-li-li").returncode == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[plausibility.lfp.c_rate]\nhigh = 50\n", "source"),
        ('[plausibility.lfp.c_rate]\nhigh = 0.001\nsource = "because of this"\n', "is not below high"),
        ('[plausibility.lfp.c_rat]\nhigh = 50\nsource = "because of this"\n', "c_rat"),
        ('[plausibility.nmc.c_rate]\nhigh = 50\nsource = "because of this"\n', "nmc"),
        ('[plausibility.lfp.c_rate]\nhigh = inf\nsource = "because of this"\n', "high"),
    ],
)
def test_band_without_reason_or_sense_is_refused(tmp_path: Path, table: str, words: str) -> None:
    """A band needs a source, ends in order and names that are known; infinity would switch it off."""
    with pytest.raises(SettingsError, match=words):
        load_bench(bench_file(tmp_path, table))


def test_mass_without_its_decimal_point_is_no_request() -> None:
    """112 mg for 1.12 mg is refused although each current is written in mA/g and looks small."""
    text = "name: x\nkind: lfp\narea: 1.13 cm2\nactive_mass: 112 mg\n"
    text += "working_electrode: W\ncounter_electrode: Li\nelectrolyte: LP57\n"
    program = resolve(parse_recipe(SLIP.replace("17 mA", "17 mA/g")), parse_cell(text))
    with pytest.raises(Implausible, match=r"99\.1 mg/cm2.*1\.12 mg"):
        RunRequest(program, CHANNEL, "x").judged(BANDS)


def test_example_of_the_page_is_read(tmp_path: Path) -> None:
    """The table that docs/recipes.md shows widens what it says."""
    page = (Path(__file__).parent.parent / "docs" / "recipes.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    bands = load_bench(bench_file(tmp_path, example)).usual_bands
    assert bands["li-li"][Judged.CURRENT_DENSITY].high == 30  # type: ignore[index]  # a cell's kind is a word
