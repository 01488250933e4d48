"""The check of an order before it is given, over REST: values, reasons, channels, and the order that follows it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from tests.api_client import Client

ORDER = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-3", "label": "lot7-31"}
OTHER = "21-1-5"
OWN_CELL = """
name: lot7-40
kind: lfp
area: 0.7854 cm2
active_mass: 1.1 mg
nominal_capacity: 0.187 mAh
working_electrode: LFP on Al foil
counter_electrode: Li foil
electrolyte: 1 M LiPF6
"""


async def check(client: Client, **change: object) -> Any:  # noqa: ANN401 - JSON
    """Check an order; None takes a part of it away."""
    order = {name: value for name, value in {**ORDER, **change}.items() if value is not None}
    return await client.post("/runs/check", order)


def codes(told: Any) -> list[str]:  # noqa: ANN401 - JSON
    """Give the codes of all reasons against an order."""
    return [reason["code"] for reason in told["reasons"]]


async def test_check_tells_values_limits_times_and_course_of_a_whole_order(client: Client) -> None:
    """Currents in all units, four layers of limits each wider than the one before, end and latest end, and a course."""
    told = await check(client)
    assert (told["may_start"], told["reasons"], told["doubts"]) == (True, [], [])
    step = next(step for step in told["steps"] if step["what"] == "charge")
    assert step["current_ma"] == pytest.approx(0.157, abs=1e-3)
    assert step["current_density_ma_per_cm2"] == pytest.approx(0.2)
    ahead = next(step for step in told["ahead"] if step["passes"] == 300)
    assert ahead["charge_mah_per_cm2"] == pytest.approx(0.2)
    layers = told["limits"]
    assert [layer["name"] for layer in layers] == ["step", "host", "tester", "absolute"]
    assert [layer["high_v"] for layer in layers] == [0.5, 0.55, 0.6, 1.0]
    assert all(one["current_ma"] < two["current_ma"] for one, two in pairwise(layers))
    assert told["checked_unix_s"] < told["expected_end_unix_s"] <= told["latest_end_unix_s"]
    assert told["expected_end_unix_s"] - told["checked_unix_s"] == pytest.approx(told["expected_s"])
    course = told["course"]
    assert course["time_s"][-1] == pytest.approx(told["expected_s"], rel=1e-3)
    assert len(course["time_s"]) == len(course["voltage_v"]) <= 600
    assert course["cycle_time_s"][-1] == pytest.approx(7200.0)
    assert client.service.runs == []


async def test_order_is_given_only_as_it_was_checked(client: Client) -> None:
    """Another current, label or channel with the same id is refused with a sentence; the very same order starts."""
    told = await check(client)
    order = {**ORDER, "by": "ada", "check_id": told["check_id"], "if_free": True}
    half = ["recipe.steps[2].steps[1].current=0.1 mA/cm2"]
    for change in ({"set": half}, {"label": "lot7-32"}, {"channel": OTHER}, {"cell": "bare-li-li"}):
        refused = await client.post("/runs", order | change, 409)
        assert "not what was checked" in refused["error"]
    assert client.service.runs == []
    started = await client.post("/runs", order, 201)
    assert started["label"] == "lot7-31"


async def test_what_is_not_chosen_yet_is_a_reason_and_the_rest_is_told(client: Client) -> None:
    """With nothing chosen each field is asked for; with a recipe alone its fields and kinds are told."""
    assert codes(await check(client, recipe=None, cell=None, channel=None)) == [
        "recipe.missing",
        "cell.missing",
        "channel.missing",
    ]
    told = await check(client, cell=None, channel=None)
    assert codes(told) == ["cell.missing", "channel.missing"]
    assert (told["title"].startswith("Li/Li symmetric cell"), told["kinds"]) == (True, ["li-li"])
    assert [(it["name"], it["value"], len(it["keys"])) for it in told["fields"]] == [
        ("current", "0.2 mA/cm2", 2),
        ("times", "300", 1),
    ]
    without_channel = await check(client, channel=None)
    assert codes(without_channel) == ["channel.missing"]
    assert without_channel["check_id"] == ""
    assert without_channel["expected_s"] > 0


async def test_every_mistake_is_a_reason_at_its_field(client: Client) -> None:
    """Unknown names, a wrong kind, a value that is none and a channel that is not there: each at its field."""
    for change, code, field in (
        ({"recipe": "li-li-0.3"}, "recipe.unknown", "recipe"),
        ({"cell": "lot9-99"}, "cell.unknown", "cell"),
        ({"recipe": "lfp-200mA-g"}, "launch.kind", "recipe"),
        ({"set": ["recipe.steps[2].steps[1].current=0.1 mAcm"]}, "recipe.faulty", "recipe"),
        ({"set": ["nonsense"]}, "set.wrong", "set"),
        ({"channel": "21-9-9"}, "channel.unknown", "channel"),
        ({"recipe": None, "like": "R000009"}, "like.unknown", "recipe"),
        ({"recipe_yaml": "name: x", "recipe": None}, "recipe.faulty", "recipe"),
    ):
        told = await check(client, **change)
        assert (code, field) in [(it["code"], it["field"]) for it in told["reasons"]], (change, told["reasons"])
        assert not told["may_start"]
        assert all(reason["text"] for reason in told["reasons"])
    kind = await check(client, recipe="lfp-200mA-g")
    assert kind["reasons"][0]["values"] == {
        "recipe": "lfp-200mA-g",
        "kinds": "lfp",
        "cell": "coated-li-li",
        "kind": "li-li",
    }


async def test_implausible_value_is_a_doubt_that_is_named(client: Client) -> None:
    """A hundred times the usual current is told with the value to name, and does not refuse the check itself."""
    keys = (await check(client))["fields"][0]["keys"]
    told = await check(client, set=[f"{key}=20 mA/cm2" for key in keys])
    assert told["may_start"], told["reasons"]
    (doubt,) = [it for it in told["doubts"] if it["value"].endswith("mA/cm2")]
    assert doubt["value"] == "20 mA/cm2"
    assert doubt["sentence"].startswith("Step")


async def test_each_channel_says_whether_it_could_run_it_and_why_not(client: Client) -> None:
    """Free channels can; one that is busy, claimed, or has the cell of an ended run says so with run and cell."""
    order = {**ORDER, "by": "ada"}
    run = await client.post("/runs", order, 201)
    await client.post("/channels/21-1-4/claim", {"owner": "bob", "duration_s": 3600})
    ended = await client.post("/runs", order | {"channel": OTHER, "label": "lot7-12"}, 201)
    await asyncio.sleep(120)
    await client.stopped(f"/runs/{ended['run_id']}/stop")
    told = await check(client, channel=None, label="lot7-33")
    by_channel = {it["channel"]: it for it in told["channels"]}
    assert len(by_channel) == len(client.service.channels())
    assert by_channel["21-1-6"] == {"channel": "21-1-6", "can": True, "reason": None}
    why = {name: by_channel[name]["reason"] for name in ("21-1-3", "21-1-4", OTHER)}
    assert [it["code"] for it in why.values()] == ["channel.busy_until", "channel.claimed", "channel.used_cell"]
    assert (why["21-1-3"]["values"]["run"], why["21-1-3"]["values"]["cell"]) == (run["run_id"], "lot7-31")
    assert why[OTHER]["values"]["cell"] == "lot7-12"
    assert codes(await check(client, channel=OTHER, label="lot7-33")) == ["channel.used_cell"]
    assert codes(await check(client, channel=OTHER, label="lot7-33", mounted="lot7-33")) == []
    assert codes(await check(client, channel=OTHER, label="lot7-12", same_cell=True)) == []


async def test_cell_that_runs_on_another_channel_is_told_once(client: Client) -> None:
    """A scanned name that runs elsewhere is a reason with that channel and run, alone and in a list."""
    await client.post("/runs", {**ORDER, "by": "ada"}, 201)
    told = await check(client, channel=OTHER)
    assert codes(told) == ["cell.elsewhere"]
    assert told["reasons"][0]["values"] == {"cell": "lot7-31", "channel": "21-1-3", "run": "R000001"}
    listed = await client.post("/runs/batch/check", {"orders": [ORDER | {"channel": OTHER}], "by": "ada"})
    assert [it["code"] for it in listed["answers"][0]["reasons"]] == ["cell.elsewhere"]


async def test_channel_that_cannot_pass_the_current_says_so(client: Client) -> None:
    """A program outside of a channel's ranges: no channel can, and the chosen one tells the reason once."""
    told = await check(
        client, recipe="li-plating-1.0", cell="bare-li-li", set=["recipe.steps[2].current=0.0001 mA/cm2"]
    )
    unfit = next(it for it in told["channels"] if it["channel"] == "21-1-3")
    assert (unfit["can"], unfit["reason"]["code"]) == (False, "channel.unfit")
    assert codes(told).count("channel.unfit") == 1
    assert "check.envelope" not in codes(told)


async def test_order_for_a_free_channel_never_waits(client: Client) -> None:
    """Taken between check and start, or with a used cell in it: 409 with a sentence, and nothing is queued."""
    told = await check(client)
    await client.post("/runs", {**ORDER, "label": "lot7-30", "by": "bob"}, 201)
    order = {**ORDER, "by": "ada", "check_id": told["check_id"], "if_free": True}
    refused = await client.post("/runs", order, 409)
    assert "21-1-3 is busy with R000001 (lot7-30)" in refused["error"]
    assert "ordered by bob; nothing was ordered" in refused["error"]
    await asyncio.sleep(120)
    await client.stopped("/runs/R000001/stop")
    used = await client.post("/runs", order, 409)
    assert "lot7-30 of R000001, which was stopped, is still on 21-1-3" in used["error"]
    started = await client.post("/runs", order | {"mounted": "lot7-31"}, 201)
    assert (started["run_id"], started["waits"]) == ("R000002", "")
    both = await client.post("/runs", order | {"queue": True}, 422)
    assert "either queue" in both["error"]


async def test_recipe_and_cell_of_an_earlier_run_are_known_by_name(client: Client) -> None:
    """A file of a person's own, used once, is ordered again by its name or by what the run called its cell."""
    own = {"recipe": None, "cell": None, "recipe_yaml": RECIPE, "cell_yaml": OWN_CELL}
    first = {name: value for name, value in {**ORDER, **own, "by": "ada", "label": "A17"}.items() if value}
    await client.post("/runs", first, 201)
    for name in ("A17", "lot7-40"):
        told = await check(client, recipe="own-lfp", cell=name, channel=OTHER, label="")
        # The rig has a Li/Li cell there: the file is understood, and the voltage tells that it is another cell's.
        assert codes(told) == ["check.voltage"]
        assert (told["recipe"], told["cell"]["active_mass_mg"]) == ("own-lfp", 1.1)


RECIPE = """
name: own-lfp
title: One slow cycle
for: [lfp]
record: {every: 30 s}
steps:
  - {step: rest, until: {time: 1 min}}
  - {step: constant_current, direction: charge, current: C/5, until: {voltage: 3.8 V}}
  - {step: constant_current, direction: discharge, current: C/5, until: {voltage: 2.8 V}}
"""


async def test_hands_are_told_where_people_move_the_leads(client: Client) -> None:
    """Without a switch each spectrum needs the leads on and off; the first time and how often are told."""
    from orchestrator.preflight.outlook import hands_needed
    from protocols.loading import load_cell, load_recipe
    from protocols.resolve import resolve

    program = resolve(load_recipe("li-li-eis"), load_cell("coated-li-li"))
    plug, unplug = hands_needed(program, moves_leads=True)
    assert (plug.code, plug.times, unplug.code, unplug.times) == ("plug", 16, "unplug", 16)
    assert plug.first_s < unplug.first_s
    assert plug.every_s == pytest.approx(20 * 7200, rel=0.1)
    assert hands_needed(program, moves_leads=False) == []
    assert (await check(client))["hands"] == []


async def test_names_are_listed_last_used_first_and_found_by_words(client: Client) -> None:
    """Shipped names alone by default; with ``used`` also those of earlier runs, newest first; all words must stand."""
    own = {"recipe": None, "cell": None, "recipe_yaml": RECIPE, "cell_yaml": OWN_CELL}
    first = {name: value for name, value in {**ORDER, **own, "by": "ada", "label": "A17"}.items() if value}
    await client.post("/runs", first, 201)
    await asyncio.sleep(60)
    await client.post("/runs", {**ORDER, "channel": OTHER, "by": "ada"}, 201)
    shipped = await client.get("/recipes")
    assert [it["name"] for it in shipped] == sorted(it["name"] for it in shipped)
    assert "own-lfp" not in [it["name"] for it in shipped]
    used = await client.get("/recipes?used=true")
    assert [(it["name"], it["used_in"]) for it in used[:2]] == [("li-li-0.2", "R000002"), ("own-lfp", "R000001")]
    assert len(used) == len(shipped) + 1
    assert (used[1]["title"], used[1]["kinds"]) == ("One slow cycle", ["lfp"])
    cells = await client.get("/cells?used=true")
    assert [it["name"] for it in cells[:4]] == ["lot7-31", "coated-li-li", "A17", "lot7-40"]
    assert (cells[3]["active_mass_mg"], cells[3]["kind"]) == (1.1, "lfp")
    found = await client.get("/recipes?used=true&search=OWN%20lfp%20slow")
    assert [it["name"] for it in found] == ["own-lfp"]
    assert "search" in (await client.get("/recipes?serch=x", 422))["error"]
