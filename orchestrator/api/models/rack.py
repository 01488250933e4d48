"""The JSON answers on the rack as a screen shows it: a row for each channel, and what needs a person."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.models.fields import TheChannel, TheInstrument, said

# Values of a sentence, by name: numbers in the units of their names, or words.
Values = dict[str, float | int | str | bool | None]

_A_MOMENT_UNIX_S = 1795797643.1


def moment(words: str) -> Any:  # noqa: ANN401 - what pydantic takes for a field's metadata
    """Return the metadata of a moment by the rig's clock."""
    described = f"{words}; seconds since 1970 in UTC by the rig's clock."
    return Field(description=described, examples=[_A_MOMENT_UNIX_S])


def moments(words: str) -> Any:  # noqa: ANN401 - what pydantic takes for a field's metadata
    """Return the metadata of a list of moments by the rig's clock."""
    described = f"{words}; seconds since 1970 in UTC by the rig's clock."
    return Field(description=described, examples=[[_A_MOMENT_UNIX_S]])


class Priority(StrEnum):
    """How soon somebody is wanted: ``A`` now, ``B`` today, ``C`` is to be known."""

    A = "A"
    B = "B"
    C = "C"


class Sentence(BaseModel):
    """A sentence as a code with its values, by which it can be told in any language."""

    code: Annotated[str, said("Code of the sentence in the table of words", "tripped.limit")]
    values: Annotated[Values, said("Values in it, by name; the units are in the names", {"voltage_v": 4.112})] = {}


class Reason(Sentence):
    """Why a channel is in its state, as code, values and the stored English."""

    text: Annotated[str, said("The same in English, as it is stored; may be empty", "limit exceeded: 4.112 V")] = ""


class RowClaim(BaseModel):
    """A client's lock on a channel, and when it ends."""

    model_config = ConfigDict(frozen=True)

    owner: Annotated[str, said("Name of the client", "night script")]
    ends_at: Annotated[float, moment("When it ends")]


class RackRow(BaseModel):
    """One channel as the screen shows it. A run's state wins over the channel's."""

    channel: TheChannel
    unit: Annotated[str, said("Unit of the tester that the channel is of: its row on the wall", "21-1")]
    instrument: TheInstrument
    state: Annotated[
        str,
        said(
            "State of its run, as docs/states.md has it; without one `free`, `idle`, `other_test`, `bts_paused`, "
            "`bts_finished`, `bts_stopped`, `bts_protected`, `no_channel`, `other` or `no_answer`",
            "running",
        ),
    ]
    since: Annotated[float | None, moment("Since when it is in that state; null where that is not known")] = None
    run_id: Annotated[str | None, said("Id of its run; null without one", "R000007")] = None
    cell: Annotated[str | None, said("Name of the cell in its file; null without a run", "coated-li-li")] = None
    kind: Annotated[str | None, said("Kind of the cell; null without a run", "li-li")] = None
    recipe: Annotated[str | None, said("Name of the recipe; null without a run", "li-li-0.2")] = None
    label: Annotated[str | None, said("Name of the cell in tables and pictures; null without a run", "lot7-31")] = None
    step: Annotated[Sentence | None, said("The step that it does, in words; null before the first record")] = None
    cycle: Annotated[int | None, said("Cycle of the newest record; null without a run", 13)] = None
    cycles: Annotated[int | None, said("Number of cycles of the whole program; null without a run", 300)] = None
    voltage_v: Annotated[float | None, said("Latest voltage; null where none was measured", 0.0866, "V")] = None
    current_a: Annotated[float | None, said("Latest current, positive charges; null where none was", 1.57e-4, "A")] = (
        None
    )
    resistance_ohm: Annotated[
        float | None,
        said("Latest voltage by current of a Li/Li cell under constant current; null where it is none", 276.0, "ohm"),
    ] = None
    left_s: Annotated[float | None, said("Time for which it still works; null where nothing tells", 43200.0, "s")] = (
        None
    )
    ends_at: Annotated[float | None, moment("When it is expected to end; null also while it waits for a person")] = None
    seen_at: Annotated[float | None, moment("When its tester last answered for the channel; null if never")] = None
    record_at: Annotated[float | None, moment("When its newest record was made; null without one")] = None
    cell_in: Annotated[str | None, said("Name of the cell that is in it; null if none is", "lot7-31")] = None
    queued: Annotated[list[str], said("Ids of the runs that wait for it, in order", ["R000009"])] = []
    claim: Annotated[RowClaim | None, said("Client that has taken it; null if nobody has")] = None
    reason: Annotated[Reason | None, said("Why it is in that state; null where nothing is to be said")] = None
    priority: Annotated[Priority | None, said("How soon a person is wanted; null if nobody is", "A")] = None
    actions: Annotated[list[str], said("What may be done with it now", ["hold", "stop", "note"])] = []
    rev: Annotated[int, said("Grows with each change of the row", 1795797643120)] = 0


class Trace(BaseModel):
    """The voltage of the last cycles of a channel, as few records as make a small picture; all were recorded."""

    channel: TheChannel
    run_id: Annotated[str, said("Id of its run", "R000007")]
    times_at: Annotated[list[float], moments("Times of the records, the oldest first")]
    voltages: Annotated[list[float | None], said("Their voltages in volts; null for what is no number", [0.0866])]


class PutOff(BaseModel):
    """A word of a person that something is looked at later."""

    model_config = ConfigDict(frozen=True)

    by: Annotated[str, said("Name of the person", "ada")]
    reason: Annotated[str, said("Why it can wait", "the potentiostat is in use until noon")]
    until_at: Annotated[float, moment("When it is told again")]


class NeedItem(Sentence):
    """One of the things that are told in one line."""

    id: Annotated[str, said("Name of it, the same as long as it lasts", "21-3-4-R000007-tripped-1795797643")]
    text: Annotated[str, said("Its sentence in English; may be empty", "limit exceeded: 4.112 V")] = ""
    since: Annotated[float, moment("Since when")]
    channel: Annotated[str | None, said("Name of the channel; null for what is of the rig", "21-3-4")] = None
    run_id: Annotated[str | None, said("Its run; null without one", "R000007")] = None
    label: Annotated[str | None, said("Name of the cell; null without a run", "lot7-27")] = None
    actions: Annotated[list[str], said("What may be done about it now", ["acknowledge"])] = []


class Need(Sentence):
    """A line that needs a person: of one channel or of the rig, or of several channels with one cause."""

    id: Annotated[str, said("Name of the line, the same as long as it lasts", "21-3-4-R000007-tripped-1795797643")]
    priority: Annotated[Priority, said("How soon a person is wanted", "A")]
    urgency: Annotated[int, said("Order among those of one priority, 0 first", 1)] = 0
    text: Annotated[str, said("The sentence in English; may be empty", "limit exceeded: 4.112 V")] = ""
    since: Annotated[float, moment("Since when, the earliest of several")]
    channels: Annotated[list[str], said("Channels that it is of; none for the rig", ["21-3-4"])] = []
    run_id: Annotated[str | None, said("Its run, where it is of one channel", "R000007")] = None
    label: Annotated[str | None, said("Name of the cell, where it is of one channel", "lot7-27")] = None
    actions: Annotated[list[str], said("What may be done about it now, where it is of one", ["acknowledge"])] = []
    items: Annotated[list[NeedItem], said("Each of them, where it is of several")] = []
    members: Annotated[list[str], said("Names of all that it is of", ["21-3-4-R000007-tripped-1795797643"])] = []
    put_off: Annotated[PutOff | None, said("Who looks at it later, and when it is told again; null: now")] = None


class RackNow(BaseModel):
    """The rack as a screen shows it: the rows that have changed since a revision, and when each was seen."""

    rev: Annotated[int, said("Revision of this answer: ask for what changes after it with `since`", 1795797643125)]
    life: Annotated[str, said("Name of this life of control: with another one, ask for everything anew", "3f9c2a")]
    now: Annotated[float, moment("Now")]
    control_seen_at: Annotated[float, moment("When control last said something")]
    speed: Annotated[float, said("How many seconds of the rig's clock pass in one of real time", 1.0)]
    simulated: Annotated[bool | None, said("Whether no cell is real; null where that is not known", False)]
    channels: Annotated[list[str], said("All channels, in rack order", ["21-1-1", "21-1-2"])]
    rows: Annotated[list[RackRow], said("Rows that have changed since then, all without `since`")]
    needs: Annotated[list[Need], said("What needs a person, most urgent first")] = []
    needs_rev: Annotated[int, said("Grows with each change of what needs a person", 3)] = 0
    seen: Annotated[
        dict[str, float | None], said("Of each channel, when its tester last answered for it", {"21-1-1": 1795797643.1})
    ]
