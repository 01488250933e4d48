"""The JSON values of recipes and cells that people write on the rig: their versions, and the check of a text."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.models.channels import FileFault, ParameterItem
from orchestrator.api.models.fields import CellLabel, Person, iso_of, said, time_of
from orchestrator.api.models.launch import CheckedCell, RunCheck

TEXT_MAX = 64 * 1024
Text = Annotated[str, Field(max_length=TEXT_MAX)]
VersionNumber = Annotated[int, Field(ge=1, le=2**31)]


class SaveOrder(BaseModel):
    """The next version of a recipe or cell."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, Field(min_length=1), said("Text of the file in YAML, at most 64 KiB", "name: mine\nfor: ...")]
    base_version: Annotated[
        int,
        Field(ge=0, le=2**31),
        said("The version that was seen as the newest; 0 for the first one of a name", 4),
    ] = 0
    by: Annotated[Person, said("Name of the person who writes it; the store keeps it", "ada")]


class FileVersion(BaseModel):
    """A version of a recipe or cell."""

    name: Annotated[str, said("Its name", "mine")]
    version: Annotated[int, said("Its number, from 1", 5)]
    sha256: Annotated[str, said("SHA-256 of its text in UTF-8, in hexadecimal digits", "ab" * 32)]
    by: Annotated[str, said("Name of the person who wrote it", "ada")]
    at_unix_s: Annotated[float, time_of("When it was written")]
    at_utc: ClassVar[object] = iso_of("at_unix_s", "When it was written")


class UsedVersion(FileVersion):
    """A version with the runs that were ordered with it."""

    runs: Annotated[list[str], said("Ids of the runs that were ordered with it, newest first", ["R000007"])]


class VersionList(BaseModel):
    """The versions of a recipe or cell."""

    versions: Annotated[list[UsedVersion], said("All versions, newest first")]


class VersionQuery(BaseModel):
    """Which version is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Annotated[VersionNumber | None, said("Number of the version; left out: the newest", 4)] = None


class CompareQuery(BaseModel):
    """Which two versions are compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: Annotated[
        VersionNumber | None, said("Number of the one version; left out: the one before the other", 3)
    ] = None
    after: Annotated[VersionNumber | None, said("Number of the other; left out: the newest", 4)] = None


class NamedFile(BaseModel):
    """The text of a recipe or cell by its name: a shipped one, one that was written here, or that of an earlier run."""

    name: Annotated[str, said("Its name", "mine")]
    origin: Annotated[
        Literal["shipped", "written", "run"],
        said("Whether cellrig brings it, it was written on this rig, or it is of an earlier run", "written"),
    ]
    text: Annotated[str, said("Whole text of the file", "name: mine\n...")]
    sha256: Annotated[str, said("SHA-256 of the text in UTF-8, in hexadecimal digits", "ab" * 32)]
    version: Annotated[FileVersion | None, said("Its version; null for what was not written here")] = None
    newest: Annotated[int | None, said("Number of the newest version; null for what was not written here", 5)] = None
    run_id: Annotated[str | None, said("Id of the run with which it was kept, where it is of one", "R000001")] = None


class ComparedLine(BaseModel):
    """A line of the comparison of two versions."""

    mark: Annotated[Literal["same", "gone", "new", "left_out"], said("What became of the line", "new")]
    text: Annotated[str, said("The line; of lines that were left out their number", "current: 0.1 mA/cm2")]
    before: Annotated[int | None, said("Its number in the one version, from 1", 12)] = None
    after: Annotated[int | None, said("Its number in the other", 12)] = None


class Comparison(BaseModel):
    """What differs between two versions, with some lines around each difference."""

    before: Annotated[FileVersion, said("The one version")]
    after: Annotated[FileVersion, said("The other")]
    lines: Annotated[list[ComparedLine], said("The lines that differ and those around them; empty: none differs")]


class RecipeTextCheck(BaseModel):
    """The text of a recipe that is only checked, and the cell for which its course is asked."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, said("Text of a recipe file in YAML, at most 64 KiB; faulty or not", "name: mine\nfor: ...")]
    cell: Annotated[CellLabel | None, said("Name of a cell (`GET /cells`); null: none", "coated-li-li")] = None


class CellTextCheck(BaseModel):
    """The text of a cell's file that is only checked."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[Text, said("Text of a cell file in YAML, at most 64 KiB; faulty or not", "name: A17\nkind: ...")]


class TextProblem(FileFault):
    """One thing that is wrong in a text, at its line."""

    sentence: Annotated[str, said("The same in a sentence", "mine:12: steps[2]: saw nothing; expected ...")]


class HelpOfKey(BaseModel):
    """What the schema says of a key."""

    model_config = ConfigDict(from_attributes=True)

    key: Annotated[str, said("The key, as it is written", "direction")]
    about: Annotated[str, said("What it is for; may be empty", "Which way current flows")]
    value: Annotated[str, said("What is written there; may be empty", "a voltage with its unit")]
    one_of: Annotated[list[str], said("The words of which it is one; empty: any", ["charge", "discharge"])]
    keys: Annotated[list[str], said("The keys of its block; empty: it has none", ["time", "voltage"])]
    default: Annotated[str, said("What is taken where it is left out; may be empty", "1 MHz")]
    needed: Annotated[bool, said("Whether it may not be left out", True)]


class KeyAtLine(BaseModel):
    """A key at its line."""

    line: Annotated[int, said("Its line, from 1", 12)]
    column: Annotated[int, said("Where it begins in its line, from 0", 4)]
    help: Annotated[int, said("Place of its help in `helps`, from 0", 3)]


class TextCheck(BaseModel):
    """What is wrong in a text, all at once, and help for its keys."""

    name: Annotated[str | None, said("The name in it; null while there is none", "mine")]
    problems: Annotated[list[TextProblem], said("Everything that is wrong in it, by line; empty: it may be saved")]
    helps: Annotated[list[HelpOfKey], said("Help for its keys, each once")]
    keys: Annotated[list[KeyAtLine], said("The keys of the text, in its order")]


class CheckedRecipe(TextCheck):
    """What is wrong in the text of a recipe, and what follows from it."""

    kinds: Annotated[list[str], said("Kinds of cell that it is for; empty while something is wrong", ["li-li"])]
    parameters: Annotated[list[ParameterItem], said("What may be set of it", [])]
    plain: Annotated[str | None, said("Text of its plain steps; null where something is wrong", "name: mine\n...")]
    ahead: Annotated[
        RunCheck | None,
        said("What follows with the cell, as `POST /runs/check` tells it, with its course; null without a cell"),
    ]


class DerivedQuantity(BaseModel):
    """A quantity of a cell: of its file, or what follows from it."""

    name: Annotated[str, said("Its name, with the unit", "loading_mg_per_cm2")]
    words: Annotated[str, said("Its name in words", "areal loading")]
    value: Annotated[float, said("Its value in that unit", 1.4)]
    unit: Annotated[str, said("The unit", "mg/cm2")]
    how: Annotated[str, said("The formula; empty for what the file says", "active mass / area")]


class CheckedCellText(TextCheck):
    """What is wrong in the text of a cell's file, and what follows from it."""

    cell: Annotated[CheckedCell | None, said("The cell; null where something is wrong")]
    quantities: Annotated[list[DerivedQuantity], said("Its sizes and what follows from them")]
    doubts: Annotated[list[str], said("Sentences on what is implausible, with the likely slip", [])]
    notes: Annotated[list[str], said("Sentences on what is sound and yet worth a look", [])]
