"""The JSON values of the checks before a run, and of the lamp of a channel."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from orchestrator.api.models.fields import CellLabel, Channel, Label, Name, Person, TheChannel, said
from orchestrator.api.models.orders import ByOrder
from orchestrator.checks import CheckName, Outcome


class PreflightQuery(BaseModel):
    """An order that is only checked, by shipped names; one with files of its own is sent as a body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Annotated[Name, said("Name of a shipped recipe (`GET /recipes`)", "li-li-0.2")]
    cell: Annotated[Name, said("Name of a shipped cell (`GET /cells`)", "coated-li-li")]
    channel: Annotated[Channel, said("Name of the channel (`GET /channels`)", "21-1-3")]
    label: Annotated[Label, said("Name of the very cell, else that of its file", "A17")] = ""
    mounted: Annotated[CellLabel | None, said("Name of the cell that is on the channel now", "A17")] = None
    same_cell: Annotated[bool, said("Whether it is the cell of the run before, still on the channel", False)] = False
    queue: Annotated[bool, said("Whether the run may wait for a busy channel", False)] = False
    by: Annotated[Person, said("Name of the person who would order it", "ada")] = "preflight"


class CheckNow(BaseModel):
    """One named check; docs/preflight.md says what each asks."""

    model_config = ConfigDict(from_attributes=True)

    check: Annotated[CheckName, said("Name of the check", "voltage")]
    outcome: Annotated[Outcome, said("Its outcome; only `fail` refuses the start", "pass")]
    sentence: Annotated[str, said("What was seen, in a sentence", "3.4120 V on channel 21-1-5, 2.8 to 4 V expected")]
    to_do: Annotated[str, said("What a person does about it; empty if there is nothing to do", "")]


class PreflightNow(BaseModel):
    """All checks of an order, made now; nothing is ordered, and nothing is changed."""

    recipe: Annotated[str, said("Name of the recipe", "li-li-0.2")]
    cell: Annotated[str, said("Name of the cell in its file", "coated-li-li")]
    channel: TheChannel
    may_start: Annotated[bool, said("Whether no check refuses the start", True)]
    ready_in_s: Annotated[
        float, said("Ask again so much later: a check is still under way; 0 where all are made", 0.0, "s")
    ]
    checks: Annotated[list[CheckNow], said("The checks, in a fixed order")]


class LampOrder(ByOrder):
    """An order to switch the lamp of a channel."""

    on: Annotated[bool, said("Whether it is to shine", True)] = True


class LampNow(BaseModel):
    """The lamp of a channel, as it was ordered: no instrument tells whether it shines."""

    channel: TheChannel
    on: Annotated[bool, said("Whether it was switched on", True)]
    words: Annotated[str, said("What is known of it, in a sentence", "the lamp of 21-1-3 is switched on")]
