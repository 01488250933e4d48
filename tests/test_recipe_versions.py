"""Recipes and cells that people write on the rig: versions are added and never changed, and a run keeps its text."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from orchestrator.clock.virtual import run_virtual
from orchestrator.store import FileKind, StoreError, Versions, VersionSaved, open_store
from protocols.loading import cell_text, shipped_recipes
from tests.api_client import Client, serving
from tests.command_line import cellrig
from tests.written_texts import CELL, FIRST, HOSTILE, SECOND, saving


def test_version_is_never_changed_and_never_removed(tmp_path: Path) -> None:
    """The file itself refuses it, whatever program asks, and a version that leaves a gap or comes twice."""
    with open_store(tmp_path / "lab.db") as store:
        versions = Versions(store, FileKind.RECIPE)
        kept = versions.add("mine", FIRST, 0, "ada", 1795797643.0)
        for sql in ("UPDATE written_version SET name = 'x'", "DELETE FROM written_version"):
            with pytest.raises(sqlite3.IntegrityError, match="never"):
                store.connection.execute(sql)
        gap = "INSERT INTO written_version SELECT kind, name, ?, sha256, written_by, at_unix_s FROM written_version"
        for version in (1, 3):
            with pytest.raises(sqlite3.IntegrityError):
                store.connection.execute(gap, (version,))
        assert versions.of("mine") == [kept]
        assert versions.document(kept).text == FIRST


def test_of_two_who_save_at_once_the_second_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """Both have seen version 1: one saves version 2, the other is told by whom; his text goes on top of it."""
    path = tmp_path / "lab.db"
    with open_store(path) as store:
        versions = Versions(store, FileKind.RECIPE)
        versions.add("mine", FIRST, 0, "ada", 1.0)
        versions.add("mine", SECOND, 1, "ada", 2.0)
        with pytest.raises(VersionSaved, match=r"ada has saved version 2 .* you have seen version 1"):
            versions.add("mine", f"{FIRST}# bob's\n", 1, "bob", 3.0)
        versions.add("mine", f"{FIRST}# bob's\n", 2, "bob", 4.0)
    with open_store(path, read_only=True) as store:
        found = Versions(store, FileKind.RECIPE)
        assert [(one.version, one.written_by) for one in found.of("mine")] == [(1, "ada"), (2, "ada"), (3, "bob")]
        assert [found.document(one).text for one in found.of("mine")] == [FIRST, SECOND, f"{FIRST}# bob's\n"]
        assert [one.version for one in found.newest()] == [3]
        assert Versions(store, FileKind.CELL).newest() == []


def test_same_order_again_is_the_same_version_and_the_same_text_is_none(tmp_path: Path) -> None:
    """An answer that was lost makes no second version; nothing to save is told; so is a name in other letters."""
    with open_store(tmp_path / "lab.db") as store:
        versions = Versions(store, FileKind.RECIPE)
        kept = versions.add("mine", FIRST, 0, "ada", 1.0)
        assert versions.add("mine", FIRST, 0, "ada", 9.0) == kept
        for name, base, words in (("mine", 1, "letter"), ("Mine", 0, "size of letters"), ("other", 2, "no recipe")):
            with pytest.raises(VersionSaved, match=words):
                versions.add(name, FIRST, base, "ada", 10.0)
        assert versions.of("mine") == [kept]


def test_text_that_was_changed_in_the_store_is_not_given(tmp_path: Path) -> None:
    """Its hash tells it: nobody orders a recipe that no one wrote."""
    with open_store(tmp_path / "lab.db") as store:
        versions = Versions(store, FileKind.RECIPE)
        kept = versions.add("mine", FIRST, 0, "ada", 1.0)
        store.connection.execute("UPDATE document SET text = 'name: evil'")
        with pytest.raises(StoreError, match="somebody has changed it"):
            versions.document(kept)


async def test_recipe_is_saved_read_listed_and_compared(client: Client) -> None:
    """By REST: two versions, each with its text, writer and hash; the list has the newest; lines are compared."""
    saved = await client.post("/recipes/mine", saving(FIRST), 201)
    assert (saved["version"], saved["by"]) == (1, "ada")
    await client.post("/recipes/mine", saving(SECOND, 1, "bob"), 201)
    newest = await client.get("/recipes/mine")
    assert (newest["text"], newest["origin"], newest["newest"]) == (SECOND, "written", 2)
    assert (await client.get("/recipes/mine?version=1"))["text"] == FIRST
    assert [one["version"] for one in (await client.get("/recipes/mine/versions"))["versions"]] == [2, 1]
    lines = (await client.get("/recipes/mine/compare?before=1&after=2"))["lines"]
    assert [line["text"] for line in lines if line["mark"] == "new"] == ["# half as many"]
    assert not [line for line in lines if line["mark"] == "gone"]
    (item,) = [one for one in await client.get("/recipes?search=mine") if one["name"] == "mine"]
    assert (item["version"], item["written_by"], item["kinds"]) == (2, "bob", ["li-li"])
    assert (await client.get("/recipes/li-li-0.2"))["origin"] == "shipped"
    for path in ("/recipes/none", "/recipes/mine?version=3", "/recipes/li-li-0.2/versions", "/cells/mine"):
        await client.get(path, 404)
    await client.get("/recipes/mine/compare?before=1&after=9", 404)
    refused = await client.post("/recipes/mine", saving(f"{SECOND}#\n", 1), 409)
    assert "bob has saved version 2" in refused["error"]


WRONG = [
    ("li-li-0.2", FIRST, "shipped"),
    ("Li-Li-0.2", FIRST, "shipped"),
    ("new", FIRST, "address"),
    ("other", FIRST, "under which it is saved"),
    ("mine", "name: mine\n", "the key 'steps'"),
    ("mine", FIRST.replace("for:", "fro:"), "fro"),
    ("mine", f"{FIRST}#{'é' * 40000}", "at most"),
    ("mine", f"{FIRST}x: {'a' * 70000}", "65536"),
    ("a b", FIRST, "pattern"),
    (".hidden", FIRST.replace("name: mine", "name: .hidden"), "letters, digits"),
]


async def test_wrong_name_or_text_is_refused_and_no_path_is_a_name(client: Client) -> None:
    """Whatever is no name, is shipped, is faulty or bears another name is told, and nothing is read or saved."""
    for name, text, words in WRONG:
        answer = await client.post(f"/recipes/{name}", saving(text), 422)
        assert words in answer["error"], (name, answer)
    for name in ("..%2F..%2Fetc", "%2e%2e", "a%2Fb", "a%00b"):
        assert (await client.http.post(f"/api/v1/recipes/{name}", json=saving(FIRST))).status_code in {404, 405, 422}
        assert (await client.http.get(f"/api/v1/recipes/{name}")).status_code in {404, 422}
    assert Versions(client.service.store, FileKind.RECIPE).newest() == []
    assert (await client.get("/recipes/li-li-0.2"))["origin"] == "shipped"


async def test_run_names_its_version_and_keeps_its_text(client: Client) -> None:
    """A run is ordered by name: the newest version, or one that is said; a later version changes nothing of it."""
    await client.post("/recipes/mine", saving(FIRST), 201)
    await client.post("/cells/my-disc", saving(CELL), 201)
    await client.post("/recipes/mine", saving(SECOND, 1), 201)
    order = {"recipe": "mine", "cell": "my-disc", "by": "ada"}
    check = await client.post("/runs/check", {**order, "channel": "21-1-1"})
    assert check["reasons"] == []
    assert check["recipe"] == "mine"
    await client.post("/runs", {**order, "channel": "21-1-1", "check_id": check["check_id"]}, 201)
    await client.post("/runs", {**order, "channel": "21-1-2", "recipe_version": 1, "label": "b"}, 201)
    await client.post("/runs", {"like": "R000002", "channel": "21-1-3", "by": "ada", "label": "c"}, 201)
    await client.post("/recipes/mine", saving(f"{SECOND}# third\n", 2), 201)
    for run, text, version in (("R000001", SECOND, 2), ("R000002", FIRST, 1), ("R000003", FIRST, 1)):
        origin = await client.get(f"/runs/{run}/origin")
        assert (origin["recipe_yaml"], origin["recipe_file"]) == (text, "mine")
        assert origin["settings"]["recipe_version"] == version
        assert origin["settings"]["cell_version"] == 1
    used = {one["version"]: one["runs"] for one in (await client.get("/recipes/mine/versions"))["versions"]}
    assert used == {3: [], 2: ["R000001"], 1: ["R000003", "R000002"]}
    (disc,) = (await client.get("/cells/my-disc/versions"))["versions"]
    assert disc["runs"] == ["R000003", "R000002", "R000001"]
    check = await client.post("/runs/check", {**order, "channel": "21-1-4", "recipe_version": 7})
    assert [reason["code"] for reason in check["reasons"]][:1] == ["recipe.unknown"]
    assert "no version 7" in check["reasons"][0]["text"]
    await client.post("/runs", {**order, "channel": "21-1-4", "recipe_version": 7}, 422)
    opened = await client.post("/recipes/opened", {"recipe": "mine"})
    assert (opened["name"], opened["faults"]) == ("mine", [])


def test_versions_are_there_after_a_restart_and_at_the_terminal(tmp_path: Path) -> None:
    """A new service over the same store has them; ``cellrig recipe list`` lists them before the shipped ones."""

    async def main() -> None:
        async with serving(tmp_path / "cellrig.db") as client:
            await client.post("/recipes/mine", saving(FIRST), 201)
        async with serving(tmp_path / "cellrig.db") as client:
            assert (await client.get("/recipes/mine"))["text"] == FIRST
            await client.post("/recipes/mine", saving(SECOND, 1), 201)

    run_virtual(main())
    told = cellrig("recipe", "list", "--json", "--store", str(tmp_path / "cellrig.db")).stdout
    assert '"version": 2' in told
    assert told.index('"mine"') < told.index(f'"{shipped_recipes()[0]}"')


async def test_check_tells_all_problems_at_their_lines_with_help_and_course(client: Client) -> None:
    """Two slips are told at once, each at its line; the keys have help; a sound text has its steps and course."""
    faulty = FIRST.replace("direction: charge", "direction: chrage", 1).replace("record:", "recrod:", 1)
    found = await client.post("/recipes/check", {"text": faulty})
    lines = faulty.split("\n")
    told = [(lines[one["line"] - 1].strip(), one["sentence"]) for one in found["problems"]]
    assert any("chrage" in line for line, _ in told)
    assert any("recrod" in line for line, _ in told)
    assert found["plain"] is None
    helped = {it["key"]: it for it in found["helps"]}
    (at,) = [one for one in found["keys"] if found["helps"][one["help"]]["key"] == "times"]
    assert lines[at["line"] - 1][at["column"] :].startswith("times:")
    assert helped["direction"]["one_of"] == ["charge", "discharge"]
    sound = await client.post("/recipes/check", {"text": FIRST, "cell": "coated-li-li"})
    assert sound["problems"] == []
    assert sound["name"] == "mine"
    assert len(sound["ahead"]["course"]["time_s"]) > 2
    assert sound["ahead"]["steps"]
    other = await client.post("/recipes/check", {"text": FIRST, "cell": "coated-lfp"})
    assert [one["code"] for one in other["ahead"]["reasons"]] == ["launch.kind"]
    await client.post("/recipes/check", {"text": "x" * 70_000}, 422)
    for text in ("", "[", "a: &a [*a]", HOSTILE):
        assert (await client.post("/recipes/check", {"text": text}))["problems"]


async def test_check_of_a_cell_tells_what_follows_and_what_is_implausible(client: Client) -> None:
    """Area and mass give the loading; a mass in grams for milligrams says why it cannot be meant."""
    text = cell_text("coated-lfp").replace("name: coated-lfp", "name: mine")
    found = await client.post("/cells/check", {"text": text})
    assert {one["name"]: round(one["value"], 2) for one in found["quantities"]}["loading_mg_per_cm2"] == 1.4
    assert found["doubts"] == []
    slip = await client.post("/cells/check", {"text": text.replace("1.10 mg ", "110 mg ")})
    assert any("mg/cm2" in told for told in slip["doubts"])
    broken = await client.post("/cells/check", {"text": text.replace("0.7854 cm2", "0.7854")})
    assert [one["field"] for one in broken["problems"]] == ["area"]


async def test_checks_of_texts_hold_up_no_stop(client: Client) -> None:
    """Long texts are checked on a thread: the loop turns while they are, and few are checked at once."""
    long = FIRST + "".join(f"# {n}\n" for n in range(3000))
    asked = [asyncio.create_task(client.post("/recipes/check", {"text": f"{long}# {n}\n"})) for n in range(4)]
    await client.get("/status")
    for one in asked:
        assert (await one)["problems"] == []
