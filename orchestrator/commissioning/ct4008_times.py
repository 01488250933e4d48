"""Questions to a CT-4008 on its identity and its times: clock, age of records, stop, lost link."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from drivers.interfaces import ChannelState, HostLoss
from drivers.neware.probing import Answer
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.questions import Found, Outcome, Setting
from orchestrator.commissioning.tester_hands import EVERY_S, TesterHands
from protocols.program import ConstantCurrent, Rest, Until

_QUARTER_S = 900.0
_LEAST_REFRESH_S = 5.0
# A stop is waited for three times as long as it was seen to take.
_PATIENCE = 3.0
_AWAY_S = 40.0


async def identity(hands: TesterHands) -> Found:
    """Compare the channels and versions that BTS tells with the bench file."""
    await hands.tester.open()
    told, there = hands.tester.versions(), hands.tester.channels()
    absent = [name for name in hands.tester.channel_names() if name not in there]
    evidence: dict[str, Fact] = {"versions": told, "channels": len(there), "absent": ", ".join(absent)}
    if hands.channel not in there:
        return Found(Outcome.WRONG, f"BTS has no channel {hands.channel}; it lists {', '.join(there)}", evidence)
    status = await hands.look()
    if not status.state.is_at_rest:
        said = f"{hands.channel} is {status.state.value} with {status.barcode or 'no barcode'}: stop that test first"
        return Found(Outcome.WRONG, said, evidence)
    if absent:
        return Found(Outcome.WRONG, f"the bench file has channels that BTS does not: {', '.join(absent)}", evidence)
    return Found(
        Outcome.FOUND, f"{len(there)} channels; {told or 'no versions are told'}", evidence, {"versions": told}
    )


async def dialect(hands: TesterHands) -> Found:
    """Ask in three ways that no driver should, on connections of their own."""
    second = await hands.probe.second_client()
    if second is not Answer.REPLY:
        said = f"a question of a second client brings {second.value}: nothing else can be asked beside our connection"
        return Found(Outcome.FOUND, said, {"second_client": second.value}, {"second_client": False})
    unknown = await hands.probe.unknown_command()
    unlogged = await hands.probe.unlogged_write(hands.channel)
    facts: dict[str, Fact] = {
        "unknown_command": unknown.value,
        "writes_need_login": unlogged is not Answer.REPLY,
        "second_client": True,
    }
    said = f"an unknown command brings {unknown.value}, a write without log-in {unlogged.value}"
    return Found(Outcome.FOUND, f"{said}; a second client is answered", facts, facts)


async def clock(hands: TesterHands) -> Found:
    """Compare the time of a record with that of its order."""
    ran = await hands.run([Rest(Until(time_s=5.0))])
    offset_s = ran.samples[0].unix_time_s - ran.sent_unix_s
    zone_s = round(offset_s / _QUARTER_S) * _QUARTER_S
    facts = {"clock_error_s": round(offset_s - zone_s, 1)}
    evidence = {"first_record_unix_s": ran.samples[0].unix_time_s, "ordered_unix_s": round(ran.sent_unix_s, 1)}
    configured = hands.settings.time_zone
    if zone_s == 0:
        said = f"the BTS PC lives in {configured}, and its clock is {facts['clock_error_s']:+.0f} s off"
        return Found(Outcome.FOUND, said, evidence, facts)
    now = datetime.fromtimestamp(ran.sent_unix_s, UTC)
    ours_s = (now.astimezone(ZoneInfo(configured)).utcoffset() or timedelta()).total_seconds()
    hours = (ours_s + zone_s) / 3600
    if hours != int(hours) or not -12 <= hours <= 14:
        said = f"the BTS PC is {hours:+g} h from UTC, which no zone without summer time is: set time_zone by hand"
        return Found(Outcome.UNDECIDED, said, evidence, facts)
    # Signs of these zones are the other way round.
    zone = f"Etc/GMT{-int(hours):+d}" if hours else "UTC"
    said = f"the BTS PC is {hours:+g} h from UTC now; where it has summer time, name its place, such as Europe/Zurich"
    return Found(Outcome.FOUND, said, evidence, facts, (Setting(("time_zone",), zone),))


async def record_lag(hands: TesterHands) -> Found:
    """Look at a rest once a second, and compare the newest record with the time since its order."""
    identity_ = await hands.start(hands.segment([Rest(Until(time_s=60.0))]))
    lags_s, ages_s = [], []
    until_s = hands.sent_unix_s + 50.0
    while hands.wall_time() < until_s:
        await asyncio.sleep(EVERY_S)
        status, since_s = await hands.look(), hands.wall_time() - hands.sent_unix_s
        if status.test_id != identity_.test_id or status.state is not ChannelState.WORKING:
            continue
        ages_s.append(since_s - status.test_time_s)
        if status.record_count:
            lags_s.append(since_s - (status.record_count - 1) * EVERY_S)
    await hands.ended(identity_)
    if len(lags_s) < 2:
        return Found(Outcome.UNDECIDED, "no record was shown within 50 s: they may come when a test is over")
    seen_s, age_s = max(0.0, min(lags_s)), max([0.0, *ages_s])
    # The number of records was told when the second of two requests came, so that its reply is part of what was seen.
    lag_s = max(0.0, seen_s - hands.look_s / 2)
    facts = {"record_lag_s": round(lag_s, 1), "live_age_s": round(age_s, 1)}
    # For a run it is as late as it is seen, replies included.
    needed_s = float(math.ceil(max(seen_s + EVERY_S, age_s)))
    said = f"a record is shown {lag_s:.1f} s after it is made, a live value is {age_s:.1f} s old at worst"
    if round(hands.look_s, 1) > 0:
        said += f"; a reply takes {hands.look_s / 2:.1f} s, which is taken off a record's age"
    wanted_s = max(_LEAST_REFRESH_S, needed_s if needed_s > _LEAST_REFRESH_S + EVERY_S else _LEAST_REFRESH_S)
    settings = () if wanted_s == hands.settings.refresh_s else (Setting(("refresh_s",), wanted_s),)
    return Found(Outcome.FOUND, said, {"looks": len(lags_s), **facts}, facts, settings)


async def stop_delay(hands: TesterHands) -> Found:
    """Stop a charge by one order, and compare the time of its last record with that of the order."""
    identity_ = await hands.start(hands.segment([ConstantCurrent(hands.most_a, Until(time_s=120.0))]))
    await asyncio.sleep(10.0)
    ordered_s = hands.wall_time()
    said_ok = await hands.probe.stop_once(hands.channel)
    shown = await hands.watch(lambda seen: seen.state.is_at_rest, 150.0)
    shown_s = hands.wall_time() - ordered_s
    if shown is None or shown.state is not ChannelState.STOPPED:
        state = "working" if shown is None else shown.state.value
        return Found(Outcome.WRONG, f"a stop does not stop: {'ok' if said_ok else 'false'} was said, {state} is shown")
    samples = await hands.samples(identity_)
    delay_s = max(0.0, samples[-1].time_s - (ordered_s - hands.sent_unix_s))
    facts = {"stop_delay_s": round(delay_s, 1), "stop_shown_s": round(shown_s, 1)}
    said = f"current flows for {delay_s:.1f} s after a stop, which is shown after {shown_s:.1f} s"
    wanted_s = float(math.ceil(_PATIENCE * max(shown_s, delay_s)))
    enough = wanted_s <= hands.settings.confirm_timeout_s
    settings = () if enough else (Setting(("confirm_timeout_s",), wanted_s),)
    return Found(Outcome.FOUND, said, {"answer": "ok" if said_ok else "false", **facts}, facts, settings)


async def link_loss(hands: TesterHands) -> Found:
    """Drop our connection for a while, and see what the channel has done."""
    identity_ = await hands.start(hands.segment([ConstantCurrent(hands.most_a, Until(time_s=90.0))]))
    await asyncio.sleep(10.0)
    await hands.probe.drop()
    await asyncio.sleep(_AWAY_S)
    seen = await hands.look()
    if not seen.state.is_at_rest and seen.state is not ChannelState.WORKING:
        await hands.off()
    samples = (await hands.ended(identity_)).samples
    gap_s = max((after.time_s - before.time_s for before, after in pairwise(samples)), default=0.0)
    lasted_s = samples[-1].time_s if samples else 0.0
    evidence = {"state_after": seen.state.value, "longest_gap_s": round(gap_s, 1), "lasted_s": round(lasted_s, 1)}
    if seen.state is ChannelState.WORKING and lasted_s > 85.0 and gap_s < 3 * EVERY_S:
        answer, said = HostLoss.RIDES_ON, f"the test rode on for {_AWAY_S:.0f} s without us, and no record is missing"
    elif lasted_s < 10.0 + _AWAY_S / 2:
        answer, said = HostLoss.STOPS, f"the channel was {seen.state.value} {lasted_s:.0f} s after its start: it stops"
    else:
        answer, said = HostLoss.UNKNOWN, f"it was {seen.state.value} with a gap of {gap_s:.0f} s: nothing follows"
    settings = () if answer is hands.settings.host_loss else (Setting(("host_loss",), answer.value),)
    outcome = Outcome.UNDECIDED if answer is HostLoss.UNKNOWN else Outcome.FOUND
    return Found(outcome, said, evidence, {"host_loss": answer.value}, settings)
