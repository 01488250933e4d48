"""The JSON bodies of orders. What an order does not know is refused by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from orchestrator.api.how_long import HowLong
from orchestrator.api.models.fields import (
    ONE_LINE,
    CellLabel,
    ChangeText,
    Channel,
    CheckId,
    Document,
    FileName,
    IncludedName,
    Label,
    Name,
    Person,
    Reason,
    said,
)
from orchestrator.store.notes import MOST_LETTERS, note_text

if TYPE_CHECKING:
    from protocols.document import Document as RecipeDocument

CLAIM_MAX_S = 3600.0
INCLUDED_MAX = 16

_By = Annotated[Person, said("Name of the person who orders it; the store keeps it", "ada")]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class RecipeText(_Order):
    """A recipe: the name of a shipped one, or the text of a file with those that it includes, and what is set of it."""

    recipe: Annotated[
        Name | None,
        said(
            "Name of a recipe that was written on this rig, is shipped (`GET /recipes`), or that an earlier run was "
            "ordered with, in this order; either this or `recipe_yaml`",
            "li-li-0.2",
        ),
    ] = None
    recipe_version: Annotated[
        int | None,
        Field(ge=1, le=2**31),
        said("Version of a recipe that was written on this rig; left out: the newest", 4),
    ] = None
    recipe_yaml: Annotated[
        Document | None, said("Text of a recipe file in YAML; either this or `recipe`", "name: mine\nfor: li-li\n...")
    ] = None
    recipe_file: Annotated[
        FileName | None, said("What the client calls the file in `recipe_yaml`; kept with the run", "two-cycles.yaml")
    ] = None
    recipe_included: Annotated[
        dict[IncludedName, Document],
        Field(max_length=INCLUDED_MAX),
        said("Texts of the files of steps that `recipe_yaml` includes, by their names", {"rests.yaml": "steps:\n..."}),
    ] = {}
    set: Annotated[
        list[ChangeText],
        Field(max_length=64),
        said(
            "Values to set in the texts, as recipe.KEY=VALUE or cell.KEY=VALUE, and of the recipe's parameters, as "
            "NAME=VALUE",
            ["cell.active_mass=1.21 mg", "current=0.3 mA/cm2"],
        ),
    ] = []

    def document(self) -> RecipeDocument | None:
        """Return the file as it is given, before anything is set in it; None where none is. Raises UnknownName.

        Only shipped names are allowed: no client reads this machine's files.
        """
        from protocols.document import Document as RecipeDocument
        from protocols.errors import UnknownName
        from protocols.loading import recipe_document, shipped_recipes

        if self.recipe_yaml is not None:
            name, included = self.recipe_file or "recipe_yaml", tuple(self.recipe_included.items())
            return RecipeDocument(name, self.recipe_yaml, included)
        if self.recipe is None:
            return None
        if self.recipe not in shipped_recipes():
            raise UnknownName(f"there is no shipped recipe {self.recipe!r}; there are {', '.join(shipped_recipes())}")
        return recipe_document(self.recipe)


class OrderParts(RecipeText):
    """The parts of an order besides its channel and its person."""

    cell: Annotated[
        CellLabel | None,
        said(
            "Name of a cell that was written on this rig, is shipped (`GET /cells`), or that an earlier run was "
            "ordered with, in this order; either this or `cell_yaml`, or `like`",
            "coated-li-li",
        ),
    ] = None
    cell_version: Annotated[
        int | None,
        Field(ge=1, le=2**31),
        said("Version of a cell that was written on this rig; left out: the newest", 2),
    ] = None
    cell_yaml: Annotated[
        Document | None, said("Text of a cell file in YAML; either this or `cell`", "name: A17\nkind: li-li\n...")
    ] = None
    cell_file: Annotated[
        FileName | None, said("What the client calls the file in `cell_yaml`; kept with the run", "A17.yaml")
    ] = None
    like: Annotated[
        Name | None,
        said("Id of an earlier run: the recipe or cell that is not given is the one of that run", "R000001"),
    ] = None
    label: Annotated[Label, said("Name of the cell in tables and pictures; else that of the cell file", "A17")] = ""
    confirm_implausible: Annotated[
        Person | None,
        said("Name of the person who takes on what is implausible in it; without one such a run is refused", "ada"),
    ] = None
    second_person: Annotated[
        Person | None,
        said("Name of another person who confirms it too, where it lies far outside of what is usual", "bob"),
    ] = None
    accept_voltage: Annotated[
        Reason | None,
        said(
            "Reason why the cell may be started outside of its open-circuit window, within the host's limits",
            "kept at 50 %",
        ),
    ] = None
    queue: Annotated[bool, said("Whether the run may wait for a busy channel; else it is refused there", False)] = False
    mounted: Annotated[
        CellLabel | None,
        said("Name of the cell that is on the channel now, where the cell of an ended run was left on it", "A18"),
    ] = None
    same_cell: Annotated[
        bool, said("Whether the cell is that of the run before, which is still on the channel", False)
    ] = False

    @model_validator(mode="after")
    def _not_two(self) -> Self:
        for what, name, text in self._named_or_told:
            if name is not None and text is not None:
                raise ValueError(f"give either {what} or {what}_yaml, or an earlier run as like")
        return self

    @property
    def _named_or_told(self) -> tuple[tuple[str, str | None, str | None], ...]:
        return ("recipe", self.recipe, self.recipe_yaml), ("cell", self.cell, self.cell_yaml)


class StartOrder(OrderParts):
    """A run to queue: a recipe for a cell on a channel. Recipe and cell are names, or the text of a file."""

    channel: Annotated[Channel, said("Name of the channel that the cell is on (`GET /channels`)", "21-1-3")]
    by: _By
    check_id: Annotated[
        CheckId | None,
        said(
            "What `POST /runs/check` has told of this order: where anything of it is another by now, it is refused",
            "5d1f0a5c1f4f2c7f8f1be8bd23ff64ab",
        ),
    ] = None
    if_free: Annotated[
        bool,
        said(
            "Whether it is refused where the channel is not free now: a run is or waits there, the tester works, or "
            "the cell of an ended run is on it and neither `mounted` nor `same_cell` says which one is there",
            False,
        ),
    ] = False

    @model_validator(mode="after")
    def _has_each(self) -> Self:
        for what, name, text in self._named_or_told:
            if name is None and text is None and self.like is None:
                raise ValueError(f"give either {what} or {what}_yaml, or an earlier run as like")
        if self.if_free and self.queue:
            raise ValueError("give either queue, to wait for a busy channel, or if_free, never to wait")
        return self


class LocalOrder(_Order):
    """The names in an order that ``cellrig run`` carries out itself: those of an order to the service, as strict."""

    channel: Channel | None
    label: Label = ""
    by: Person | None = None
    confirm_implausible: Person | None = None
    second_person: Person | None = None
    accept_voltage: Reason | None = None
    mounted: CellLabel | None = None


class ByOrder(_Order):
    """A command that needs only the name of its operator."""

    by: _By


class SeenOrder(ByOrder):
    """A command of somebody who looks at the rack: with what was seen there, it is refused where that has changed."""

    run_id: Annotated[Name | None, said("Id of the run that was seen there; null: not said", "R000007")] = None
    rev: Annotated[
        int | None, Field(ge=0), said("Revision of the row that was seen (`GET /rack`); null: not said", 1795797643120)
    ] = None


class AcknowledgeOrder(SeenOrder):
    """A person's word that a trip was looked at, with what was seen at the cell."""

    note: Annotated[
        Annotated[str, Field(max_length=500, pattern=ONE_LINE)], said("What was seen; may be empty", "cell is dry")
    ] = ""


class RackStopOrder(ByOrder):
    """The stop of everything, with the runs that its person has seen."""

    runs: Annotated[
        list[Name] | None,
        Field(max_length=1024),
        said("Ids of the runs that were seen to go on; null: not said", ["R000007"]),
    ] = None


class PutOffOrder(ByOrder):
    """A person's word that something is looked at later."""

    how_long: Annotated[HowLong, said("`15min`, `1h`, or `tomorrow` at 8:00, by the clock of the rig", "1h")]
    reason: Annotated[Reason, said("Why it can wait", "the potentiostat is in use until noon")]


class NoteOrder(_Order):
    """A note on a run: what a person has seen or done."""

    text: Annotated[
        str,
        Field(min_length=1, max_length=2 * MOST_LETTERS),
        AfterValidator(note_text),
        said(f"The note, plain text of at most {MOST_LETTERS} letters", "Pressed the cell in again at 14:05."),
    ]
    by: _By


class ClaimOrder(_Order):
    """A lock on a channel for one client, for a time."""

    owner: Annotated[Person, said("Name of the client that nobody else's orders may come between", "night script")]
    duration_s: Annotated[float, Field(gt=0, le=CLAIM_MAX_S), said("Time after which the lock expires", 600.0, "s")]
