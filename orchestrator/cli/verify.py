"""``cellrig verify``: whether a package of a run is as it was written, and its numbers follow from its records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import Json
from orchestrator.cli.export import shown
from orchestrator.cli.extras import need_libraries
from orchestrator.cli.output import DONE, FAILED, WRONG_USE, fail, print_json, say

if TYPE_CHECKING:
    from orchestrator.export.source import Progress
    from orchestrator.packaging.verifying import Verdict

Packages = Annotated[list[Path], typer.Argument(metavar="PACKAGE...", help="Packages: zips, or folders.")]
PACKAGE_LIBRARIES = ("polars", "pyarrow")
_INDENT = 2


def verify(packages: Packages, json: Json = False) -> None:
    """Check packages: every byte, and every number from the records.

    Each hash is computed again, and each number of the summary from the raw rows. What was touched is named; exit
    status 1 for anything found.
    """
    need_libraries("data", PACKAGE_LIBRARIES)
    from orchestrator.packaging.errors import NotAPackage, PackageError
    from orchestrator.packaging.verifying import verify as verified

    verdicts = []
    for path in packages:
        try:
            verdicts.append(verified(path, shown_parts(path.name)))
        except NotAPackage as err:
            fail(str(err), WRONG_USE)
        except PackageError as err:
            fail(str(err), FAILED)
        except OSError as err:
            fail(f"{path} cannot be read ({err.strerror}); check its rights, and the disk", FAILED)
    if json:
        print_json({"packages": [verdict.as_dict() for verdict in verdicts]})
    else:
        for verdict in verdicts:
            _tell(verdict)
    raise typer.Exit(DONE if all(verdict.is_sound for verdict in verdicts) else FAILED)


def shown_parts(name: str) -> Callable[[str], Progress]:
    """Return what shows the progress of each part of the work on a package, by the part's name."""
    return lambda part: shown(f"{name}: {part}", "bytes" if part == "hashes" else "records")


def _tell(verdict: Verdict) -> None:
    what = "sound" if verdict.is_sound else "touched" if verdict.touched else "not what its records give"
    say(f"{verdict.package}: {what}")
    for sentence in (*verdict.touched, *verdict.wrong, *(verdict.checked if verdict.is_sound else ())):
        say(f"  {sentence}", _INDENT)
