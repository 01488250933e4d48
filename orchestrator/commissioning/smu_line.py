"""What a source meter does with its line: errors, a second client, and a host that hangs up or falls silent.

Reference smu-and-ovens, sections 4, 8, 10, 11, 14, 27 and 28.
"""

from __future__ import annotations

import asyncio

from drivers.errors import BadReply, ConnectionFailed, NoReply
from drivers.interfaces import HostLoss
from drivers.smu import SmuModel
from drivers.smu.wire import OVERFLOW_FROM, error_entry, number
from orchestrator.bench.commissioned import Fact
from orchestrator.commissioning.questions import Found, Outcome
from orchestrator.commissioning.smu_hands import SILENT_S, TINY, SourceHands

_AWAY_S = 5.0
_ERROR = ":SYST:ERR?"
_NONSENSE = ":CELLRIG:NOTHING"
_NO_HEADER = -113
_CYCLES = ":SENS:VOLT:NPLC"
_TOO_MANY = "1E6"
_MOST_ERRORS = 12
_READ_WHEN_OFF = {
    SmuModel.KEITHLEY_2400: ":READ?",
    SmuModel.KEITHLEY_2450: ':READ? "defbuffer1",READ',
    SmuModel.KEITHLEY_2460: ':READ? "defbuffer1",READ',
}
"""Not a B2901A: a reading may switch its output on (section 1.6)."""
_SHOWN = 80


async def reconnect(hands: SourceHands) -> Found:
    """Hang up with the output off, and connect again."""
    await hands.source.close()
    try:
        await hands.source.open()
    except ConnectionFailed as err:
        told = (
            "it lets nobody in once a client has gone: switch it off and on, and where it is a Keithley set "
            "dead_socket_port = 5030 (section 4)"
        )
        return Found(Outcome.WRONG, told, {"error": str(err)[:300]}, {"reconnects": False})
    return Found(Outcome.FOUND, "a client that has gone is forgotten at once", {}, {"reconnects": True})


async def second_client(hands: SourceHands) -> Found:
    """Connect a second time beside the first."""
    if not hands.settings.resource.upper().startswith("TCPIP"):
        return Found(Outcome.LEFT_OUT, "its line is no network: there is one client")
    link = hands.second()
    try:
        await link.open()
        answer = await link.ask("*IDN?", hands.settings.reply_timeout_s)
    except ConnectionFailed as err:
        told = "a second client is refused: `cellrig stop --direct` reaches it only once the first one has hung up"
        return Found(Outcome.FOUND, told, {"error": str(err)[:300]}, {"second_client": False})
    finally:
        await link.close()
    told = "a second client is accepted: `cellrig stop --direct` reaches it beside a service, and so does anybody else"
    return Found(Outcome.FOUND, told, {"answer": answer[:_SHOWN]}, {"second_client": True})


async def errors(hands: SourceHands) -> Found:
    """Send a header that there is not and a value that is too large, with the output off, and read the error queue."""
    await _emptied(hands)
    entry = await hands.source.ask(_NONSENSE, _ERROR)
    after = await hands.source.ask(_ERROR)
    before = number(await hands.source.ask(f"{_CYCLES}?"))
    refused = await hands.source.ask(f"{_CYCLES} {_TOO_MANY}", _ERROR)
    now = number(await hands.source.ask(f"{_CYCLES}?"))
    evidence: dict[str, Fact] = {"unknown": entry[:_SHOWN], "empty": after[:_SHOWN], "too_large": refused[:_SHOWN]}
    evidence |= {"before": str(before), "behind": str(now)}
    stays = now == before
    facts: dict[str, Fact] = {"error_entry": entry[:_SHOWN], "old_value_stays": stays}
    is_told = error_entry(entry).code == _NO_HEADER and not error_entry(after).code and bool(error_entry(refused).code)
    if not is_told:
        told = f"its error queue does not tell what was wrong ({entry!r}, then {after!r}, then {refused!r})"
        return Found(Outcome.WRONG, told, evidence, facts)
    told = f"errors read like {entry}; a value that is refused leaves the old one{'' if stays else ' not as it was'}"
    return Found(Outcome.FOUND, told, evidence, facts)


async def _emptied(hands: SourceHands) -> None:
    """Read the error queue until it is empty. Raises BadReply where it never is."""
    for _ in range(_MOST_ERRORS):
        if not error_entry(await hands.source.ask(_ERROR)).code:
            return
    raise BadReply("its error queue is never empty")


async def reading_when_off(hands: SourceHands) -> Found:
    """Ask for a reading with the output off, and see that the output is off behind it."""
    line = _READ_WHEN_OFF.get(hands.settings.model)
    if line is None:
        return Found(Outcome.LEFT_OUT, "a reading may switch the output of this model on (section 1.6)")
    try:
        answer = await hands.source.ask(line)
    except NoReply:
        answer = "nothing"
    if (await hands.source.read()).output_on:
        hands.may_be_on()
        return Found(
            Outcome.WRONG, "a reading has switched its output on", {"answer": answer}, {"reads_when_off": answer}
        )
    what = _what(answer)
    told = f"a reading with the output off is answered by {answer}: {what}"
    facts: dict[str, Fact] = {"reads_when_off": what}
    # What is a number there would be taken for one of the cell.
    outcome = Outcome.WRONG if what == "a number" else Outcome.FOUND
    return Found(outcome, told, {"answer": answer[:_SHOWN]}, facts)


def _what(answer: str) -> str:
    if answer == "nothing":
        return "an error"
    try:
        value = float(answer.partition(",")[0])
    except ValueError:
        return "an error"
    return "no value" if abs(value) >= OVERFLOW_FROM else "a number"


async def link_loss(hands: SourceHands) -> Found:
    """Drop the connection with the output on, and look at it on a new one."""
    await hands.on(hands.current(hands.most_a), hands.reading_s() + _AWAY_S)
    await hands.read(2)
    async with hands.within():
        await hands.source.close()
        await asyncio.sleep(_AWAY_S)
        await hands.source.open()
        stays = (await hands.source.read()).output_on
    told = f"the output {'stays on' if stays else 'goes off'} when the connection breaks"
    return Found(Outcome.FOUND, told, {"output_on_after": stays}, {"output_stays_on": stays})


async def silence(hands: SourceHands) -> Found:
    """Say nothing on an open connection with the output on, then look at it."""
    await hands.on(hands.current(TINY * hands.most_a), hands.reading_s() + SILENT_S)
    await hands.read(2)
    async with hands.within():
        await asyncio.sleep(SILENT_S)
        stays = (await hands.source.read()).output_on
    told = f"the output {'stays on' if stays else 'goes off'} when nobody speaks for {SILENT_S:g} s"
    facts: dict[str, Fact] = {"output_stays_on_in_silence": stays}
    # A computer that dies closes no connection: both have to switch it off.
    stops = not stays and not hands.facts.get("output_stays_on", True)
    if not stops or hands.settings.host_loss is HostLoss.STOPS:
        return Found(Outcome.FOUND, told, {"output_on_after": stays}, facts)
    settings = (hands.setting("host_loss", HostLoss.STOPS.value),)
    return Found(Outcome.FOUND, f"{told}, as when the connection breaks", {"output_on_after": stays}, facts, settings)
