"""Where each run comes from is kept whole, and a run like an earlier one needs nothing but the store."""

import asyncio
import json
from pathlib import Path

import pytest

from orchestrator.runs.order_files import EarlierRun, OrderFiles, order_files
from orchestrator.runs.request import RunRequest
from orchestrator.store import Damaged, Origins, Store, open_store
from protocols.loading import cell_document, load_cell, load_recipe, recipe_document, shipped_cells, shipped_recipes
from simulators import cells
from tests.api_client import Client
from tests.command_line import cellrig, refused
from tests.two_cycles import RECIPE

PLACE = ("--channel", "21-1-3", "--simulate")
ORDER = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-3", "by": "ada"}


def fitting(recipe: str) -> str:
    """Name a shipped cell of a kind that a recipe is for."""
    kinds = load_recipe(recipe).for_kinds
    return next(cell for cell in shipped_cells() if load_cell(cell).kind in kinds)


@pytest.mark.parametrize("recipe", shipped_recipes())
async def test_run_like_one_of_each_shipped_kind_has_the_same_program(store: Store, recipe: str) -> None:
    """Out of the store alone: the text of the cell and of the recipe are in it, to the letter."""
    files = OrderFiles(recipe_document(recipe), cell_document(fitting(recipe)))
    run_id = RunRequest(files.program(), "21-1-3", "", files=files).add_to(store, "ada")
    again = order_files(None, None, EarlierRun(run_id, Origins(store).of(run_id)))
    assert (again.recipe, again.cell) == (files.recipe, files.cell)
    assert again.program().sha256 == store.run(run_id).program_sha256


async def test_text_is_kept_once_and_a_changed_one_is_told(store: Store) -> None:
    """Many runs of one recipe hold its text once; an edited text is not taken for the one of the order."""
    files = OrderFiles(recipe_document("li-li-0.2"), cell_document("coated-li-li"))
    for _ in range(3):
        RunRequest(files.program(), "21-1-3", "", files=files).add_to(store)
    assert store.connection.execute("SELECT count(*) FROM document").fetchone() == (2,)
    store.connection.execute("UPDATE document SET text = text || '#'")
    with pytest.raises(Damaged, match=r"recipe file of R000002 .* is not the one .* \(its hash differs"):
        Origins(store).of("R000002")


def test_run_like_an_earlier_one_needs_no_file(tmp_path: Path) -> None:
    """The file is gone: recipe, cell, channel, cell model and seed are as they were, and one value is set."""
    file = tmp_path / "two-cycles.yaml"
    file.write_text(f"# mine\n{RECIPE}", encoding="utf-8")
    model = tmp_path / "model.toml"
    model.write_bytes((Path(cells.__file__).parent / "bare-li-li.toml").read_bytes())
    first = (
        "run",
        "two-cycles.yaml",
        "--cell-model",
        "model.toml",
        "--cell",
        "coated-li-li",
        *PLACE,
        "--seed",
        "4",
        "--set",
        "cell.area=1.131 cm2",
    )
    assert cellrig(*first, "--by", "ada", cwd=tmp_path).returncode == 0
    file.unlink()
    model.unlink()
    assert cellrig("run", "--like", "R000001", "--simulate", cwd=tmp_path).returncode == 0
    again = cellrig("run", "--like", "R000001", "--simulate", "--set", "recipe.steps[1].times=1", cwd=tmp_path)
    assert "R000003 (simulated) completed" in again.stdout
    with open_store(tmp_path / "cellrig-simulated.db", read_only=True) as store:
        one, two, three = (store.run(f"R00000{n}") for n in (1, 2, 3))
        assert one.program_sha256 == two.program_sha256 != three.program_sha256
        assert list(store.samples(1)) == list(store.samples(2))
        origin = Origins(store).of("R000003")
    given = {"like": "R000001", "set": ["recipe.steps[1].times=1"], "simulate": True, "seed": 4}
    assert {name: (origin.settings or {})[name] for name in given} == given
    shown = json.loads(cellrig("show", "R000001", "--json", "--store", "cellrig-simulated.db", cwd=tmp_path).stdout)
    assert (shown["origin"]["ordered_by"], shown["run"]["simulated"]) == ("ada", True)
    printed = cellrig("recipe", "show", "--run", "R000001", "--store", "cellrig-simulated.db", cwd=tmp_path).stdout
    assert printed == f"# mine\n{RECIPE}"
    cell = cellrig("recipe", "show", "--run", "R000001", "--cell", "--store", "cellrig-simulated.db", cwd=tmp_path)
    assert "area: 1.131 cm2                  # a disc of 10 mm\n" in cell.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cell", "coated-li-li", *PLACE), "give RECIPE, or an earlier run"),
        (("li-li-0.2", "--cell", "coated-li-li", *PLACE, "--from", "x.db"), "--from names the store"),
        (("li-li-0.2", "--cell", "coated-li-li", *PLACE, "--set", "cell=1 cm2"), "write recipe.KEY=VALUE or cell.KEY"),
        # A name alone is a parameter of the recipe: since there are any, the answer says so.
        (("li-li-0.2", "--cell", "coated-li-li", *PLACE, "--set", "area=1 cm2"), "no parameter 'area'; it has no"),
    ],
)
def test_order_that_misses_a_part_is_wrong_use(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """The sentence says what to give, and nothing is stored."""
    refused(cellrig("run", *arguments, cwd=tmp_path), 2, words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [("kind =", "the file of the cell model is no TOML"), ("kind = 'other'", "no simulated cell is of kind 'other'")],
)
def test_file_that_is_no_cell_model_is_wrong_use(tmp_path: Path, text: str, words: str) -> None:
    """The sentence says what is wrong with it, and nothing is stored."""
    model = tmp_path / "model.toml"
    model.write_text(text, encoding="utf-8")
    refused(
        cellrig("run", "li-li-0.2", "--cell", "coated-li-li", *PLACE, "--cell-model", model, cwd=tmp_path), 2, words
    )
    assert list(tmp_path.iterdir()) == [model]


def test_label_of_a_simulated_run_is_kept_with_what_was_given(tmp_path: Path) -> None:
    """It names the very cell in the tables, and stands among the options of the order."""
    (tmp_path / "two-cycles.yaml").write_text(RECIPE, encoding="utf-8")
    order = ("run", "two-cycles.yaml", "--cell", "coated-li-li", *PLACE, "--label", "A17")
    assert cellrig(*order, cwd=tmp_path).returncode == 0
    with open_store(tmp_path / "cellrig-simulated.db", read_only=True) as store:
        assert store.run("R000001").label == "A17"
        assert (Origins(store).of("R000001").settings or {})["label"] == "A17"


async def test_order_by_rest_is_kept_and_repeated(client: Client) -> None:
    """Texts, hashes, what was set, who, where, version and check are told by REST; ``like`` needs no file."""
    await client.post("/runs", ORDER | {"set": ["cell.area=1.131 cm2"], "label": "A17"}, 201)
    found = await client.get("/runs/R000001/origin")
    assert found["ordered_by"] == "ada"
    assert found["recipe_yaml"] == recipe_document("li-li-0.2").text
    assert "area: 1.131 cm2 " in found["cell_yaml"]
    assert found["settings"] == {"set": ["cell.area=1.131 cm2"], "label": "A17"}
    assert found["check"]["implausible"] == []
    assert all(found[name] for name in ("host", "login", "version", "recipe_sha256", "cell_sha256"))
    order = {"like": "R000001", "channel": "21-1-4", "by": "bob"}
    await client.post("/runs", order, 201)
    runs = client.service.store.runs()
    assert runs[0].program_sha256 == runs[1].program_sha256
    await client.get("/runs/R000009/origin", 404)
    await client.post("/runs", order | {"like": "R000009"}, 404)
    await client.post("/runs", {"channel": "21-1-4", "by": "bob"}, 422)


async def test_rack_that_simulates_says_so_of_itself_and_of_its_runs(client: Client) -> None:
    """In the status of the rack, in the words on the channel, in the run, live and stored."""
    client.service.simulated = True
    started = await client.post("/runs", ORDER | {"label": "A17"}, 201)
    assert started["simulated"] is True
    await asyncio.sleep(120)
    status = await client.get("/status")
    assert status["simulated"] is True
    assert any("R000001 (A17, simulated)" in row["words"] for row in status["channels"])
    assert [row["simulated"] for row in (await client.get("/runs"))["runs"]] == [True]


def test_views_of_the_store_tell_simulated_records(store: Store) -> None:
    """Whoever reads a view by any tool sees it in each row."""
    views = [
        name
        for (name,) in store.connection.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        if "simulated" in [row[1] for row in store.connection.execute(f"PRAGMA table_info({name})")]
    ]
    assert sorted(views) == [
        "cycle_readable",
        "event_readable",
        "run_origin",
        "run_summary",
        "sample_readable",
        "spectrum_readable",
        "step_readable",
    ]
