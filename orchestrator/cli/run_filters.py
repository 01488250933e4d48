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
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{8}")

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
        return run_ids(store, query)[-self.last if self.last else 0 :]

    @property
    def words(self) -> str:
        """The filters as they would be typed; empty if there is none."""
        import shlex

        given = {"state": self.state, "channel": self.channel, "recipe": self.recipe, "label": self.label}
        typed = [f"--{name} {shlex.quote(str(value))}" for name, values in given.items() for value in values]
        times = {"since": self.since, "until": self.until}
        typed += [f"--{name} {shlex.quote(value)}" for name, value in times.items() if value]
        if self.simulated is not None:
            typed.append("--simulated" if self.simulated else "--real")
        return " ".join(typed)


def moment(option: str, text: str, *, is_end: bool = False) -> float | None:
    """Read a moment: local time, unless it has a zone; or today, or yesterday. As an end, a day means its end."""
    from orchestrator.clock.iso_time import unix_time

    if not text:
        return None
    typed = text.strip()
    if (ago := _DAYS_AGO.get(typed.lower())) is not None:
        typed = str(datetime.now().astimezone().date() - timedelta(days=ago))
    try:
        moment = _read(typed)
        if moment is None:
            return unix_time(typed)
        if is_end and _DATE.fullmatch(typed):
            moment += timedelta(days=1)
        return (moment if moment.tzinfo else moment.astimezone()).timestamp()
    except (ValueError, OverflowError, OSError) as err:
        raise typer.BadParameter(str(err), param_hint=option) from None


def _read(typed: str) -> datetime | None:
    try:
        return datetime.fromisoformat(typed)
    except ValueError:
        return None
