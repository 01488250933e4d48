"""The JSON answers on notices to people: the alarms that wait for an acknowledgement, and what was sent to whom."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.models.fields import Person, iso_of, said, time_of
from orchestrator.notices.delivery_status import Status


class OpenAlarm(BaseModel):
    """Alarms of one run, or of one cause, that nobody has acknowledged."""

    key: Annotated[str, said("What they are of: the run, or the kind of alarm; an acknowledgement names it", "R000007")]
    run_id: Annotated[str | None, said("Run; null if they concern the whole rig", "R000007")]
    channel: Annotated[str | None, said("Channel; null if they concern the whole rig", "21-1-3")]
    label: Annotated[str | None, said("Name of the cell; empty or null if they concern the whole rig", "A17")]
    kind: Annotated[str | None, said("Kind of the first alarm; null if it is kept no more", "limit exceeded")]
    sentence: Annotated[str | None, said("Sentence of the first alarm", "4.112 V, limit 4.1 V")]
    simulated: Annotated[
        bool | None, said("Whether no cell of the run is real; null if that is not known, or no run's", False)
    ]
    notices: Annotated[int, said("How many alarms there were since", 2)]
    level: Annotated[int, said("Level of escalation up to which people have been called", 1)]
    opened_unix_s: Annotated[float, time_of("When the first alarm was taken up")]
    told_unix_s: Annotated[float | None, time_of("When a target first took one; null if nobody was told yet")]
    opened_utc: ClassVar[object] = iso_of("opened_unix_s", "When the first alarm was taken up")
    told_utc: ClassVar[object] = iso_of("told_unix_s", "When a target first took one", str | None)


class Delivery(BaseModel):
    """An attempt to deliver a message to a target."""

    at_unix_s: Annotated[float, time_of("When it ended")]
    target: Annotated[str, said("Name of the target in the bench file", "ada-phone")]
    person: Annotated[str, said("Person whose target it is", "ada")]
    title: Annotated[str, said("Title of the message", "[ALARM] rack-1: 21-1-3 A17: limit exceeded")]
    notices: Annotated[int, said("How many notices it holds", 1)]
    status: Annotated[Status, said("What became of it: that a person has read it is never known", "delivered")]
    took_s: Annotated[float, said("How long it took", 0.8, "s")]
    detail: Annotated[str, said("Why it was not taken; else empty", "")]
    at_utc: ClassVar[object] = iso_of("at_unix_s", "When it ended")


class NoticesNow(BaseModel):
    """What people were told; all empty where the bench file has no ``[notices]``."""

    open: Annotated[list[OpenAlarm], said("Alarms that are repeated until somebody acknowledges them, oldest first")]
    deliveries: Annotated[list[Delivery], said("The newest attempts to deliver something, oldest first")]


class AcknowledgeNotices(BaseModel):
    """The acknowledgement of alarms by a person: they are told no more."""

    model_config = ConfigDict(extra="forbid")

    what: Annotated[
        str, Field(min_length=1, max_length=100), said("A run, a channel, the `key` of an alarm, or `all`", "R000007")
    ]
    by: Annotated[Person, said("Name of the person who has seen them", "ada")]


class AcknowledgedNotices(BaseModel):
    """What was acknowledged."""

    acknowledged: Annotated[list[str], said("Keys of the alarms that are told no more", ["R000007"])]
