"""The JSON answers on channels, testers and the rack as a whole."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict

from drivers.interfaces import HostLoss
from orchestrator.api.models.fields import (
    TheChannel,
    TheInstrument,
    TheReason,
    TheRunId,
    TheRunLabel,
    TheSimulation,
    TheState,
    Uncommissioned,
    iso_of,
    said,
    time_of,
)
from orchestrator.api.models.runs import Answers, Off, Pending, RunNow, StopWords
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.states import RunState


class Problem(BaseModel):
    """The fault and the remedy, in a sentence."""

    error: Annotated[str, said("What is wrong and what to do about it; several faults a line each", "no such run")]


_ObserveOnly = Annotated[bool, said("Whether nothing is started, because the service has died again and again", False)]
_ObservesUntil = Annotated[float | None, time_of("Until when nothing is started; null where all may be started")]


class Health(BaseModel):
    """Whether every tester is polled, and whether anything may be started."""

    ok: Annotated[bool, said("Whether every tester answers", True)]
    observe_only: _ObserveOnly
    observes_until_unix_s: _ObservesUntil
    ticks: Annotated[dict[str, int], said("Number of polls of each tester since the start", {"ct4008": 412})]
    observes_until_utc: ClassVar[object] = iso_of("observes_until_unix_s", "Until when nothing is started", str | None)


class Instrument(BaseModel):
    """One battery tester."""

    name: TheInstrument
    host_loss: Annotated[HostLoss, said("What its channels do when this service dies", "rides_on")]
    poll_period_s: Annotated[float, said("Time between two looks at it", 1.0, "s")]
    answers: Annotated[bool, said("Whether it has answered since the start", True)]
    channels: Annotated[list[str], said("Names of its channels", ["21-1-1", "21-1-2"])]
    ticks: Annotated[int, said("Number of polls since the start", 412)]


class ChannelStopped(BaseModel):
    """A channel that was ordered to stop, with its run if this service has one there, and what is known of it."""

    channel: TheChannel
    run_id: Annotated[str | None, said("Id of its run; null if this service has none there", "R000001")]
    state: Annotated[RunState | None, said("State of that run; null without one", "stopped")]
    reason: TheReason
    off: Off
    pending: Pending
    answers: Answers
    words: StopWords
    meanwhile: Annotated[
        bool, said("Whether its run began after the person looked who stops the rack: it was not among `runs`", False)
    ] = False


class ClaimNow(BaseModel):
    """The client who has claimed a channel, and the time left."""

    owner: Annotated[str, said("Name of the client", "night script")]
    left_s: Annotated[float, said("Time until the claim expires", 412.5, "s")]


class MountedNow(BaseModel):
    """The cell on a channel, with its last run."""

    model_config = ConfigDict(from_attributes=True)

    label: TheRunLabel
    cell: Annotated[str, said("Name of the cell in its file", "coated-li-li")]
    run_id: TheRunId
    state: TheState
    state_unix_s: Annotated[float, time_of("Since when that run is in its state")]
    state_utc: ClassVar[object] = iso_of("state_unix_s", "Since when that run is in its state")


class ChannelNow(BaseModel):
    """One channel: its run, who waits, and the same as a sentence."""

    channel: TheChannel
    instrument: TheInstrument
    use: Annotated[
        ChannelUse,
        said(
            "`free`: an empty channel; `idle`: the cell of an ended run is on it; `busy`: a run of it is not over; "
            "`unknown`: nobody has seen it since a run had it, or since the service was started",
            "busy",
        ),
    ]
    mounted: Annotated[MountedNow | None, said("Cell on it, of a run that goes on or is over; null if empty")]
    run: Annotated[RunNow | None, said("Newest run that has begun there; null if this service has none")]
    queued: Annotated[list[str], said("Ids of the runs that wait for it, in order", ["R000002"])]
    expected_free_unix_s: Annotated[
        float | None,
        time_of("When its run and all that wait have ended; null if nobody knows, as when a run waits for a person"),
    ]
    claim: Annotated[ClaimNow | None, said("Client that has claimed it; null if nobody has")]
    works_without_run: Annotated[
        str, said("What the tester does there and this service has not ordered, in a sentence; else empty", "")
    ]
    stop: Annotated[ChannelStopped | None, said("Stop that was ordered there last; null if none was")]
    words: Annotated[
        str,
        said(
            "All of it in a sentence",
            "runs R000001 (A17), 1.5 h so far, about 16 d 14 h left (ends 2026-12-14 09:30 +0100), cycle 1",
        ),
    ]
    needs_person: Annotated[bool, said("Whether somebody must act", False)]
    temperature_degc: Annotated[
        float | None, said("Temperature of its place now; null where nobody measures it", 60.1, "degC")
    ] = None
    oven: Annotated[str | None, said("Name of the oven that its cell is in; null if it is in none", "oven-60")] = None
    expected_free_utc: ClassVar[object] = iso_of(
        "expected_free_unix_s", "When its run and all that wait have ended", str | None
    )


class OvenNow(BaseModel):
    """One oven: its temperature, what its runs want, and the same as a sentence."""

    model_config = ConfigDict(from_attributes=True)

    name: Annotated[str, said("Name of the oven, as the bench file has it", "oven-60")]
    channels: Annotated[list[str], said("Names of the channels whose cells are inside", ["21-1-1", "21-1-2"])]
    temperature_degc: Annotated[
        float | None,
        said("Temperature of its own sensor, else of a thermometer inside; null where neither is valid", 60.0, "degC"),
    ]
    set_to_degc: Annotated[float | None, said("Set point that it showed last; null before", 60.0, "degC")]
    wanted_degc: Annotated[
        float | None, said("Temperature that the runs inside want; null where none that has begun does", 60.0, "degC")
    ]
    soaking: Annotated[list[str], said("Ids of the runs inside that wait until it has soaked", [])]
    held: Annotated[list[str], said("Ids of the runs inside that are held, for whatever reason", [])]
    faults: Annotated[list[str], said("What is wrong with it, in words", ["door open"])]
    words: Annotated[str, said("All of it in a sentence", "60.0 degC, holds 60 degC")]
    needs_person: Annotated[bool, said("Whether somebody must look at it", False)]


class Happened(BaseModel):
    """An event since the service started."""

    at_unix_s: Annotated[float, time_of("When it happened")]
    run_id: Annotated[str | None, said("Id of its run; null for an event of the rig", "R000001")]
    what: Annotated[str, said("What happened, in a sentence", "start ordered by ada")]

    at_utc: ClassVar[object] = iso_of("at_unix_s", "When it happened")


class Status(BaseModel):
    """The rack in words: the activity of each channel, and the events since the last start."""

    observe_only: _ObserveOnly
    observes_until_unix_s: _ObservesUntil
    simulated: TheSimulation
    troubles: Annotated[
        list[str], said("What keeps the rack from working as it should, a sentence each", ["the disk is nearly full"])
    ]
    unreachable: Annotated[list[str], said("Names of the testers that have not answered since the start", ["ct4008"])]
    undecided: Annotated[
        list[str],
        said(
            "Runs of an earlier service of which it is not known yet what became, a sentence each",
            ["R000001 on 21-1-3 was running when the service ended"],
        ),
    ]
    uncommissioned: Uncommissioned = []
    channels: Annotated[list[ChannelNow], said("All channels, in rack order")]
    ovens: Annotated[list[OvenNow], said("All ovens, in the order of the bench file; empty where there is none")] = []
    since_start: Annotated[list[Happened], said("Newest events since the service was started, oldest first")]
    observes_until_utc: ClassVar[object] = iso_of("observes_until_unix_s", "Until when nothing is started", str | None)


class ParameterItem(BaseModel):
    """A parameter of a recipe: what may be set as NAME=VALUE in an order."""

    name: Annotated[str, said("Its name", "current")]
    value: Annotated[str | None, said("Its value: what was set, else the default; null: to be set", "0.2 mA/cm2")]
    default: Annotated[str | None, said("Its default; null: there is none", "0.2 mA/cm2")]
    low: Annotated[str | None, said("The least that it may be; null: not said", "0.01 mA/cm2")]
    high: Annotated[str | None, said("The most that it may be; null: not said", "1 mA/cm2")]
    unit: Annotated[str | None, said("Unit of its default or range; null for a number or a word", "mA/cm2")]
    one_of: Annotated[list[str], said("The words of which it may be one; empty: any", ["charge", "discharge"])]
    why: Annotated[str, said("What it is for, or why it may be so much; may be empty", "below its critical current")]
    is_set: Annotated[bool, said("Whether the value was set", False)]


class UsedItem(BaseModel):
    """A name that runs were ordered with."""

    used_unix_s: Annotated[
        float | None, time_of("When a run was last ordered with it; null: never, or not asked for with `used`")
    ] = None
    used_in: Annotated[
        str | None,
        said("Id of that run; of a name that is not shipped, its files are the ones that are ordered", "R000001"),
    ] = None
    used_utc: ClassVar[object] = iso_of("used_unix_s", "When a run was last ordered with it", str | None)


class WrittenItem(UsedItem):
    """A name that people may have written on this rig."""

    version: Annotated[
        int | None, said("Its newest version, where it was written on this rig; null: it was not", 4)
    ] = None
    written_by: Annotated[str | None, said("Name of the person who wrote that version", "ada")] = None
    written_unix_s: Annotated[float | None, time_of("When that version was written")] = None
    written_utc: ClassVar[object] = iso_of("written_unix_s", "When that version was written", str | None)


class RecipeItem(WrittenItem):
    """A recipe that can be ordered by its name: one that was written here, a shipped one, or one of an earlier run."""

    name: Annotated[str, said("Name for `recipe` of an order", "li-li-0.2")]
    kinds: Annotated[list[str], said("Kinds of cell that it is for", ["li-li"])]
    title: Annotated[str, said("What it does, in words", "Li/Li plating and stripping at 0.2 mA/cm2")]
    parameters: Annotated[list[ParameterItem], said("What may be set of it, in order", [])]


class FileFault(BaseModel):
    """One thing that is wrong in a recipe, at its place."""

    file: Annotated[str, said("The file, or an included one", "mine.yaml")]
    line: Annotated[int, said("Its line, from 1", 12)]
    field: Annotated[str, said("The place in the file", "steps[2].until.voltage")]
    seen: Annotated[str, said("What is there", "'4.0'")]
    expected: Annotated[str, said("What is to be there", "a voltage with a unit out of V or mV")]


class OpenedRecipe(BaseModel):
    """A recipe with what may be set of it, and the plain steps that it becomes. Nothing is ordered."""

    name: Annotated[str | None, said("Its name; null where something is wrong in it", "li-li-0.2")]
    title: Annotated[str | None, said("What it does, in words", "Li/Li plating and stripping at 0.2 mA/cm2")]
    kinds: Annotated[list[str], said("Kinds of cell that it is for", ["li-li"])]
    parameters: Annotated[list[ParameterItem], said("What may be set of it, with what is set", [])]
    plain: Annotated[str | None, said("Text of its plain steps; null where something is wrong", "name: mine\n...")]
    faults: Annotated[list[FileFault], said("What is wrong in it", [])]


class CellItem(WrittenItem):
    """A cell that can be ordered by its name: one that was written here, a shipped one, or one of an earlier run."""

    name: Annotated[str, said("Name for `cell` of an order", "coated-li-li")]
    kind: Annotated[str, said("Kind of cell, as recipes name it", "li-li")]
    area_cm2: Annotated[float | None, said("Area of the electrode; null: not known", 0.7854, "cm2")]
    active_mass_mg: Annotated[float | None, said("Active mass; null: not known, as of a foil", 1.1, "mg")]
