"""The words, the unit and an example of each field of the API, as they stand in its document and on its page.

Every field is made by ``said``. Its unit stands in its words and, for programs, under ``x-unit`` of its schema.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue, computed_field

from orchestrator.clock.iso_time import iso_utc
from orchestrator.states import RunState

# The key of a field's schema that holds its unit.
UNIT = "x-unit"


# Any: a field's metadata, which pydantic types as the value of the field.
def said(words: str, example: object = None, unit: str = "") -> Any:  # noqa: ANN401 - what pydantic takes for a field's metadata
    """Return the metadata of a field: its words, its unit if it has one, and an example.

    Fields that hold other values with fields of their own need no example.
    """
    described = f"{words}, in {unit}." if unit else f"{words}."
    examples = None if example is None else [example]
    return Field(description=described, examples=examples, json_schema_extra={UNIT: unit} if unit else None)


def made(words: str, example: object, kind: Any, value: Callable[[Any], object], **schema: JsonValue) -> Any:  # noqa: ANN401 - what pydantic takes for a field's metadata
    """Return a field of an answer that is made of its other fields: of a type, by a function of the answer."""
    field = computed_field(description=f"{words}.", examples=[example], return_type=kind, json_schema_extra=schema)
    return field(property(value))


def iso_of(name: str, words: str, kind: Any = str) -> Any:  # noqa: ANN401 - what pydantic takes for a field's metadata
    """Return the field that says the time in another field, which may be None, as ISO 8601 text in UTC."""

    def value(answer: Any) -> str | None:  # noqa: ANN401 - any model
        unix_s = getattr(answer, name)
        return None if unix_s is None else iso_utc(unix_s)

    return made(f"{words}, ISO 8601 in UTC", "2026-11-27T16:40:43.125Z", kind, value, format="date-time")


# Names go into logs and event texts: one line, no control characters.
def _named(value: str) -> str:
    if not any(letter.isalnum() for letter in value):
        raise ValueError("say who you are: a name has a letter or a digit")
    return value.strip()


def _cell_named(value: str) -> str:
    if not value.strip():
        raise ValueError("say which cell is mounted, by its name")
    return value.strip()


def _in_words(reason: str) -> str:
    if not reason.strip():
        raise ValueError("a reason in words")
    return reason.strip()


ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
Person = Annotated[str, Field(min_length=1, max_length=64, pattern=ONE_LINE), AfterValidator(_named)]
Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE), AfterValidator(_in_words)]
CellLabel = Annotated[str, Field(max_length=64, pattern=ONE_LINE), AfterValidator(_cell_named)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Channel = Annotated[str, Field(min_length=1, max_length=64)]
Label = Annotated[str, Field(max_length=64, pattern=ONE_LINE)]
FileName = Annotated[str, Field(min_length=1, max_length=4096, pattern=ONE_LINE)]
IncludedName = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
CheckId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
ChangeText = Annotated[str, Field(max_length=1000)]
Document = Annotated[str, Field(min_length=1, max_length=200_000)]

_AN_UNIX_TIME_S = 1795797643.125


def time_of(words: str) -> Any:  # noqa: ANN401 - what pydantic takes for a field's metadata
    """Return the metadata of a time as seconds since 1970 in UTC."""
    described = f"{words}, in s since 1970 in UTC."
    return Field(description=described, examples=[_AN_UNIX_TIME_S], json_schema_extra={UNIT: "s"})


# Fields of many answers, each with the same words everywhere.
TheRunId = Annotated[str, said("Id of the run in its store", "R000001")]
TheChannel = Annotated[str, said("Name of the channel at its instrument", "21-1-3")]
TheInstrument = Annotated[str, said("Name of the instrument in the bench file", "ct4008")]
TheState = Annotated[RunState, said("State of the run; docs/states.md draws the moves between them", "running")]
TheReason = Annotated[
    str, said("Why the run is in its state, in a sentence; empty if nothing is to be said", "program finished")
]
TheRunLabel = Annotated[
    str, said("Name of the cell in tables and pictures: that of the order, else that of the cell file", "A17")
]
More = Annotated[bool, said("Whether there are rows behind this page", False)]
TheSimulation = Annotated[
    bool | None, said("Whether the instrument only simulates, and no cell is real; null where that is not known", False)
]
Uncommissioned = Annotated[
    list[str],
    said(
        "Instruments that nobody has tried on a resistor, a sentence each with the command; of simulated ones none",
        ["ct4008 was never tried on a resistor here: cellrig commission ct4008 --channel CHANNEL --bench FILE"],
    ),
]
