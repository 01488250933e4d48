"""The order of a run: a program, a channel, a label, its files, and who has confirmed what is implausible in it."""

from __future__ import annotations

import functools
import getpass
import hashlib
import platform
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

from orchestrator.clock.virtual import wall_time
from orchestrator.runs.order_files import OrderFiles
from orchestrator.store import Damaged, Origin, Origins, RunRow, Store
from protocols.forecast import forecast
from protocols.loading import plain_of
from protocols.plausibility import GROSS_FACTOR, Plausibility, confirmed, gross
from protocols.program import Program
from protocols.proof import prove
from protocols.usual_bands import UsualBands


def stored_program(row: RunRow) -> Program:
    """Read a run's program from its row. Raises Damaged when the text is not that of the stored hash."""
    if hashlib.sha256(row.program_json.encode()).hexdigest() != row.program_sha256:
        raise Damaged(
            f"the program of run {row.run_id} in the store is not the one that was ordered (its hash differs): the run "
            f"is not judged by it and not started, and nothing starts on channel {row.channel}; stop it with "
            f"'cellrig stop {row.run_id}', and go back to the last backup"
        )
    return Program.from_json(row.program_json)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """An order of a run: a program, a channel, and a label for tables and pictures.

    ``confirmed_by`` is the person who takes on what is implausible in the program, ``second_person`` another one where
    it is far outside, ``plausibility`` what was found.
    ``files`` are those that the program was made of. ``simulated``: the channel is a simulated instrument's; None where
    that is not known.
    """

    program: Program
    channel: str
    label: str
    confirmed_by: str = ""
    plausibility: Plausibility | None = None
    files: OrderFiles | None = None
    simulated: bool | None = None
    second_person: str = ""

    def judged(self, bands: UsualBands, factor: float = GROSS_FACTOR) -> RunRequest:
        """Give the order with its plausibility. Raises Implausible when something is and nobody has confirmed it.

        What lies ``factor`` times outside of its band needs a second person. Raises NeedsSecondPerson.
        """
        by, second = self.confirmed_by.strip(), self.second_person.strip()
        seen = confirmed(self.program, bands, by, second, factor)
        return replace(self, confirmed_by=by, second_person=second if gross(seen, factor) else "", plausibility=seen)

    @property
    def confirming(self) -> str:
        """The names of those who have confirmed what is implausible; empty when nobody has."""
        return " and ".join(filter(None, (self.confirmed_by, self.second_person)))

    def add_to(self, store: Store, by: str = "") -> str:
        """Add a queued run to the store, with the facts of its cell as they are now and where it comes from.

        Returns its id.
        """
        cell = self.program.cell
        with store.transaction():
            store.add_cell(cell.name, cell.to_json())
            run_id = store.add_run(
                recipe=self.program.recipe,
                cell=cell.name,
                channel=self.channel,
                program_json=self.program.to_json(),
                program_sha256=self.program.sha256,
                label=self.label,
                created_unix_s=wall_time(),
                simulated=self.simulated,
            )
            Origins(store).add(run_id, self._origin(by))
        return run_id

    def _origin(self, by: str) -> Origin:
        host, login, version = _this_process()
        files = self.files
        return Origin(
            recipe=files.recipe if files else None,
            cell=files.cell if files else None,
            settings=files.settings if files else None,
            ordered_by=by or None,
            host=host,
            login=login,
            version=version,
            check=self._check(),
        )

    def _check(self) -> dict[str, Any] | None:
        """Return what was found before anything runs, as ``cellrig recipe check --json`` tells it; None unjudged."""
        if self.plausibility is None:
            return None
        ahead = forecast(self.program)
        plain = None if self.files is None else plain_of(self.files.recipe)
        return {
            **({} if plain is None else {"plain_recipe": plain}),
            "steps": [asdict(step) for step in self.plausibility.steps],
            "untold": list(self.plausibility.untold),
            "implausible": list(self.plausibility.sentences),
            "confirmed_by": self.confirming or None,
            "expected_h": _hours(ahead.expected_duration_s),
            "longest_h": _hours(ahead.planned_duration_s),
            "proof": prove(self.program).as_json(),
        }


def _hours(duration_s: float) -> float | None:
    """Return a time in hours; None where a step has no bound."""
    return duration_s / 3600 if isfinite(duration_s) else None


@functools.cache
def _this_process() -> tuple[str, str | None, str | None]:
    """Return this machine's name, the user whose process this is, and the version of cellrig, as far as known."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        login = getpass.getuser()
    except (OSError, KeyError, ImportError):
        login = None
    try:
        installed = version("cellrig")
    except PackageNotFoundError:
        installed = None
    return platform.node(), login, installed
