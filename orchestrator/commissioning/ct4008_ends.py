"""Questions to a CT-4008 on how tests end: by protection, by goto, and whether one that has ended goes on."""

from __future__ import annotations

import asyncio

from drivers.errors import CannotRun, Refused
from drivers.interfaces import ChannelState
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.questions import Found, Outcome, Setting
from orchestrator.commissioning.tester_hands import Ran, TesterHands
from protocols.program import ConstantCurrent, Rest, Step, Until

_DELAY_S = 5.0
_GOES_ON_WITHIN_S = 12.0
_FACT = {True: "passes current again", False: "does nothing"}


async def continue_after_stop(hands: TesterHands) -> Found:
    """Stop a charge, then continue it."""
    identity = await hands.start(hands.segment([ConstantCurrent(hands.most_a, Until(time_s=60.0))]))
    await asyncio.sleep(8.0)
    await hands.stop(identity)
    return await _continued(hands, "continue_after_stop", "stop")


async def continue_after_protection(hands: TesterHands) -> Found:
    """Let a charge be protected, then continue it."""
    ran = await _protected(hands)
    if ran.state is not ChannelState.PROTECTED:
        return Found(Outcome.UNDECIDED, f"the charge ended as {ran.state.value}, not by its limit")
    return await _continued(hands, "continue_after_protection", "protection")


async def _continued(hands: TesterHands, fact: str, what: str) -> Found:
    before = await hands.rested()
    answer = await hands.probe.resume(hands.channel)
    went = await hands.watch(
        lambda seen: seen.state is ChannelState.WORKING or seen.record_count > before.record_count, _GOES_ON_WITHIN_S
    )
    goes_on = went is not None
    said = f"'continue' after a {what} {_FACT[goes_on]}"
    said += ": tell everybody at the BTS PC" if goes_on else ""
    return Found(Outcome.FOUND, said, {"answer": "ok" if answer else "false", fact: goes_on}, {fact: goes_on})


async def _protected(hands: TesterHands) -> Ran:
    steps = [ConstantCurrent(hands.most_a, Until(time_s=60.0))]
    return await hands.run(steps, high_v=0.5 * hands.most_v, delay_s=_DELAY_S)


async def protection(hands: TesterHands) -> Found:
    """Let the tester's own limit end a charge."""
    ran = await _protected(hands)
    lasted_s = ran.samples[-1].time_s if ran.samples else 0.0
    log = await hands.tester.event_log(ran.identity)
    code = log[-1].code if log else 0
    evidence = {"state": ran.state.value, "lasted_s": lasted_s, "newest_code": code}
    if ran.state is not ChannelState.PROTECTED:
        said = f"a voltage beyond the tester's limit for {lasted_s:.0f} s ended nothing: no limit guards this channel"
        return Found(Outcome.WRONG, said, evidence)
    facts = {"protection_delay_s": round(lasted_s, 1), "protection_code": code}
    said = f"the limit ended the test {lasted_s:.1f} s after it was passed ({_DELAY_S:g} s were set), code {code}"
    return Found(Outcome.FOUND, said, evidence, facts)


async def start_after_protection(hands: TesterHands) -> Found:
    """Start a rest on a protected channel, before and after its flag is cleared."""
    if (await hands.look()).state is not ChannelState.PROTECTED:
        await _protected(hands)
    rest = hands.segment([Rest(Until(time_s=5.0))])
    cleared = False
    try:
        identity = await hands.start(rest, clears=False)
    except (Refused, CannotRun):
        cleared = await hands.probe.clear_flag(hands.channel)
        try:
            identity = await hands.start(rest, clears=False)
        except (Refused, CannotRun):
            said = "a protected channel takes no start, also not after clearflag: free it at the BTS PC"
            return Found(Outcome.FOUND, said, {"clearflag": cleared}, *_startable(hands, False))
        await hands.ended(identity)
        said = "a protected channel takes a start only after clearflag: a person must clear it"
        return Found(Outcome.FOUND, said, {"clearflag": cleared}, *_startable(hands, False))
    await hands.ended(identity)
    return Found(Outcome.FOUND, "a protected channel takes a new start", {}, *_startable(hands, True))


def _startable(hands: TesterHands, starts: bool) -> tuple[dict[str, bool], tuple[Setting, ...]]:
    now = hands.settings.startable_from
    wanted = tuple(state for state in now if state != "protect") + (("protect",) if starts else ())
    settings = () if set(wanted) == set(now) else (Setting(("startable_from",), list(wanted)),)
    return {"starts_after_protection": starts}, settings


async def refusals(hands: TesterHands) -> Found:
    """Start a file that is not there, then a rest on a channel that rests."""
    short = hands.segment([Rest(Until(time_s=5.0))])
    no_file = await hands.start_beside(short, file_exists=False)
    await hands.start(hands.segment([Rest(Until(time_s=60.0))]))
    on_busy = await hands.start_beside(short)
    facts: dict[str, Fact] = {"start_without_file": no_file, "start_on_busy": on_busy}
    said = f"a start of a file that is not there {'begins a test' if no_file == 'replaces' else f'is {no_file}'}"
    busy = "takes the place of its test: tell everybody at the BTS PC" if on_busy == "replaces" else f"is {on_busy}"
    said += f"; one on a channel that works {busy}"
    return Found(Outcome.FOUND, said, dict(facts), facts)


async def goto(hands: TesterHands) -> Found:
    """Send a charge to its rest, then to its end."""
    steps: list[Step] = [ConstantCurrent(hands.most_a, Until(time_s=60.0)), Rest(Until(time_s=25.0))]
    identity = await hands.start(hands.segment(steps))
    await asyncio.sleep(10.0)
    moved = await hands.probe.goto(hands.channel, 2)
    moved &= await hands.watch(lambda seen: seen.step == 2, _GOES_ON_WITHIN_S) is not None
    ended = moved and await hands.probe.goto(hands.channel, identity.end_step or 0)
    ended = ended and await hands.watch(lambda seen: seen.state.is_at_rest, _GOES_ON_WITHIN_S) is not None
    facts = {"goto_leaves_a_step": moved, "goto_ends_a_test": ended}
    said = f"'goto' {'leaves' if moved else 'does not leave'} a step, and {'ends' if ended else 'does not end'} a test"
    return Found(Outcome.FOUND, said, dict(facts), facts)
