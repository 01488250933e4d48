"""The options of ``cellrig runs`` that select runs: those of REST, with times as people at this machine tell them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import complete_channel, complete_recipe

if TYPE_CHECKING:
    from orchestrator.store import Store

_DAYS_AGO = {"today": 0, "yesterday": 1}
# A day, and a week, as ISO 8601 writes them without a time of day.
_DAY = r"\d{4}-\d\d-\d\d|\d{8}|\d{4}-W\d\d-\d|\d{4}W\d{3}"
_WEEK = r"\d{4}-?W\d\d"

States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help="Runs in this state, such as completed; may be repeated, as every filter by name.",
    ),
]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="Runs on this channel.", autocompletion=complete_channel)
]
Recipes = Annotated[
    list[str] | None, typer.Option("--recipe", help="Runs of this recipe.", autocompletion=complete_recipe)
]
Cells = Annotated[
    list[str] | None,
    typer.Option("--cell", help="Runs of this cell, by the name in its file or by its label."),
]
Labels = Annotated[list[str] | None, typer.Option("--label", help="Runs of the cell with this name.")]
Since = Annotated[
    str,
    typer.Option("--since", metavar="TIME", help="Runs ordered since then: yesterday, 2026-11-27, '2026-11-27 16:40'."),
]
Until = Annotated[
    str,
    typer.Option("--until", metavar="TIME", help="Runs ordered before then; of a date alone that day counts too."),
]
Simulated = Annotated[
    bool | None, typer.Option("--simulated/--real", help="Simulated runs only, or none that is known to be simulated.")
]
Last = Annotated[int | None, typer.Option("--last", min=1, metavar="N", help="The newest N of them.")]


@dataclass(frozen=True, slots=True)
class RunFilters:
    """What selects runs, as it was typed. All of it holds together; several values of one let each through."""

    state: Sequence[str]
    channel: Sequence[str]
    recipe: Sequence[str]
    label: Sequence[str]
    cell: Sequence[str]
    since: str
    until: str
    simulated: bool | None
    last: int | None

    def ids(self, store: Store) -> list[str]:
        """Return the ids of the runs that pass, the oldest first. Raises BadParameter for a meaningless value."""
        from pydantic import ValidationError

        from orchestrator.api.filters import run_ids
        from orchestrator.api.models import RunQuery

        asked = {name: list(getattr(self, name)) for name in ("state", "channel", "recipe", "label")}
        times = {"since": moment("--since", self.since), "before": moment("--until", self.until, is_end=True)}
        try:
            query = RunQuery.model_validate({**asked, **times, "simulated": self.simulated})
        except ValidationError as err:
            first = err.errors()[0]
            told = f"{first['msg'].removeprefix('Value error, ')}, saw {first['input']!r}"
            raise typer.BadParameter(told, param_hint=f"--{first['loc'][0]}") from None
        found = run_ids(store, query, either_name=list(self.cell))
        return found[-self.last if self.last else 0 :]

    @property
    def words(self) -> str:
        """The filters as they would be typed; empty if there is none."""
        import shlex

        given = {"state": self.state, "cell": self.cell, "channel": self.channel, "recipe": self.recipe}
        given["label"] = self.label
        typed = [f"--{name} {shlex.quote(str(value))}" for name, values in given.items() for value in values]
        times = {"since": self.since, "until": self.until}
        typed += [f"--{name} {shlex.quote(value)}" for name, value in times.items() if value]
        if self.simulated is not None:
            typed.append("--simulated" if self.simulated else "--real")
        return " ".join(typed)


def moment(option: str, text: str, *, is_end: bool = False) -> float | None:
    """Read a moment: local time, unless it has a zone; or today, or yesterday. As an end, a day or week means its end.

    Raises BadParameter.
    """
    from orchestrator.clock.iso_time import unix_time

    if not text:
        return None
    typed = text.strip().upper()
    if (ago := _DAYS_AGO.get(typed.lower())) is not None:
        typed = str(datetime.now().astimezone().date() - timedelta(days=ago))
    try:
        moment = _read(typed)
        if moment is None:
            return unix_time(text.strip())
    except ValueError as err:
        raise typer.BadParameter(str(err), param_hint=option) from None
    days = 0 if not is_end else 1 if re.fullmatch(_DAY, typed) else 7 if re.fullmatch(_WEEK, typed) else 0
    try:
        moment += timedelta(days=days)
        return (moment if moment.tzinfo else moment.astimezone()).timestamp()
    except (ValueError, OverflowError, OSError):
        # The last day of the calendar has no end in it, and east of Greenwich the first has no beginning.
        told = f"{text.strip()!r} is at the end of the calendar, which has the years 1 to 9999; leave {option} out"
        raise typer.BadParameter(told, param_hint=option) from None


def _read(typed: str) -> datetime | None:
    try:
        return datetime.fromisoformat(typed)
    except ValueError:
        return None
