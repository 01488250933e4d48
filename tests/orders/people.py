"""What each kind of order does: through the service's REST interface, at the tester, or to the service itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from simulators.cells import load_cell
from simulators.faults import Fault, Spoil
from tests.orders.book import Meant, Wanted, Word
from tests.orders.lives import Reply
from tests.orders.plan import CHANNELS, Order, pick
from tests.orders.recipes import CELL_OF, KIND_OF, recipe
from tests.orders.truth import check

if TYPE_CHECKING:
    from tests.orders.shift import Shift

Row = dict[str, Any]
# For so long the end of a stop is asked for that was not confirmed at once; the link is good.
_CONFIRMED_WITHIN_S = 400.0


# Runs ----------------------------------------------------------------------------------------------------------------


async def _order(
    shift: Shift,
    it: Order,
    terms: Row | None = None,
    *,
    meant: Meant = Meant.EMPTY,
    slips: bool = False,
    confirmed_by: str = "",
    channel: str = "",
    kind: str = "",
) -> Reply | None:
    """Order a run, and enter into the book that it was: also if the answer never comes."""
    channel = channel or it.channel
    kind = kind or KIND_OF.get(channel, "li-li")
    body: Row = {"recipe_yaml": recipe(it.name, kind, it.luck, slips=slips), "cell": CELL_OF[kind], "channel": channel}
    body |= {"by": it.by, **(terms or {})} | _confirmed(confirmed_by)
    wanted = shift.book.wanted.setdefault(it.name, Wanted(it, slips, confirmed_by))
    word = Word(meant, shift.book.now_s())
    wanted.words.append(word)
    claimed_by = shift.book.claim_of_another(channel, it.by)
    is_busy = channel in KIND_OF and shift.truth.works_for_us(channel)
    reply = await shift.ask(it, "POST", "/runs", body)
    if reply is not None and not reply.is_accepted:
        wanted.words = [other for other in wanted.words if other is not word]
        check(len(reply.error) > 15, f"{it} was refused without a reason: {reply.body}")
    if reply is not None and reply.is_accepted:
        check(not claimed_by, f"{it} was taken, and {claimed_by} has claimed {channel}")
        check(not slips or confirmed_by, f"{it} was taken without a name: {reply.body['implausible']}")
        check(body.get("queue") or not is_busy, f"{it} was taken although {channel} is at work, and not to wait")
    return reply


async def _terms(shift: Shift, it: Order) -> tuple[Row, Meant]:
    """Look at the channel, and say of its cell what a careful person says; who does not look says nothing."""
    row = await shift.row(it, lambda row: row["channel"] == it.channel)
    if row is None or row["use"] != "idle" or it.luck > 0.85:
        return {"label": shift.cell_name(it.channel)}, Meant.EMPTY
    if row["mounted"]["label"] == shift.cell_name(it.channel):
        return {"same_cell": True}, Meant.THIS
    return {"mounted": shift.cell_name(it.channel)}, Meant.THIS


async def run(shift: Shift, it: Order) -> None:
    """Order a run for the cell that is in the holder."""
    terms, meant = await _terms(shift, it)
    await _order(shift, it, terms, meant=meant)


async def run_behind(shift: Shift, it: Order) -> None:
    """Order a run behind one that works: for its cell, for the next one, or without saying that it may wait."""
    row = await shift.row(it, lambda row: row["run"] is not None and row["run"]["state"] == "running")
    channel = row["channel"] if row else it.channel
    if it.luck < 0.4:
        await _order(shift, it, {"queue": True, "same_cell": True}, meant=Meant.BEHIND, channel=channel)
    elif it.luck < 0.8:
        await _order(shift, it, {"queue": True, "label": f"cell-of-{it.name}"}, channel=channel)
    else:
        await _order(shift, it, {"label": shift.cell_name(channel)}, channel=channel)


async def run_implausible(shift: Shift, it: Order) -> None:
    """Order a run with a slip of a unit, that nobody takes on."""
    terms, meant = await _terms(shift, it)
    reply = await _order(shift, it, terms, meant=meant, slips=True)
    check(reply is None or not reply.is_accepted, f"{it} was taken")


def _confirmed(by: str) -> Row:
    """Give the words of an order that a person, and another one for what is far outside, take on."""
    return {"confirm_implausible": by, "second_person": f"second after {by}"} if by else {}


async def run_confirmed(shift: Shift, it: Order) -> None:
    """Order a run with such a current on purpose, by name."""
    terms, meant = await _terms(shift, it)
    await _order(shift, it, terms, meant=meant, slips=True, confirmed_by=it.by)


async def run_wrong(shift: Shift, it: Order) -> None:
    """Order a run for a channel that is not there, or for a cell of another kind than the one in the holder."""
    if it.luck < 0.5:
        reply = await _order(shift, it, channel="21-1-9")
        check(reply is None or reply.status == 404, f"{it}: there is no 21-1-9, and it was taken")
    else:
        terms, meant = await _terms(shift, it)
        await _order(shift, it, terms, meant=meant, kind="lfp" if KIND_OF[it.channel] == "li-li" else "li-li")


async def run_twice(shift: Shift, it: Order) -> None:
    """Click twice."""
    terms, meant = await _terms(shift, it)
    replies = await asyncio.gather(*(_order(shift, it, terms, meant=meant) for _ in range(2)))
    taken = [reply for reply in replies if reply is not None and reply.is_accepted]
    check(len(taken) < 2, f"{it} was taken twice")


async def run_late(shift: Shift, it: Order) -> None:
    """Order a run whose start, or the next one on this tester, takes its time on the way."""
    if not shift.late_starts:
        shift.bench.wire.spoil(Fault(Spoil.ARRIVES_LATE, "start", seconds=it.lasts_s))
        shift.late_starts += 1
        await run(shift, it)


# What goes on --------------------------------------------------------------------------------------------------------


def _has(*states: str) -> Callable[[Row], bool]:
    return lambda row: row["run"] is not None and row["run"]["state"] in states


async def hold(shift: Shift, it: Order) -> None:
    """Hold a run that works."""
    if row := await shift.row(it, _has("running", "unseen")):
        path = f"/runs/{row['run']['run_id']}/hold"
        await _stop(shift, it, path, row["channel"])


async def resume(shift: Shift, it: Order) -> None:
    """Go on with a held run, or say of a waiting one that its cell is mounted: sometimes before it is."""
    row = await shift.row(it, lambda row: _has("holding")(row) or row["queued"])
    if row is None:
        return
    run_id, word = (row["run"]["run_id"], "resume") if _has("holding")(row) else (row["queued"][0], "mounted")
    detail = await shift.ask(it, "GET", f"/runs/{run_id}")
    if detail is None or not detail.is_accepted:
        return
    wanted = shift.book.wanted[detail.body["recipe"]]
    said = Word(Meant.THIS, shift.book.now_s())
    wanted.words.append(said)
    reply = await shift.ask(it, "POST", f"/runs/{run_id}/{word}", {"by": it.by})
    if reply is not None and not reply.is_accepted:
        wanted.words.remove(said)
        check(len(reply.error) > 15, f"{it} was refused without a reason: {reply.body}")


async def acknowledge(shift: Shift, it: Order) -> None:
    """Acknowledge a trip by name."""
    if row := await shift.row(it, _has("tripped")):
        shift.truth.look()
        shift.book.acknowledge(row["channel"], row["run"]["run_id"])
        await shift.ask(it, "POST", f"/runs/{row['run']['run_id']}/acknowledge", {"by": it.by})


async def stop_run(shift: Shift, it: Order) -> None:
    """Stop a run by its id, over or not."""
    if row := await shift.row(it, lambda row: row["run"] is not None):
        run_id = pick([row["run"]["run_id"], *row["queued"]], it.luck)
        await _stop(shift, it, f"/runs/{run_id}/stop", row["channel"])


async def stop_channel(shift: Shift, it: Order) -> None:
    """Stop a channel by its name, whatever works there."""
    await _stop(shift, it, f"/channels/{it.channel}/stop", it.channel)


async def stop_rack(shift: Shift, it: Order) -> None:
    """Stop everything."""
    reply = await shift.ask(it, "POST", "/rack/stop", {"by": it.by})
    if reply is not None:
        shift.truth.check_stop(str(it), reply)


async def _stop(shift: Shift, it: Order, path: str, channel: str) -> None:
    """Order a stop; one that is not confirmed at once is asked for until it is, or says why not."""
    reply = await shift.ask(it, "POST", path, {"by": it.by})
    if reply is None:
        return
    shift.truth.check_stop(str(it), reply)
    life, began_s = shift.life, shift.book.now_s()
    row = reply.body
    while reply.is_accepted and row["pending"] and shift.life is life and life is not None:
        late_s = shift.book.now_s() - began_s
        check(late_s < _CONFIRMED_WITHIN_S, f"{it}: after {late_s:.0f} s on a good link still: {row['words']}")
        await asyncio.sleep(5.0)
        now = await life.ask("GET", f"/channels/{channel}")
        if now is None or now.body["stop"] is None:
            return
        row = now.body["stop"]
    if reply.is_accepted and shift.life is life:
        shift.truth.check_report(str(it), row, reply.body["run_id"] if "label" in reply.body else "", at_once=False)


# Channels and cells --------------------------------------------------------------------------------------------------


async def claim(shift: Shift, it: Order) -> None:
    """Have a channel for oneself for some time."""
    other = shift.book.claim_of_another(it.channel, it.by)
    body = {"owner": it.by, "duration_s": it.lasts_s}
    reply = await shift.ask(it, "POST", f"/channels/{it.channel}/claim", body)
    if reply is not None and reply.is_accepted:
        check(not other, f"{it} was taken, and {other} has claimed the channel")
        shift.book.claims[it.channel] = it.by, shift.book.now_s() + it.lasts_s


async def release(shift: Shift, it: Order) -> None:
    """Give one's own channel back."""
    owned = [channel for channel, (owner, _) in shift.book.claims.items() if owner == it.by]
    if owned:
        channel = pick(owned, it.luck)
        shift.book.claims.pop(channel)
        await shift.ask(it, "DELETE", f"/channels/{channel}/claim?owner={it.by}")


async def exchange(shift: Shift, it: Order) -> None:
    """Put a fresh cell into a holder at which nothing works and nobody waits."""
    free = await shift.row(it, lambda row: row["run"] is None or row["run"]["state"] in {"completed", "stopped"})
    if free is not None and shift.truth.test_at_work(free["channel"]) is None and not free["queued"]:
        exchange_cell(shift, free["channel"])
        if it.luck < 0.3:
            await _say_empty(shift, it, free["channel"])


async def said_to_be_empty(shift: Shift, it: Order) -> None:
    """Say that a channel is empty, true or not: a person's word is a person's word."""
    await _say_empty(shift, it, it.channel)


async def _say_empty(shift: Shift, it: Order, channel: str) -> None:
    said_s = shift.book.now_s()
    is_busy = shift.truth.works_for_us(channel)
    reply = await shift.ask(it, "POST", f"/channels/{channel}/empty", {"by": it.by})
    if reply is None or reply.is_accepted:
        shift.book.emptied_s[channel].append(said_s)
        check(reply is None or not is_busy, f"{it} was taken although {channel} is at work")


async def exchange_at_work(shift: Shift, it: Order) -> None:
    """Pull a cell out of a channel that works, in error, and put another one in a minute later."""
    shift.bench.tester.pull_out_cell(it.channel)
    await asyncio.sleep(60.0)
    exchange_cell(shift, it.channel)


def exchange_cell(shift: Shift, channel: str) -> None:
    """Put a fresh cell of the channel's kind into its holder."""
    number = shift.book.exchange(channel)
    shift.bench.tester.put_back_cell(channel)
    shift.bench.tester.swap_cell(channel, load_cell(CELL_OF[KIND_OF[channel]], seed=number))


# At the tester, and the service --------------------------------------------------------------------------------------


async def started_by_hand(shift: Shift, it: Order) -> None:
    """Start a test of one's own at the tester; sometimes what works there is stopped first."""
    if it.luck < 0.3:
        shift.bench.tester.stop(it.channel)
    test_id = shift.bench.tester.start(it.channel, shift.by_hand[KIND_OF[it.channel]], "somebody")
    if test_id is not None:
        shift.book.foreign.add((it.channel, test_id))


async def stopped_by_hand(shift: Shift, it: Order) -> None:
    """Stop the channel at the tester."""
    shift.bench.tester.stop(it.channel)


async def restarted(shift: Shift, it: Order) -> None:
    """End the service in order, and start it again some time later."""
    await shift.restart(it.lasts_s, kills=False)


async def killed(shift: Shift, it: Order) -> None:
    """Kill the service, and start it again some time later."""
    await shift.restart(it.lasts_s, kills=True)


async def killed_while_starting(shift: Shift, it: Order) -> None:
    """Order a run, and kill the service within its start."""
    await run(shift, it)
    await asyncio.sleep(it.luck * 1000 % 12.0)
    await shift.restart(it.lasts_s, kills=True)


TABLE: dict[str, Callable[[Shift, Order], Awaitable[None]]] = {
    "run": run,
    "run behind": run_behind,
    "run, implausible": run_implausible,
    "run, confirmed": run_confirmed,
    "run, wrong": run_wrong,
    "run, twice at once": run_twice,
    "run, starts late": run_late,
    "hold": hold,
    "resume": resume,
    "stop run": stop_run,
    "stop channel": stop_channel,
    "stop rack": stop_rack,
    "acknowledge": acknowledge,
    "claim": claim,
    "release": release,
    "cell exchanged": exchange,
    "cell exchanged at work": exchange_at_work,
    "said to be empty": said_to_be_empty,
    "started by hand": started_by_hand,
    "stopped by hand": stopped_by_hand,
    "service restarted": restarted,
    "service killed": killed,
    "service killed while starting": killed_while_starting,
}
assert len(CHANNELS) == len(KIND_OF)
