"""The questions that take filters: their keys with words, as frozen values. All filters of a question hold together."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from orchestrator.api.models.fields import said
from orchestrator.clock.iso_time import unix_time
from orchestrator.events import Severity
from orchestrator.states import RunState

LIMIT_MAX = 2000
_BIG = 2**53
# So many values of one filter are enough to name every channel of a rack.
_VALUES_MAX = 256


def _moment(given: object) -> object:
    return unix_time(given) if isinstance(given, str) else given


def _moment_of(words: str) -> Any:  # noqa: ANN401 - a field's metadata, as in ``said``
    forms = "a date, a date and time in ISO 8601 (UTC, unless it has a zone), or seconds since 1970"
    return Field(description=f"{words}: {forms}.")


_MOMENT = {"type": "string", "maxLength": 64, "examples": ["2026-11-27", "2026-11-27T16:40:00Z", "1795797643"]}
Moment = Annotated[float | None, BeforeValidator(_moment), WithJsonSchema(_MOMENT)]
_Text = Annotated[str, Field(max_length=200)]
Texts = Annotated[list[_Text], Field(max_length=_VALUES_MAX)]


class Page(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[int, Field(ge=0, le=_BIG), said("Give what follows this number", 0)] = 0
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX), said("How many rows at most", 1000)] = 1000


class RunQuery(Page):
    """Which runs are asked for. A filter that is repeated lets each of its values through."""

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX), said("How many runs at most", 100)] = 100
    state: Annotated[list[RunState], Field(max_length=_VALUES_MAX), said("State of the run", ["running"])] = []
    cell: Annotated[Texts, said("Name of the cell in its file", ["coated-li-li"])] = []
    label: Annotated[Texts, said("Name of the cell in tables and pictures", ["A17"])] = []
    channel: Annotated[Texts, said("Name of the channel", ["21-1-3"])] = []
    recipe: Annotated[Texts, said("Name of the recipe", ["li-li-0.2"])] = []
    simulated: Annotated[
        bool | None,
        said("Whether simulated runs are given, or (false) those that are not known to be simulated", False),
    ] = None
    since: Annotated[Moment, _moment_of("Runs ordered at this moment or later")] = None
    before: Annotated[Moment, _moment_of("Runs ordered before this moment")] = None


class NameQuery(BaseModel):
    """Which recipes or cells are asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    used: Annotated[
        bool, said("Whether those of earlier runs are given too, and then the last used ones first", False)
    ] = False
    search: Annotated[_Text, said("Words that all stand in the name, the title or the kind", "li-li")] = ""


class EventQuery(Page):
    """Which events are asked for. A filter that is repeated lets each of its values through."""

    kind: Annotated[Texts, said("Kind of event, as docs/events.md lists them", ["cell shorted"])] = []
    severity: Annotated[Severity | None, said("Least severity: `warning` gives warnings and alarms", "warning")] = None
    since: Annotated[Moment, _moment_of("What happened at this moment or later")] = None
    before: Annotated[Moment, _moment_of("What happened before this moment")] = None


class RackEventQuery(EventQuery):
    """Which events of the whole rack are asked for."""

    run: Annotated[Texts, said("Id of a run", ["R000001"])] = []
    channel: Annotated[Texts, said("Name of a channel: events of the runs there", ["21-1-3"])] = []
