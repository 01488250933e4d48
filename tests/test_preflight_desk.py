"""Many clients that ask for the checks of runs: few are made at once, the same question once, and too many wait."""

from __future__ import annotations

import asyncio

import pytest
from starlette.exceptions import HTTPException

from orchestrator.api.preflight_desk import AT_ONCE, MOST, TURN_WITHIN_S, PreflightDesk
from tests.api_client import ORDER, Client


async def test_few_checks_are_made_at_once_and_each_question_gets_its_own_answer() -> None:
    """As many as may wait ask; never more than two are made at the same time, in the order of their coming."""
    desk, now, most, made = PreflightDesk(), 0, 0, []

    async def check(number: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.1)
        now -= 1
        made.append(number)
        return number

    asked = [desk.ask(f"cell {number}", lambda number=number: check(number)) for number in range(MOST)]  # type: ignore[misc]  # mypy infers no default
    assert await asyncio.gather(*asked) == list(range(MOST)) == made
    assert most == AT_ONCE


async def test_same_question_is_answered_once_and_anew_later() -> None:
    """Who asks meanwhile shares the answer, also when the first who asked goes away; who asks later gets a new one."""
    desk, made = PreflightDesk(), 0

    async def check() -> int:
        nonlocal made
        made += 1
        await asyncio.sleep(1)
        return made

    first, second = (asyncio.create_task(desk.ask("cell", check)) for _ in range(2))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == 1
    assert await desk.ask("cell", check) == 2


async def test_nobody_waits_long_for_a_turn_behind_testers_that_do_not_answer() -> None:
    """Who has had none within four seconds is told to come later; the turns of those before are free again."""
    desk = PreflightDesk()

    async def silent() -> None:
        await asyncio.sleep(6)

    before = [asyncio.create_task(desk.ask(f"cell {number}", silent)) for number in range(AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(HTTPException, match="ask again in 1 s"):
        await desk.ask("another cell", silent)
    assert asyncio.get_running_loop().time() == pytest.approx(TURN_WITHIN_S)
    await asyncio.gather(*before)
    await desk.ask("another cell", silent)


async def test_error_of_a_check_reaches_whoever_asked() -> None:
    """And is no answer to the next."""
    desk = PreflightDesk()

    async def wrong() -> None:
        raise ValueError("no such cell")

    for _ in range(2):
        with pytest.raises(ValueError, match="no such cell"):
            await desk.ask("cell", wrong)


async def test_too_many_questions_are_told_to_come_later(client: Client) -> None:
    """503 with ``Retry-After`` and a sentence, and no trace in the store: nothing was ordered; others get theirs."""
    await asyncio.sleep(60)
    client.rig.tester.faults.silence(after_s=0.1)
    bodies = [{**ORDER, "label": f"cell {number}"} for number in range(MOST + 1)]
    replies = await asyncio.gather(*(client.http.post("/api/v1/preflight", json=body) for body in bodies))
    (later,) = [reply for reply in replies if reply.status_code != 200]
    assert (later.status_code, later.headers["retry-after"]) == (503, "1")
    assert "ask again in 1 s" in later.json()["error"]
    client.rig.tester.faults.mend()
    assert (await client.post("/preflight", ORDER))["checks"]
    assert not any("preflight" in event.message for event in client.service.store.events())


async def test_mistyped_question_leaves_no_trace(client: Client) -> None:
    """Nothing was ordered, and nobody is told; the same mistake in an order is kept."""
    wrong = ORDER | {"cell": "no-such-cell"}
    for path in ("/preflight", "/runs"):
        await client.post(path, wrong, 422)
    refused = [event.message for event in client.service.store.events() if "was refused" in event.message]
    assert [message.split()[1] for message in refused] == ["/api/v1/runs"]
