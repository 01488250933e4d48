"""The JSON values of the check of an order before it is given, and of several orders at once."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.models.channels import ParameterItem
from orchestrator.api.models.fields import Channel, Person, TheChannel, iso_of, said, time_of
from orchestrator.api.models.orders import OrderParts
from orchestrator.api.models.preflight import CheckNow
from orchestrator.api.models.runs import StartedRun, StepValues

LINES_MAX = 64


class CheckOrder(OrderParts):
    """An order that is only checked: as a new run is ordered, and what is not chosen yet may be left out."""

    channel: Annotated[Channel | None, said("Name of the channel, where one is chosen", "21-1-3")] = None
    by: Annotated[Person, said("Name of the person who would order it", "ada")] = "check"


class OrderReason(BaseModel):
    """One reason against an order. Its code is told in other languages with its values; the sentence is English."""

    code: Annotated[str, said("Code of the reason (docs/launch.md lists them)", "channel.busy")]
    field: Annotated[str, said("The field that it is about: recipe, cell, channel, label, set; empty: the rig", "cell")]
    text: Annotated[str, said("The reason in a sentence", "21-1-3 is busy with R000007 (A17), which is running")]
    values: Annotated[dict[str, str | float | None], said("The values in it, by name", {"channel": "21-1-3"})]


class ChannelChoice(BaseModel):
    """Whether the order could be started on a channel now."""

    channel: TheChannel
    can: Annotated[bool, said("Whether it could be started there now", True)]
    reason: Annotated[OrderReason | None, said("Why it could not; null where it could")]


class LimitLayer(BaseModel):
    """One layer of limits."""

    name: Annotated[str, said("Whose limits: of the step, the host, the tester, or absolute ones of the cell", "host")]
    low_v: Annotated[float | None, said("Lowest voltage; null where there is none", -0.55, "V")]
    high_v: Annotated[float | None, said("Highest voltage; null where there is none", 0.55, "V")]
    current_ma: Annotated[float | None, said("Largest current, a magnitude", 0.165, "mA")]


class StepAhead(BaseModel):
    """What is expected of a step, or of a measurement; docs/forecast.md says how near that is."""

    where: Annotated[str, said("Its number, behind that of its test where there are several", "2")]
    what: Annotated[str, said("What it does", "charge 0.1571 mA")]
    passes: Annotated[float, said("How often it is carried out", 300.0)]
    ends_by: Annotated[str, said("The end that comes first in a healthy cell", "time")]
    expected_s: Annotated[float | None, said("Time of one pass", 3600.0, "s")]
    charge_mah: Annotated[float | None, said("Charge of one pass, a magnitude", 0.157, "mAh")]
    charge_mah_per_cm2: Annotated[float | None, said("The same by area; null where no area is known", 0.2, "mAh/cm2")]


class HandsNeeded(BaseModel):
    """Work for a person in the course of the test."""

    code: Annotated[
        str, said("What is to be done: plug or unplug the potentiostat's leads, or the prompt of the recipe", "plug")
    ]
    words: Annotated[str, said("What the recipe asks for, in its words; else empty", "")]
    times: Annotated[int, said("How often", 16)]
    first_s: Annotated[float, said("When it is first needed, after the start", 2400.0, "s")]
    first_unix_s: Annotated[float, time_of("The same as a moment, if it is started now")]
    first_utc: ClassVar[object] = iso_of("first_unix_s", "The same as a moment")
    every_s: Annotated[float | None, said("About how long it is until the next time; null: once", 151200.0, "s")]


class Doubt(BaseModel):
    """Something implausible in an order, which a person confirms by naming the value, if it is meant."""

    sentence: Annotated[str, said("What is implausible, with the likely slip", "Step 2: 17 mA is 91 C. ...")]
    value: Annotated[str, said("The value that the person names; empty: there is none to name", "90.9 C")]
    twice: Annotated[bool, said("Whether another person confirms it too", True)]


class FieldToSet(ParameterItem):
    """A value of the recipe that may be set: a parameter, or a current, a number of passes, a limit in its text."""

    keys: Annotated[list[str], said("What `set` of an order takes, each with =VALUE; all take the same", ["current"])]


class Course(BaseModel):
    """The expected voltage over time, a sketch out of the forecast. Lists of the same length belong together."""

    time_s: Annotated[list[float], said("Times of the whole test", [0.0, 3600.0], "s")]
    voltage_v: Annotated[list[float], said("Voltages of the whole test", [0.0, 0.02], "V")]
    cycle_time_s: Annotated[list[float], said("Times of one cycle, from its beginning; may be empty", [0.0], "s")]
    cycle_voltage_v: Annotated[list[float], said("Voltages of one cycle", [0.02], "V")]
    measured_s: Annotated[list[float], said("When the potentiostat measures", [2400.0], "s")]


class CheckedCell(BaseModel):
    """The sizes of a cell from which currents follow."""

    model_config = ConfigDict(from_attributes=True)

    name: Annotated[str, said("Name in the cell's file", "A17")]
    kind: Annotated[str, said("Kind of cell", "li-li")]
    area_cm2: Annotated[float | None, said("Area of the electrode", 0.7854, "cm2")]
    active_mass_mg: Annotated[float | None, said("Active mass", 1.1, "mg")]
    nominal_capacity_mah: Annotated[float | None, said("Nominal capacity", 0.187, "mAh")]


class RunCheck(BaseModel):
    """What follows from an order, and every reason against it; nothing is ordered."""

    checked_unix_s: Annotated[float, time_of("When it was checked")]
    checked_utc: ClassVar[object] = iso_of("checked_unix_s", "When it was checked")
    check_id: Annotated[
        str,
        said(
            "For `check_id` of the order, which is carried out only as it was checked; empty while it cannot be given",
            "5d1f0a5c1f4f2c7f8f1be8bd23ff64ab",
        ),
    ]
    may_start: Annotated[bool, said("Whether no reason is against it; doubts are still to be confirmed", True)]
    recipe: Annotated[str | None, said("Name of the recipe; null while none is read", "li-li-0.2")]
    title: Annotated[str, said("What the recipe does", "Li/Li symmetric cell, 0.2 mA/cm2")]
    kinds: Annotated[list[str], said("Kinds of cell that the recipe is for", ["li-li"])]
    cell: Annotated[CheckedCell | None, said("The cell; null while none is read")]
    channel: Annotated[str | None, said("The channel, where one is chosen", "21-1-3")]
    reasons: Annotated[list[OrderReason], said("Every reason against it")]
    doubts: Annotated[list[Doubt], said("What is implausible, to be confirmed or corrected")]
    notes: Annotated[list[str], said("Sentences on what is sound and yet worth a look", [])]
    fields: Annotated[list[FieldToSet], said("What may be changed of the recipe")]
    steps: Annotated[list[StepValues], said("Currents of its steps in all units")]
    ahead: Annotated[list[StepAhead], said("Times and charges of its steps")]
    limits: Annotated[list[LimitLayer], said("The four layers of limits, the narrowest first; empty: not known yet")]
    expected_s: Annotated[float | None, said("Time that a healthy cell takes; null: no bound", 2160000.0, "s")]
    longest_s: Annotated[float | None, said("Time that it takes at most; null: no bound", 2200000.0, "s")]
    expected_end_unix_s: Annotated[float | None, time_of("When it ends, if it is started now")]
    expected_end_utc: ClassVar[object] = iso_of("expected_end_unix_s", "When it ends", str | None)
    latest_end_unix_s: Annotated[float | None, time_of("When it ends at the latest, if it is started now")]
    latest_end_utc: ClassVar[object] = iso_of("latest_end_unix_s", "When it ends at the latest", str | None)
    charge_mah: Annotated[float | None, said("Charge passed in all, both ways", 94.2, "mAh")]
    cycles: Annotated[int | None, said("Number of its last cycle", 300)]
    records: Annotated[float | None, said("Records, a generous guess", 72000.0)]
    hands: Annotated[list[HandsNeeded], said("When it needs a person")]
    course: Annotated[Course | None, said("The expected course; null while no program follows")]
    channels: Annotated[list[ChannelChoice], said("All channels, in rack order")]
    checks: Annotated[list[CheckNow], said("The checks of `POST /preflight`; empty without a channel", [])]


class OrderBatch(BaseModel):
    """Several orders of one person at once. One that is refused stops no other."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    orders: Annotated[
        list[dict[str, Any]],
        Field(min_length=1, max_length=LINES_MAX),
        said(
            "The orders, each as the body of `POST /runs` without `by`; `if_free` holds for all of them",
            [{"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-3", "label": "A17"}],
        ),
    ]
    by: Annotated[Person, said("Name of the person who orders them; the store keeps it", "ada")]


class LineAnswer(BaseModel):
    """The answer to one of several orders."""

    line: Annotated[int, said("Its place in the list, from 1", 1)]
    ok: Annotated[bool, said("Whether it was started; of a check, whether it could be", True)]
    reasons: Annotated[list[OrderReason], said("Every reason against it")]
    run: Annotated[StartedRun | None, said("The run; null where there is none")] = None
    check: Annotated[LineCheck | None, said("What follows from it; null where nothing does")] = None


class LineCheck(BaseModel):
    """What follows from one of several orders, in short."""

    check_id: Annotated[str, said("For `check_id` of the order", "5d1f0a5c1f4f2c7f8f1be8bd23ff64ab")]
    recipe: Annotated[str, said("Name of the recipe", "li-li-0.2")]
    cell: Annotated[str, said("Name of the cell in its file", "coated-li-li")]
    largest: Annotated[StepValues | None, said("Its largest current in all units")]
    expected_s: Annotated[float | None, said("Time that a healthy cell takes; null: no bound", 2160000.0, "s")]
    expected_end_unix_s: Annotated[float | None, time_of("When it ends, if it is started now")]
    expected_end_utc: ClassVar[object] = iso_of("expected_end_unix_s", "When it ends", str | None)
    doubts: Annotated[list[Doubt], said("What is implausible, to be confirmed or corrected")]


class BatchAnswers(BaseModel):
    """The answers to several orders, in their order. Orders behind ``answers`` were not reached: send all again."""

    answers: Annotated[list[LineAnswer], said("An answer for each order that was reached")]
    left: Annotated[
        int, said("Orders at the end that were not reached in time; the same list with the same key goes on", 0)
    ]


LineAnswer.model_rebuild()
