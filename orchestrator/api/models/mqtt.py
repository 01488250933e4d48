"""The messages of the MQTT feed, and the JSON Schema of each kind (docs/mqtt.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from orchestrator.api.models.fields import TheChannel, TheReason, TheRunId, TheRunLabel, TheSimulation, said, time_of
from orchestrator.events import Severity
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.states import RunState

SCHEMA_VERSION = 1


class MessageKind(StrEnum):
    """The last level of a topic: what its messages tell."""

    STATUS = "status"
    STATE = "state"
    SAMPLE = "sample"
    CYCLE = "cycle"
    EVENT = "event"
    SPECTRUM = "spectrum"


_Previous = Annotated[
    int | None,
    said("`sequence` of the message before; if it is not the last one you have, what is between was missed", 56),
]
_MissedAt = Annotated[
    str,
    said(
        "Where the REST interface gives what was missed: put the `sequence` of the last message that you have in the "
        "place of `{last}`, and its `test` in that of `{test}`; 0 without one",
        "/api/v1/events?channel=21-1-3&after={last}",
    ),
]
_Backfill = Annotated[bool, said("Whether it could not be sent when it was committed, and is sent later", False)]
_Repeat = Annotated[bool, said("Whether it was sent before without an answer: you may have it already", False)]
_EventSimulation = Annotated[
    bool | None,
    said(
        "Whether its run is simulated, and no cell is real; null for an event of the rig, or where that is not known",
        False,
    ),
]
_Volt = Annotated[float | None, said("Voltage, null if it is no number", 0.0412, "V")]
_Ampere = Annotated[float | None, said("Current, positive while it charges; null if it is no number", 0.00016, "A")]
_Capacity = Annotated[float | None, said("Charge that its step has passed", 0.00021, "Ah")]


class Head(BaseModel):
    """What every message begins with."""

    schema_version: Annotated[Literal[1], said("Version of this schema: fields are added, none is taken away", 1)]
    rig: Annotated[str, said("Name of the rig, as in the topic", "lab-3")]
    session: Annotated[str, said("Id of the feed's life: a new one after each start of it", "5b1f0c4e9a7d")]
    sent_unix_s: Annotated[float, time_of("When the message was made")]


class StatusMessage(Head):
    """The rig as a whole, retained: a heartbeat, and the last will of the feed."""

    sequence: Annotated[int, said("Number of the message in its session; 0 for the last will", 12)]
    online: Annotated[bool, said("Whether the feed is connected; false is its word at its end, or its last will", True)]
    reason: Annotated[str, said("Why it is not online, in a sentence; else empty", "")]
    keep_alive_s: Annotated[int, said("Time between two heartbeats", 10, "s")]
    valid_until_unix_s: Annotated[float, time_of("Until when this holds, one and a half heartbeats after it was sent")]
    control_answers: Annotated[bool, said("Whether the process that owns the instruments answers", True)]
    newest_event: Annotated[int, said("Number of the newest event of the store, sent or still waiting", 57)]
    events_waiting: Annotated[int, said("Number of events that are not sent yet", 0)]
    samples_dropped: Annotated[int, said("Number of records left out of the feed in this session; all are stored", 0)]
    api: Annotated[str, said("Where the REST interface answers", "http://127.0.0.1:8765")]
    cellrig: Annotated[str, said("Version of the software", "0.1.0")]


class StateMessage(Head):
    """What a channel does now, retained."""

    sequence: Annotated[int, said("Number of the message on its topic in its session", 3)]
    channel: TheChannel
    valid_until_unix_s: Annotated[float, time_of("Until when this holds, unless another one comes")]
    use: Annotated[ChannelUse, said("What the channel is used for, as `GET /api/v1/channels` tells it", "busy")]
    needs_person: Annotated[bool, said("Whether somebody must act", False)]
    words: Annotated[str, said("All of it in a sentence", "runs R000001 (A17), cycle 3")]
    queued: Annotated[list[str], said("Ids of the runs that wait for it, in order", ["R000002"])]
    run_id: Annotated[str | None, said("Id of its newest run that has begun; null without one", "R000001")]
    label: Annotated[str | None, said("Name of the cell of that run; null without one", "A17")]
    state: Annotated[RunState | None, said("State of that run; null without one", "running")]
    reason: TheReason
    time_s: Annotated[float | None, said("Time that the run has been tested for", 5400.0, "s")]
    cycle: Annotated[int | None, said("Cycle of the newest record, counted from 1", 3)]
    step_name: Annotated[str | None, said("Name of its step", "charge at 0.2 mA/cm2")]
    voltage_v: _Volt
    samples: Annotated[int | None, said("Number of its records that are stored", 1204)]
    time_left_s: Annotated[float | None, said("Estimate of the time for which it still works", 43200.0, "s")]
    expected_end_unix_s: Annotated[float | None, time_of("When it is expected to end, null if nothing tells")]
    simulated: TheSimulation


class SampleRow(BaseModel):
    """One record of the tester."""

    sequence: Annotated[int, said("Number of the record in its test", 1204)]
    at_unix_s: Annotated[float, time_of("When it was recorded")]
    time_s: Annotated[float, said("Time since the test was started", 5400.0, "s")]
    step: Annotated[int, said("Number of the step in the program", 4)]
    step_count: Annotated[int, said("Number of the executed step, which rises through loops", 11)]
    cycle: Annotated[int, said("Cycle of the run", 3)]
    voltage_v: _Volt
    current_a: _Ampere
    capacity_ah: _Capacity
    energy_wh: Annotated[float | None, said("Energy that its step has passed", 0.00001, "Wh")]
    temperature_degc: Annotated[
        float | None, said("Temperature of the cell's place, null where nobody measured it", 59.8, "degC")
    ]


class SampleMessage(Head):
    """The records of a channel since the message before, and the newest values: one message a second at most."""

    sequence: Annotated[int, said("Number of the newest record of the message, in its test", 1204)]
    previous: _Previous
    channel: TheChannel
    run_id: TheRunId
    test: Annotated[int, said("Number of the test in the store", 4)]
    at_unix_s: Annotated[float, time_of("When the newest record was made")]
    voltage_v: _Volt
    current_a: _Ampere
    capacity_ah: _Capacity
    samples: Annotated[list[SampleRow], Field(min_length=1), said("The records, the oldest first")]
    simulated: TheSimulation
    dropped: Annotated[int, said("Number of records of the channel left out in this session; all are stored", 0)]
    backfill: _Backfill
    repeat: _Repeat
    missed_at: _MissedAt


class CycleMessage(Head):
    """The numbers of a cycle that has run."""

    sequence: Annotated[int, said("Number of the cycle in its run", 3)]
    previous: _Previous
    channel: TheChannel
    run_id: TheRunId
    label: TheRunLabel
    test: Annotated[int, said("Number of the test in the store", 4)]
    revised: Annotated[bool, said("Whether this cycle was told before with other numbers, as by a half of it", False)]
    start_s: Annotated[float, said("When it began, in time of the run", 3600.0, "s")]
    charge_capacity_ah: _Capacity
    discharge_capacity_ah: _Capacity
    charge_capacity_mah_g: Annotated[float | None, said("Charged per mass of active material", 151.2, "mAh/g")]
    discharge_capacity_mah_g: Annotated[float | None, said("Discharged per mass", 150.8, "mAh/g")]
    charge_capacity_mah_cm2: Annotated[float | None, said("Charged per area", 0.2, "mAh/cm2")]
    discharge_capacity_mah_cm2: Annotated[float | None, said("Discharged per area", 0.199, "mAh/cm2")]
    coulombic_efficiency: Annotated[float | None, said("Coulombic efficiency, a fraction (docs/cycles.md)", 0.995)]
    efficiency_of: Annotated[str | None, said("Which half-cycle was divided by which", "discharge/charge")]
    charge_mean_voltage_v: Annotated[float | None, said("Mean voltage of charge", 0.05, "V")]
    discharge_mean_voltage_v: Annotated[float | None, said("Mean voltage of discharge", -0.05, "V")]
    polarisation_v: Annotated[float | None, said("Difference of the mean voltages", 0.1, "V")]
    charge_end_reason: Annotated[str | None, said("What ended the charge", "time")]
    discharge_end_reason: Annotated[str | None, said("What ended the discharge", "time")]
    simulated: TheSimulation
    backfill: _Backfill
    repeat: _Repeat
    missed_at: _MissedAt


class EventMessage(Head):
    """An event of a run, or (without a channel) of the rig."""

    sequence: Annotated[int, said("Number of the event in the store; it rises in the order of writing", 57)]
    previous: _Previous
    channel: Annotated[str | None, said("Name of the channel; null for an event of the rig", "21-1-3")]
    run_id: Annotated[str | None, said("Id of its run; null for an event of the rig", "R000001")]
    kind: Annotated[str, said("Kind of event, as docs/events.md lists them", "cell shorted")]
    severity: Annotated[Severity, said("Whom it concerns, as docs/events.md says", "warning")]
    sentence: Annotated[str, said("What happened, in a sentence", "start ordered by ada")]
    at_unix_s: Annotated[float, time_of("When it happened")]
    data: Annotated[dict[str, Any] | None, said("More about it; null without more", {"by": "ada"})]
    data_omitted: Annotated[bool, said("Whether its data are too long for a message: ask the REST interface", False)]
    simulated: _EventSimulation
    backfill: _Backfill
    repeat: _Repeat
    missed_at: _MissedAt


class SpectrumPoint(BaseModel):
    """One point of an impedance spectrum."""

    frequency_hz: Annotated[float, said("Frequency", 1000.0, "Hz")]
    z_real_ohm: Annotated[float, said("Real part of the impedance", 12.1, "Ohm")]
    z_imag_ohm: Annotated[float, said("Imaginary part; negative for a capacitor", -3.4, "Ohm")]


class SpectrumMessage(Head):
    """An impedance spectrum that was measured between two segments of a run."""

    sequence: Annotated[int, said("Number of its test in the store", 9)]
    previous: _Previous
    channel: TheChannel
    run_id: TheRunId
    label: TheRunLabel
    technique: Annotated[str, said("Technique of the instrument", "eis")]
    cycle: Annotated[int, said("Number of cycles that lay behind it", 10)]
    bias_v: Annotated[float | None, said("Voltage that the sine was around", 0.0, "V")]
    amplitude_v: Annotated[float | None, said("Peak of the sine", 0.01, "V")]
    temperature_degc: Annotated[float | None, said("Temperature of the cell", 25.0, "degC")]
    charge_passed_ah: Annotated[float, said("Charge that had passed both ways, a magnitude", 0.0113, "Ah")]
    open_circuit_v: Annotated[float | None, said("Voltage at open circuit before it", 0.0021, "V")]
    started_unix_s: Annotated[float, time_of("When it began")]
    ended_unix_s: Annotated[float, time_of("When it ended")]
    points: Annotated[list[SpectrumPoint], said("The points, in the order measured")]
    simulated: TheSimulation
    backfill: _Backfill
    repeat: _Repeat
    missed_at: _MissedAt


MESSAGES: dict[MessageKind, type[Head]] = {
    MessageKind.STATUS: StatusMessage,
    MessageKind.STATE: StateMessage,
    MessageKind.SAMPLE: SampleMessage,
    MessageKind.CYCLE: CycleMessage,
    MessageKind.EVENT: EventMessage,
    MessageKind.SPECTRUM: SpectrumMessage,
}


def mqtt_schema(kind: MessageKind) -> dict[str, Any]:
    """Return the JSON Schema of the messages of a kind."""
    schema = MESSAGES[kind].model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"cellrig MQTT {kind.value}"}
