"""The paper's six cells: what the demo gives from three seeds, every number from stored samples."""

import json
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

from orchestrator.demo import DemoResult, run_demo
from orchestrator.judging.cycles import CycleBuilder
from orchestrator.judging.steps import StepBuilder
from orchestrator.store import open_store
from protocols.program import Program

pytestmark = pytest.mark.timeout(180)

# All claims about one seed share one demo, on one of pytest's workers.
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    """Run the demo once for each seed."""
    seed: int = request.param
    return run_demo(tmp_path_factory.mktemp(f"demo-{seed}"), seed, lambda _: None)


def test_paper_is_met(demo: DemoResult) -> None:
    """Shorts, lives, capacities and retention of all six cells within the bounds that the project set itself."""
    rows = {row.cell.label: row.summary for row in demo.rows}
    assert rows["bare-li-li-0.2"].hours_to_short == pytest.approx(140, abs=20)
    assert rows["bare-li-li-0.4"].hours_to_short == pytest.approx(80, abs=15)
    for label, hours in (("coated-li-li-0.2", 600), ("coated-li-li-0.4", 200)):
        assert rows[label].hours_to_short is None
        assert rows[label].hours == pytest.approx(hours, abs=0.5)
        assert rows[label].ended_because == "program finished"
    coated, bare = rows["coated-lfp"], rows["bare-lfp"]
    assert coated.capacity_mah_g_cycle_5 == pytest.approx(143.85, abs=2)
    assert coated.retention_percent_cycle_5_to_50 == pytest.approx(97.2, abs=1)
    assert bare.capacity_mah_g_cycle_5 == pytest.approx(126.39, abs=3)
    assert bare.retention_percent_cycle_5_to_50 == pytest.approx(37.6, abs=4)


def test_bare_lfp_polarisation_grows_sharply_from_the_coated_ones(demo: DemoResult) -> None:
    """Near the coated cell's at the start, several times its own of cycle 5 at cycle 50."""
    with open_store(demo.store, read_only=True) as store:
        runs = {row.cell.label: row.summary.run_id for row in demo.rows}
        polarisation = {
            label: {c.cycle: c.polarisation_v for t in store.tests(runs[label]) for c in store.cycles(t.id)}
            for label in ("bare-lfp", "coated-lfp")
        }
    bare, coated = polarisation["bare-lfp"], polarisation["coated-lfp"]
    assert bare[1] == pytest.approx(coated[1], rel=0.15)
    assert (bare[50] or 0) > 2.5 * (bare[5] or 0)
    assert (coated[50] or 0) < 1.3 * (coated[5] or 0)


def test_stored_steps_and_cycles_equal_the_full_computation(demo: DemoResult) -> None:
    """What was written while the runs went on is what all samples at once give."""
    with open_store(demo.store, read_only=True) as store:
        for row in demo.rows:
            program = Program.from_json(store.run(row.summary.run_id).program_json)
            (test,) = store.tests(row.summary.run_id)
            steps, cycles = StepBuilder(program.cycling[0]), CycleBuilder(program.cycling[0], program.cell)
            all_steps = steps.feed(store.samples(test.id)) + steps.finish()
            assert store.steps(test.id) == all_steps
            assert store.cycles(test.id) == cycles.feed(all_steps) + cycles.finish()


def test_four_pictures_are_drawn(demo: DemoResult) -> None:
    """Figures 3a, 3b, 5a, 5b: of one size, not blank, with both colours in each."""
    from matplotlib.image import imread

    assert [path.name for path in demo.pictures] == [f"figure-{n}.png" for n in ("3a", "3b", "5a", "5b")]
    for path in demo.pictures:
        image = imread(path)
        assert image.shape[:2] == (645, 1050)
        red, blue = image[..., 0], image[..., 2]
        assert ((red > 0.7) & (blue < 0.3)).sum() > 100
        assert ((blue > 0.6) & (red < 0.3)).sum() > 100
        assert median(image[..., :3].mean(axis=2).ravel().tolist()) > 0.9


def test_json_has_its_fields_and_nothing_else(tmp_path: Path) -> None:
    """`cellrig demo --json` prints one object with a row for each of the six cells."""
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "demo", "--json", "--out", "demo"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    cells = json.loads(result.stdout)["cells"]
    assert [cell["cell"] for cell in cells] == [
        "bare-li-li-0.2",
        "coated-li-li-0.2",
        "bare-li-li-0.4",
        "coated-li-li-0.4",
        "bare-lfp",
        "coated-lfp",
    ]
    fields = ["cell", "recipe", "hours", "cycles", "ended_because", "hours_to_short"]
    fields += ["capacity_mah_g_cycle_5", "capacity_mah_g_cycle_50", "retention_percent_cycle_5_to_50"]
    assert all(list(cell) == fields for cell in cells)
    assert cells[0]["capacity_mah_g_cycle_5"] is None
    assert cells[5]["hours_to_short"] is None
