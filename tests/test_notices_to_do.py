"""What a message asks a person to do after it has waited: in the quiet hours, for its kin, or for a network."""

from __future__ import annotations

import asyncio

from orchestrator.events import EventKind, Severity
from orchestrator.notices.values import Entry, Message, Notice, Reason
from orchestrator.notices.wording import body_of, title_of
from orchestrator.states import RunState
from orchestrator.store import Store
from tests.storing import add_run
from tests.told_people import told

RUN = "R000007"


def body(*told: tuple[EventKind, Severity, str], present: RunState | None = None) -> str:
    """Return the text of a message of one run, whose state is now ``present`` (None: not known)."""
    entries = tuple(
        Entry(Notice(number, kind, severity, sentence, 1.8e9, RUN, "27-1-3", "A17"), Reason.NEW)
        for number, (kind, severity, sentence) in enumerate(told, 1)
    )
    return body_of(Message(1, "ada", ("phone",), entries), "rack-1", present={} if present is None else {RUN: present})


HELD = (EventKind.STATE, Severity.WARNING, "holding: held by ada")
LOST = (EventKind.LINK_LOST, Severity.WARNING, "ct4008 does not answer")


async def test_a_hold_of_the_night_that_is_over_asks_nobody_in_the_morning_to_resume_its_run(store: Store) -> None:
    """The run went on, which is told nobody, and the message of seven o'clock is read as what is to be done now."""
    run_id = add_run(store)
    async with told(store) as people:
        with store.transaction():
            store.set_run_state(run_id, RunState.HOLDING.value, "held by ada", 1.8e9)
            store.add_event(run_id, EventKind.STATE, HELD[2], 1.8e9, '{"severity": "warning"}')
        await asyncio.sleep(2)
        store.set_run_state(run_id, RunState.RUNNING.value, "", 1.8e9)
        await asyncio.sleep(30)
    (_, _, letter) = people.got[0]
    assert "holding: held by ada" in letter.text
    assert "cellrig resume" not in letter.text


def test_a_run_is_told_what_to_do_about_by_its_state_now() -> None:
    """Of a run that has gone on to trip, the acknowledgement; of one that is held still, what it waits for."""
    assert "cellrig ack R000007" in body(HELD, present=RunState.TRIPPED)
    assert "cellrig resume R000007" in body(HELD, present=RunState.HOLDING)
    assert "cellrig resume R000007" in body(HELD)


def test_of_several_states_the_last_says_what_to_do() -> None:
    """A digest lists the gravest first; a run that was held and has completed needs no word."""
    completed = (EventKind.STATE, Severity.NOTICE, "completed: the program is done")
    assert "cellrig" not in body(HELD, completed)
    failed = (EventKind.STATE, Severity.WARNING, "failed: contact check failed: 5000 ohm")
    assert "clean contacts" in body(HELD, failed, present=RunState.FAILED)


def test_a_link_that_is_back_sends_nobody_to_the_tester() -> None:
    """One that is still lost does, also where no state of the run has moved."""
    back = (EventKind.LINK_BACK, Severity.NOTICE, "ct4008 answers again")
    assert "connected" not in body(LOST, back, present=RunState.RUNNING)
    assert "connected" in body(LOST, present=RunState.RUNNING)
    assert "connected" in body(LOST, back, LOST, present=RunState.RUNNING)


def test_a_stop_that_was_confirmed_later_is_not_to_be_sent_again() -> None:
    """The alarm is told all the same; as long as it is not known what the channel does, somebody has to go there."""
    alarm = (EventKind.STOP_NOT_CONFIRMED, Severity.ALARM, "the stop is not confirmed")
    assert "cellrig stop" not in body(alarm, present=RunState.STOPPED)
    assert "cellrig stop R000007" in body(alarm, present=RunState.UNKNOWN)
    assert "cellrig stop R000007" in body(alarm)


def test_long_names_cut_no_word_of_what_has_happened_out_of_a_title() -> None:
    """Rig, channel and cell may have 64, 24 and 64 letters; a phone shows 120, and what happened comes last."""
    notice = Notice(1, EventKind.STATE, Severity.ALARM, "tripped: 4.3 V", 1.8e9, RUN, "c" * 24, "A" * 64, "", 1, None)
    for reason, end in ((Reason.NEW, ": tripped"), (Reason.REPEAT, ": tripped (nobody has acknowledged it yet)")):
        title = title_of(Message(1, "ada", ("phone",), (Entry(notice, reason),)), "r" * 64)
        assert title.endswith(end)
        assert "r" * 32 + ": " + "c" * 24 in title
        assert len(title) == 120
