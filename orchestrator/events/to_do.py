"""What a person does about a run or an event, the verb first: the only place of these sentences.

``cellrig status``, notices, the morning page and what programs read (``needs_person``) all take them from here.
"""

from __future__ import annotations

from shlex import quote

from orchestrator.events.kinds import EventKind, Severity
from orchestrator.states import RunState

# What the notices find themselves: no event of these kinds is stored.
DATA_STOPPED = "data stopped"
SERVICE_SILENT = "service does not answer"
SERVICE_DEAD = "service is dead"

_OF_STATE = {
    RunState.TRIPPED: "Look at the cell, then: cellrig ack {run}",
    RunState.UNKNOWN: (
        "Look at {channel} on the tester, and switch it off there if it still works; to send the stop again: "
        "cellrig stop {run}"
    ),
    RunState.HOLDING: "Look at the cell; to go on: cellrig resume {run}, to end it: cellrig stop {run}",
    RunState.AWAITING_OPERATOR: "Do what it says, then: cellrig resume {run}",
    RunState.UNSEEN: (
        "See whether the tester and its computer are on and connected; what it records meanwhile is fetched when it "
        "answers"
    ),
    RunState.QUEUED: "Put the cell on {channel}, then: cellrig mounted {run}",
}
# Ends of a run because its cell was not there, or not in contact: somebody has to go there, and nothing is latched.
_NO_CONTACT = (EventKind.CHECK_FAILED, EventKind.EARLY_CUTOFF, EventKind.CELL_GONE)
_CONTACT = (
    "Look at {channel}: put a sound cell in, the right way round and with clean contacts, and start anew with "
    "--same-cell or --mounted NAME; to leave it empty: cellrig empty {channel}"
)
_OVEN = "Look at the oven: its door, its display, its heater; a run that is held goes on with: cellrig resume RUN"
_SPACE = "Free space on that disk; nothing has to be resumed, and what is not stored is fetched then"
_OF_KIND: dict[str, str] = {
    EventKind.CHECK_FAILED: _CONTACT,
    EventKind.EARLY_CUTOFF: _CONTACT,
    EventKind.CELL_GONE: _CONTACT,
    EventKind.CELL_SHORTED: "If the run is over by it, take the cell out, then: cellrig empty {channel}",
    EventKind.LINK_LOST: _OF_STATE[RunState.UNSEEN],
    EventKind.STOP_NOT_CONFIRMED: _OF_STATE[RunState.UNKNOWN],
    EventKind.LATE_START: (
        "See on the tester that {channel} is off: cellrig stops it, and 'cellrig status' says whether that is confirmed"
    ),
    EventKind.OVEN_LEFT: _OVEN,
    EventKind.OVEN_TOO_HOT: (
        "Switch the oven off at its mains and look at its cells; its limiter should have done so before this"
    ),
    EventKind.OVEN_FAULT: _OVEN,
    EventKind.OVEN_LOST: "See that the oven is on and connected; it goes on at its set point",
    EventKind.SPACE_WARN: _SPACE,
    EventKind.SPACE_RELEASE_RESERVE: _SPACE,
    EventKind.SPACE_HOLD: _SPACE,
    EventKind.LOG_GROWS: "Close what has the store open for reading",
    EventKind.BACKUP_FAILED: "Mend what it says, then: cellrig store backup",
    EventKind.STORE_DOUBTED: "See what is damaged, and keep the backups: cellrig store check",
    EventKind.SERVICE_AWAY: "See in 'cellrig status' what has become of each run, and in the service's log why it died",
    EventKind.NOTICES_FAILED: (
        "See 'cellrig status' for what has happened: nobody was told. Why: cellrig notices list; whether the targets "
        "work: cellrig notices test --bench FILE"
    ),
    DATA_STOPPED: "See 'cellrig status', and the tester itself: whether the test goes on is not known here",
    SERVICE_SILENT: "See 'cellrig status' and the service's log; the testers go on under their own limits",
    SERVICE_DEAD: "Start it on the rig's machine: cellrig serve. Nothing is watched or stopped by cellrig until then",
}
_LOOK = "Look at the cell; 'cellrig status' says what has become of its run"
# Kinds whose stored word tells a person nothing.
_HEADLINES: dict[str, str] = {
    EventKind.SPACE_WARN: "disk nearly full",
    EventKind.SPACE_RELEASE_RESERVE: "disk nearly full, its reserve is used",
    EventKind.SPACE_HOLD: "disk full",
    EventKind.SPACE_OK: "disk has room again",
    EventKind.SERVICE_AWAY: "service had died",
    EventKind.STORE_DOUBTED: "store may be damaged",
}


def what_to_do(state: RunState, run_id: str, channel: str, reason: str = "") -> str:
    """Say what a person does about a run in a state; empty where there is nothing to do.

    Of a queued run it holds where the run waits until somebody says that its cell is mounted, of one that is over and
    has lost its cell (``lost_its_cell``) as long as nobody has said what became of that cell.

    >>> what_to_do(RunState.TRIPPED, "R000007", "21-1-3")
    'Look at the cell, then: cellrig ack R000007'
    """
    words = _CONTACT if lost_its_cell(state, reason) else _OF_STATE.get(state, "")
    return words.format(run=run_id, channel=channel)


def lost_its_cell(state: RunState, reason: str) -> bool:
    """Return whether a run is over because its cell was not there, or had no contact.

    Of several reasons the first has ended it: who has acknowledged a trip has looked.
    """
    return state.is_over and reason.startswith(_NO_CONTACT)


def take_out(channel: str) -> str:
    """Say what a person does about the cell of a run that is over."""
    return f"Take the cell out, then: cellrig empty {channel}"


def where_to_type(store: str) -> str:
    """Say where the commands of these sentences find the rig; ``store`` is the whole path of its store."""
    return f"Commands are for the rig's machine; from another folder, with --store {quote(store)}"


def about_event(kind: str, severity: Severity, run_id: str | None, channel: str | None) -> str:
    """Say what a person does about an event; empty where its sentence says all, or nothing has to be done.

    An event that is less severe than its kind usually is, a mark, asks nobody to come.
    """
    known = EventKind.known(kind)
    if known is not None and not severity.is_at_least(known.severity):
        return ""
    if (words := _OF_KIND.get(kind)) is not None:
        return words.format(run=run_id or "RUN", channel=channel or "the channel")
    return _LOOK if run_id and severity is Severity.ALARM else ""


def headline(kind: str) -> str:
    """Return the kind of an event in words that say what has happened.

    >>> headline("space hold")
    'disk full'
    """
    return _HEADLINES.get(kind, kind)
