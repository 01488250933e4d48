"""The JSON values of requests and answers. Units are in the names; times ``*_unix_s`` are seconds since 1970 in UTC."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from drivers.interfaces import HostLoss
from orchestrator.rack.mounted_cells import ChannelUse
from orchestrator.states import RunState


# Names go into logs and event texts: one line, no control characters.
def _named(value: str) -> str:
    if not any(letter.isalnum() for letter in value):
        raise ValueError("say who you are: a name has a letter or a digit")
    return value.strip()


def _cell_named(value: str) -> str:
    if not value.strip():
        raise ValueError("say which cell is mounted, by its name")
    return value.strip()


_ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("a reason in words")
    return reason.strip()


Person = Annotated[str, Field(min_length=1, max_length=64, pattern=_ONE_LINE), AfterValidator(_named)]
Reason = Annotated[str, Field(min_length=1, max_length=200, pattern=_ONE_LINE), AfterValidator(_said)]
CellLabel = Annotated[str, Field(max_length=64, pattern=_ONE_LINE), AfterValidator(_cell_named)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Channel = Annotated[str, Field(min_length=1, max_length=64)]
Label = Annotated[str, Field(max_length=64, pattern=_ONE_LINE)]
Document = Annotated[str, Field(min_length=1, max_length=200_000)]
CLAIM_MAX_S = 3600.0


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class StartOrder(_Order):
    """A run to queue. Recipe and cell are shipped names, or the text of a file.

    ``confirm_implausible`` is the name of the person who takes on what is implausible in it; without it such a run is
    refused. ``accept_voltage`` is the reason why a cell outside the open-circuit window is started within the host's
    limits. ``queue``: it may wait for a busy channel. Where the cell of an ended run is mounted, ``mounted`` names the
    cell that is there now, or ``same_cell`` says that it is that one.
    """

    recipe: Name | None = None
    recipe_yaml: Document | None = None
    cell: Name | None = None
    cell_yaml: Document | None = None
    channel: Channel
    label: Label = ""
    by: Person
    confirm_implausible: Person | None = None
    accept_voltage: Reason | None = None
    queue: bool = False
    mounted: CellLabel | None = None
    same_cell: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        for what, name, text in (("recipe", self.recipe, self.recipe_yaml), ("cell", self.cell, self.cell_yaml)):
            if (name is None) == (text is None):
                raise ValueError(f"give either {what} or {what}_yaml")
        return self


class LocalOrder(_Order):
    """The names in an order that ``cellrig run`` carries out itself: those of an order to the service, as strict."""

    channel: Channel
    label: Label = ""
    by: Person | None = None
    confirm_implausible: Person | None = None
    accept_voltage: Reason | None = None
    mounted: CellLabel | None = None


class ByOrder(_Order):
    """A command that needs only the name of its operator."""

    by: Person


class ClaimOrder(_Order):
    """A lock on a channel for one client, for a time."""

    owner: Person
    duration_s: Annotated[float, Field(gt=0, le=CLAIM_MAX_S)]


class Problem(BaseModel):
    """The fault and the remedy, in a sentence."""

    error: str


class Health(BaseModel):
    """Whether every tester is polled, and whether anything may be started.

    ``observe_only``: nothing is, until ``observes_until_unix_s``, because the service has died again and again.
    """

    ok: bool
    observe_only: bool
    observes_until_unix_s: float | None
    ticks: dict[str, int]


class Instrument(BaseModel):
    """One battery tester. ``host_loss``: what its channels do when this service dies."""

    name: str
    host_loss: HostLoss
    poll_period_s: float
    answers: bool
    channels: list[str]
    ticks: int


class RunNow(BaseModel):
    """The present state and position of a run of the service."""

    model_config = ConfigDict(from_attributes=True)

    run_id: str
    label: str
    channel: str
    state: RunState
    reason: str
    time_s: float
    planned_s: float
    cycle: int
    voltage_v: float | None
    samples: int


class StepValues(BaseModel):
    """The current of the steps that are alike, a magnitude, in each unit that the cell's file allows."""

    model_config = ConfigDict(from_attributes=True)

    steps: str
    what: str
    current_ma: float | None
    current_density_ma_per_cm2: float | None
    specific_current_ma_per_g: float | None
    c_rate: float | None


class StartedRun(RunNow):
    """A run that was just queued: its currents in all units, and what of them a person has confirmed.

    ``waits``: what it waits for in its queue; empty if it starts at once.
    """

    waits: str
    steps: list[StepValues]
    implausible: list[str]
    confirmed_by: str


class RunStopped(RunNow):
    """A run that was ordered to stop. ``off``: its channel was seen to be off.

    ``pending``: the stop goes on being carried out, and ``GET /channels/{channel}`` tells its end. ``answers``: the
    tester has answered since the order. ``words``: all that is known, and what to do by hand.
    """

    off: bool
    pending: bool
    answers: bool
    words: str


class ChannelStopped(BaseModel):
    """A channel that was ordered to stop, with its run if this service has one there; the rest as in ``RunStopped``."""

    channel: str
    run_id: str | None
    state: RunState | None
    reason: str
    off: bool
    pending: bool
    answers: bool
    words: str


class ClaimNow(BaseModel):
    """The client who has claimed a channel, and the time left."""

    owner: str
    left_s: float


class MountedNow(BaseModel):
    """The cell on a channel: its name, that of its facts, its last run with that run's state, and since when."""

    model_config = ConfigDict(from_attributes=True)

    label: str
    cell: str
    run_id: str
    state: RunState
    state_unix_s: float


class ChannelNow(BaseModel):
    """One channel: its run (None: none of this service), who waits, and the same as a sentence.

    ``use``: ``free`` is an empty channel, ``idle`` one with the cell of an ended run on it, ``unknown`` one that nobody
    has seen since a run had it, or since the service was started. ``mounted``: the cell that is on it, of a run that
    goes on or is over. ``works_without_run``: what the tester does there and this service has not ordered, in a
    sentence; else empty. ``stop``: the stop ordered there last. ``needs_person``: somebody must act.
    """

    channel: str
    instrument: str
    use: ChannelUse
    mounted: MountedNow | None
    run: RunNow | None
    queued: list[str]
    claim: ClaimNow | None
    works_without_run: str
    stop: ChannelStopped | None
    words: str
    needs_person: bool


class Happened(BaseModel):
    """An event since the service started."""

    at_unix_s: float
    run_id: str | None
    what: str


class Status(BaseModel):
    """The rack in words: the activity of each channel, and the events since the last start.

    ``troubles``: what keeps the whole rack from working as it should, such as a full disk. ``observe_only``: nothing
    is started until ``observes_until_unix_s``, because the service has died again and again.
    """

    observe_only: bool
    observes_until_unix_s: float | None
    troubles: list[str]
    unreachable: list[str]
    undecided: list[str]
    channels: list[ChannelNow]
    since_start: list[Happened]


class RecipeItem(BaseModel):
    """A shipped recipe."""

    name: str
    kinds: list[str]
    title: str


class CellItem(BaseModel):
    """A shipped cell."""

    name: str
    kind: str


class RunItem(BaseModel):
    """A run as stored."""

    run_id: str
    recipe: str
    cell: str
    channel: str
    label: str
    state: RunState
    reason: str
    created_unix_s: float
    state_unix_s: float


class TestItem(BaseModel):
    """One test of a run on an instrument."""

    __test__ = False

    id: int
    instrument: str
    channel: str
    tester_test_id: int | None
    barcode: str
    started_unix_s: float
    samples: int


class RunDetail(RunItem):
    """A run with its tests."""

    program_sha256: str
    tests: list[TestItem]


class Event(BaseModel):
    """An event of a run or (None) of the rig."""

    id: int
    run_id: str | None
    kind: str
    message: str
    at_unix_s: float
    data_json: str | None


class Deviation(BaseModel):
    """A time span in which a run's data deviate from the plan, in BattINFO's words; the end is None while it lasts."""

    id: int
    run_id: str
    category: str
    started_unix_s: float
    ended_unix_s: float | None
    effect: str


class Table(BaseModel):
    """A page of rows, oldest first. Ask for the next with ``after_test`` and ``after`` as given here."""

    columns: list[str]
    rows: list[list[float | int | str | None]]
    after_test: int
    after: int
    more: bool


class Measurement(BaseModel):
    """One complete measurement of a potentiostat; its values are the spectrum, or the samples, of its test."""

    test: int
    technique: str
    job: str
    bias_v: float | None
    amplitude_v: float | None
    temperature_degc: float | None
    cycle: int
    charge_passed_ah: float
    open_circuit_v: float | None
    rested_s: float
    started_unix_s: float
    ended_unix_s: float
    files_json: str


class MeasurementList(BaseModel):
    """The measurements of a run, in order."""

    measurements: list[Measurement]


class RunPage(BaseModel):
    """Runs, oldest first. Ask for the next page with ``after``, the last run's number."""

    runs: list[RunItem]
    after: int
    more: bool


class EventPage(BaseModel):
    """Events, oldest first. Ask for the next page with ``after``."""

    events: list[Event]
    after: int
    more: bool


class DeviationPage(BaseModel):
    """Deviations, oldest first. Ask for the next page with ``after``."""

    deviations: list[Deviation]
    after: int
    more: bool
