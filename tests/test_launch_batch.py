"""Several orders at once: an answer for each, one bad line stops no good one, and one list is carried out once."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.api_client import Client

KEY = {"Idempotency-Key": "rack-of-monday"}


def line(channel: str, label: str, **change: object) -> dict[str, object]:
    """Give one line of a list."""
    return {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": channel, "label": label, **change}


async def batch(http: httpx.AsyncClient, lines: list[dict[str, object]], path: str = "", status: int = 200) -> Any:  # noqa: ANN401 - JSON
    """Send a list with its key, and assert the status."""
    reply = await http.post(f"/api/v1/runs/batch{path}", json={"orders": lines, "by": "ada"}, headers=KEY)
    assert reply.status_code == status, reply.text
    return reply.json()


def codes(told: Any) -> list[list[str]]:  # noqa: ANN401 - JSON
    """Give the codes of the reasons against each line."""
    return [[reason["code"] for reason in answer["reasons"]] for answer in told["answers"]]


BAD: list[dict[str, object]] = [
    line("21-1-1", "lot7-01"),
    line("21-1-2", "lot7-02", recipe="li-li-0.3"),
    line("21-9-9", "lot7-03"),
    line("21-1-4", "lot7-04", recipe="lfp-200mA-g"),
    line("21-1-5", "lot7-05", by="bob", queue=True),
    line("21-1-6", "lot7-06"),
    {"recipe": "li-li-0.2"},
]


async def test_bad_lines_stop_no_good_one_and_each_has_its_answer(client: Client) -> None:
    """Of seven lines two start; unknown names, kinds, keys that exclude each other and missing ones are told."""
    told = await batch(client.http, BAD)
    assert [answer["line"] for answer in told["answers"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [answer["ok"] for answer in told["answers"]] == [True, False, False, False, False, True, False]
    assert [run.request.channel for run in client.service.runs] == ["21-1-1", "21-1-6"]
    texts = [answer["reasons"][0]["text"] if answer["reasons"] else "" for answer in told["answers"]]
    assert "li-li-0.3" in texts[1]
    assert "21-9-9" in texts[2]
    assert "is for lfp" in texts[3]
    assert "either queue" in texts[4]
    assert texts[6]
    assert all(run.journal is not None for run in client.service.runs)


async def test_check_of_a_list_orders_nothing_and_says_the_same(client: Client) -> None:
    """The lines that can run have an end and a check id; the others the reasons, with their codes."""
    told = await batch(client.http, BAD, "/check")
    assert [answer["ok"] for answer in told["answers"]] == [True, False, False, False, False, True, False]
    assert codes(told)[1:4] == [["recipe.unknown"], ["order.refused"], ["launch.kind"]]
    good = told["answers"][0]["check"]
    assert good["expected_end_unix_s"] > 0
    assert good["largest"]["current_ma"] > 0.1
    assert len(good["check_id"]) == 32
    assert client.service.runs == []


async def test_same_channel_or_cell_twice_is_named_in_each_of_the_lines(client: Client) -> None:
    """Both lines are refused with the numbers of both; the name of a model may stand in many lines."""
    lines = [
        line("21-1-1", "lot7-01"),
        line("21-1-1", "lot7-02"),
        line("21-1-3", "lot7-03"),
        line("21-1-4", "lot7-03"),
        line("21-1-5", ""),
        line("21-1-6", ""),
    ]
    told = await batch(client.http, lines)
    assert codes(told) == [["list.channel_twice"]] * 2 + [["list.cell_twice"]] * 2 + [[], []]
    assert told["answers"][0]["reasons"][0]["values"] == {"channel": "21-1-1", "lines": "1, 2"}
    assert told["answers"][3]["reasons"][0]["text"] == "cell lot7-03 stands in lines 3, 4: one test at a time"
    assert len(client.service.runs) == 2


async def test_list_sent_twice_is_carried_out_once(client: Client) -> None:
    """The same list with the same key has the same answers; another list, or order, with that key is refused."""
    lines = [line("21-1-1", "lot7-01"), line("21-1-3", "lot7-03")]
    first, again = await asyncio.gather(batch(client.http, lines), batch(client.http, lines))
    assert first == again
    await asyncio.sleep(300)
    assert await batch(client.http, lines) == first
    assert [run.run_id for run in client.service.runs] == ["R000001", "R000002"]
    other = await batch(client.http, [*lines, line("21-1-5", "lot7-05")], status=422)
    assert "rack-of-monday" in other["error"]
    single = await client.http.post("/api/v1/runs", json={**lines[0], "by": "ada"}, headers=KEY)
    assert single.status_code == 422
    assert len(client.service.runs) == 2


async def test_line_for_a_busy_channel_is_refused_and_never_queued(client: Client) -> None:
    """A list waits for nothing; the same list sent again starts that line when its channel is free."""
    await client.post("/runs", {**line("21-1-3", "lot7-00"), "by": "bob"}, 201)
    lines = [line("21-1-1", "lot7-01"), line("21-1-3", "lot7-03")]
    told = await batch(client.http, lines)
    assert [answer["ok"] for answer in told["answers"]] == [True, False]
    assert "21-1-3 is busy with R000001" in told["answers"][1]["reasons"][0]["text"]
    assert len(client.service.runs) == 2
    await asyncio.sleep(120)
    await client.stopped("/runs/R000001/stop")
    await client.post("/channels/21-1-3/empty", {"by": "bob"})
    again = await batch(client.http, lines)
    assert again["answers"][0] == told["answers"][0]
    assert again["answers"][1]["run"]["channel"] == "21-1-3"


async def test_list_of_sixty_four_lines_is_the_longest(client: Client) -> None:
    """One line more, and an empty list, are refused as a whole, and nothing is ordered."""
    await batch(client.http, [line("21-1-1", "")] * 65, status=422)
    await batch(client.http, [], status=422)
    assert client.service.runs == []
