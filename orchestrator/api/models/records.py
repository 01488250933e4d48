"""The JSON answers on what is recorded beside samples: events, deviations and measurements of the potentiostat."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel

from orchestrator.api.models.fields import More, TheRunId, iso_of, made, said, time_of
from orchestrator.events import Severity, stored_event

_AfterNumber = Annotated[int, said("Number of the last row of this page, for `after` of the next question", 57)]


def _severity(event: Event) -> Severity:
    row = (event.id, None, event.run_id, event.kind, event.message, event.at_unix_s, event.data_json)
    return stored_event(*row).severity


class Event(BaseModel):
    """An event of a run or of the rig."""

    id: Annotated[int, said("Number of the event; it rises in the order of writing", 57)]
    run_id: Annotated[str | None, said("Id of its run; null for an event of the rig", "R000001")]
    kind: Annotated[str, said("Kind of event; docs/events.md lists them", "command")]
    message: Annotated[str, said("What happened, in a sentence", "start ordered by ada")]
    at_unix_s: Annotated[float, time_of("When it happened")]
    data_json: Annotated[str | None, said("More about it, as JSON in a text; null without more", '{"by": "ada"}')]

    at_utc: ClassVar[object] = iso_of("at_unix_s", "When it happened")
    severity: ClassVar[object] = made(
        "Whom it concerns: `info` nobody at once, `notice` whoever follows the run, `warning` somebody today, `alarm` "
        "somebody now",
        "notice",
        Severity,
        _severity,
    )


class Deviation(BaseModel):
    """A time span in which a run's data deviate from the plan, in BattINFO's words."""

    id: Annotated[int, said("Number of the deviation", 3)]
    run_id: TheRunId
    category: Annotated[str, said("Why the data deviate, in BattINFO's words", "communication_loss")]
    started_unix_s: Annotated[float, time_of("When it began")]
    ended_unix_s: Annotated[float | None, time_of("When it ended, null while it lasts")]
    effect: Annotated[str, said("What it means for the data, in a sentence", "no records for 312 s")]

    started_utc: ClassVar[object] = iso_of("started_unix_s", "When it began")
    ended_utc: ClassVar[object] = iso_of("ended_unix_s", "When it ended, null while it lasts", str | None)


class Measurement(BaseModel):
    """One complete measurement of a potentiostat; its values are the spectrum, or the samples, of its test."""

    test: Annotated[int, said("Number of its test in the store", 4)]
    technique: Annotated[str, said("Technique of the instrument", "eis")]
    job: Annotated[str, said("Name of the folder with what the instrument's program left", "R000001s2")]
    bias_v: Annotated[
        float | None, said("Voltage that the sine was around, null where the technique has none", 0.0, "V")
    ]
    amplitude_v: Annotated[float | None, said("Peak of the sine, null where the technique has none", 0.01, "V")]
    temperature_degc: Annotated[float | None, said("Temperature of the cell, null where it is not known", 25.0, "degC")]
    cycle: Annotated[int, said("Number of cycles that lay behind it", 10)]
    charge_passed_ah: Annotated[float, said("Charge that had passed both ways, a magnitude", 0.0113, "Ah")]
    open_circuit_v: Annotated[
        float | None, said("Voltage at open circuit before it, null where none was measured", 0.0021, "V")
    ]
    rested_s: Annotated[float, said("Time at rest before it", 1800.0, "s")]
    started_unix_s: Annotated[float, time_of("When it began")]
    ended_unix_s: Annotated[float, time_of("When it ended")]
    files_json: Annotated[str, said("Files that the instrument's program left, as JSON in a text", '["eis.txt"]')]

    started_utc: ClassVar[object] = iso_of("started_unix_s", "When it began")
    ended_utc: ClassVar[object] = iso_of("ended_unix_s", "When it ended")


class MeasurementList(BaseModel):
    """The measurements of a run, in order."""

    measurements: Annotated[list[Measurement], said("The measurements, the oldest first")]


class EventPage(BaseModel):
    """Events, oldest first. Ask for the next page with ``after``."""

    events: Annotated[list[Event], said("The events, the oldest first")]
    after: _AfterNumber
    more: More


class DeviationPage(BaseModel):
    """Deviations, oldest first. Ask for the next page with ``after``."""

    deviations: Annotated[list[Deviation], said("The deviations, the oldest first")]
    after: _AfterNumber
    more: More


class NoteItem(BaseModel):
    """A note of a person on a run."""

    id: Annotated[int, said("Number of the note; it rises in the order of writing", 4)]
    run_id: TheRunId
    text: Annotated[str, said("The note, plain text", "Pressed the cell in again at 14:05.")]
    by: Annotated[str, said("Name of the person who wrote it", "ada")]
    at_unix_s: Annotated[float, time_of("When it was written")]

    at_utc: ClassVar[object] = iso_of("at_unix_s", "When it was written")


class NoteList(BaseModel):
    """All notes on a run, oldest first."""

    notes: Annotated[list[NoteItem], said("The notes")]
