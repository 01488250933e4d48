"""Writes messages for people: the title says how grave it is, where and what; the body what to do about it."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.clock.local_time import local_time
from orchestrator.events import EventKind, Severity
from orchestrator.events.to_do import about_event, headline, what_to_do, where_to_type
from orchestrator.notices.values import Entry, Message, Notice, Reason
from orchestrator.states import RunState

# A phone shows about so much of a title, and so many lines are read.
_TITLE_LENGTH = 120
# Of the rig's name a title has so much at most: the word that it has tripped, which comes last, must not be cut.
_RIG_LENGTH = 32
_LINES = 20
# So many notices of one run are named in a title, more are counted.
_FEW = 4
# So many kinds of the gravest notices are named in the title of a digest.
_KINDS = 3
_SENTENCE_LENGTH = 600

_WHY = {
    Reason.REPEAT: "nobody has acknowledged it yet",
    Reason.ESCALATION: "others have not acknowledged it",
}
_STATES = {state.value: state for state in RunState if state is not RunState.QUEUED}


def rig_name(settings: NoticeSettings) -> str:
    """Return the name by which people know the rig: that of the bench file, else this machine's."""
    return settings.rig or socket.gethostname()


def title_of(message: Message, rig: str) -> str:
    """Return the one line that a phone shows: severity, simulated or not, rig, channel and kind, or their number."""
    if message.is_test:
        return f"[test] {rig}: daily test of notices"
    word = message.severity.value.upper() if message.severity is Severity.ALARM else message.severity.value
    word += _simulation(message)
    gravest = _gravest_first(message.entries)[0]
    why = f" ({_WHY[gravest.reason]})" if gravest.reason in _WHY else ""
    if len(message.entries) + message.left_out == 1:
        room = _TITLE_LENGTH - len(f"[{word}] : {why}") - min(len(rig), _RIG_LENGTH)
        return f"[{word}] {rig[:_RIG_LENGTH]}: {_subject(gravest.notice, room)}{why}"[:_TITLE_LENGTH]
    return f"[{word}] {rig}: {_counted(message)}{why}"[:_TITLE_LENGTH]


def body_of(
    message: Message, rig: str, store: Path | None = None, present: Mapping[str, RunState] = MappingProxyType({})
) -> str:
    """Return the whole text, as plain lines: what happened and when, what to do, how it is acknowledged, and where.

    ``present`` has the states of runs as they are now: a message that has waited asks for nothing that is done.
    """
    if message.is_test:
        return (
            f"{rig} has sent this to every target of its bench file, as it does once a day. Nothing has happened.\n"
            "If it does not come one day, the notices or this way to you do not work: see 'cellrig notices list'."
        )
    entries = _gravest_first(message.entries)
    lines = [_line(entry) for entry in entries[:_LINES]]
    if (more := len(entries) - len(lines) + message.left_out) > 0:
        lines.append(f"... and {more} more: 'cellrig notices list', or 'cellrig runs' for what became of each run.")
    to_do = _to_dos([entry.notice for entry in entries[:_LINES]], present)
    gravest = entries[0].notice
    if gravest.severity is Severity.ALARM:
        ack = f"cellrig notices ack {gravest.run_id or repr(str(gravest.kind))}"
        # The file of the notices stands on the same disk.
        room = "free space, or as long as a few bytes are free: " if gravest.kind == EventKind.SPACE_HOLD else ""
        to_do.append(f"To end the repeats: {room}{ack}")
    if to_do and store is not None:
        to_do.append(where_to_type(str(store)))
    return "\n".join([*lines, *([""] if to_do else []), *to_do])


def _to_dos(notices: Sequence[Notice], present: Mapping[str, RunState]) -> list[str]:
    """Say what a person does about notices, each thing once, of which the gravest is the first.

    Of a run it is one thing: by its state now, which says more than what was seen before, else by the gravest of these.
    """
    newest: dict[str | None, Notice] = {}
    for it in notices:
        if it.kind == EventKind.STATE and (it.run_id not in newest or newest[it.run_id].number < it.number):
            newest[it.run_id] = it
    by_run = {run_id: said for run_id, it in newest.items() if (said := _about_state(it, present.get(run_id or "")))}
    back = {it.run_id: it.number for it in notices if it.kind == EventKind.LINK_BACK}
    of_rig = []
    for it in notices:
        is_over = it.kind == EventKind.LINK_LOST and back.get(it.run_id, it.number) > it.number
        is_over |= it.kind == EventKind.STOP_NOT_CONFIRMED and _is_known(present.get(it.run_id or ""))
        if it.kind != EventKind.STATE and it.run_id not in by_run and not is_over:
            said = about_event(it.kind, it.severity, it.run_id, it.channel)
            if it.run_id is None or not said:
                of_rig.append(said)
            else:
                by_run[it.run_id] = said
    return [said for said in dict.fromkeys((*by_run.values(), *of_rig)) if said]


def _is_known(state: RunState | None) -> bool:
    return state is not None and state is not RunState.UNKNOWN


def _about_state(notice: Notice, present: RunState | None) -> str:
    """Say what a person does about a run that came to a state, or, where it has left that, about its state now."""
    word, _, reason = notice.sentence.partition(": ")
    told = _STATES.get(word)
    if told is None:
        return ""
    has_moved = present is not None and present is not told
    return what_to_do(present or told, notice.run_id or "", notice.channel or "", "" if has_moved else reason)


def _gravest_first(entries: Sequence[Entry]) -> list[Entry]:
    """Sort by severity; of many, what says that a run has tripped or is unknown stands before all other alarms."""
    order = tuple(Severity)
    is_flood = len(entries) > _FEW

    def key(entry: Entry) -> tuple[int, bool, int]:
        notice = entry.notice
        return -order.index(notice.severity), is_flood and not _is_stop(notice), notice.number

    return sorted(entries, key=key)


def _is_stop(notice: Notice) -> bool:
    return notice.kind == EventKind.STATE and notice.severity is Severity.ALARM


def _subject(notice: Notice, room: int) -> str:
    """Say where something has happened, and what; where both are too long for the title, the place is cut."""
    where, word = _where(notice.channel, notice.label), _word(notice)
    return f"{where[: max(0, room - len(word) - 2)]}: {word}" if where else word


def _where(*parts: str | None) -> str:
    return _shown(" ".join(part for part in parts if part))


def _shown(text: str) -> str:
    """Take out what would change the words beside it: a mark that turns the direction of writing, say."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _word(notice: Notice) -> str:
    """Return what has happened in a word or two: what a run has become says more than that its state has changed."""
    return notice.sentence.partition(":")[0] if notice.kind == EventKind.STATE else headline(notice.kind)


def _counted(message: Message) -> str:
    """Say how many notices of which severity there are, and what most of the gravest are."""
    counts = Counter(entry.notice.severity for entry in message.entries)
    said = [
        f"{counts[severity]} {severity.value}{'s' if counts[severity] != 1 and severity is not Severity.INFO else ''}"
        for severity in reversed(Severity)
        if counts[severity]
    ]
    # No other kind, however often it is there, takes a trip out of the title; then the gravest before the frequent.
    stops = Counter(_word(entry.notice) for entry in message.entries if _is_stop(entry.notice))
    others = Counter(
        _word(entry.notice) for entry in message.entries if _is_gravest(entry, message) and not _is_stop(entry.notice)
    )
    kinds = [*stops.most_common(), *others.most_common(_KINDS)]
    channels = {entry.notice.channel for entry in message.entries if entry.notice.channel}
    if len({entry.notice.run_id for entry in message.entries}) == 1 and channels and len(message.entries) <= _FEW:
        # All of one run: what has happened to it, the gravest first.
        told = _gravest_first(message.entries)
        where = _where(told[0].notice.channel, told[0].notice.label)
        return f"{where}: {', '.join(dict.fromkeys(_word(entry.notice) for entry in told))}"
    where = f" on {len(channels)} channels" if len(channels) > 1 else f" on {channels.pop()}" if channels else ""
    return f"{', '.join(said)}{where}: {', '.join(f'{count} x {kind}' for kind, count in kinds)}"


def _simulation(message: Message) -> str:
    """Say before all other words that no real cell is concerned, or that not all of them are real."""
    marks = {entry.notice.simulated is True for entry in message.entries}
    if True not in marks:
        return ""
    return ", some simulated" if False in marks or message.left_out else ", simulated"


def _is_gravest(entry: Entry, message: Message) -> bool:
    return entry.notice.severity is message.severity


def _line(entry: Entry) -> str:
    notice = entry.notice
    where = _where(notice.channel, notice.label, notice.run_id)
    why = f" ({_WHY[entry.reason]})" if entry.reason in _WHY else ""
    kind = "" if notice.kind == EventKind.STATE else f"{headline(notice.kind)}: "
    sentence = _shown(" ".join(notice.sentence.split()))[:_SENTENCE_LENGTH]
    severity = f"{notice.severity.value}{', simulated' if notice.simulated else ''}"
    return f"{local_time(notice.at_unix_s, seconds=True)} {severity}{where and f' {where}'}: {kind}{sentence}{why}"
