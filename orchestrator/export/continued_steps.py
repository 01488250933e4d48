"""Counts a step that an interruption cut as one: its time, capacity and energy go on where the part before has ended.

A tester that is told to continue does so, and readers that group by the number of a step take its last capacity for the
whole: cellpy 2.1 gave a cut half-cycle the charge of its last part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from orchestrator.tables.run_data import RunData

_COUNTED = ("step_time_s", "capacity_ah", "energy_wh")
# Sums of two readings keep as many digits as one has.
_DECIMALS = 12


class ContinuedSteps:
    """What the earlier parts of each executed step of a run have passed, by the step's count."""

    def __init__(self, data: RunData) -> None:
        earlier = [step.earlier for _, steps in data.steps_by_test for step in steps]
        self._earlier = {name: np.array([getattr(passed, name) for passed in earlier]) for name in _COUNTED}
        self._any = bool(np.any(self._earlier["step_time_s"])) if earlier else False

    def of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows of the sample table in which the three counters of a step go on through its parts."""
        import polars as pl

        if not self._any or not frame.height:
            return frame
        at = frame["step_count"].to_numpy() - 1
        added = {name: pl.Series(values[at]) for name, values in self._earlier.items()}
        return frame.with_columns(
            **{
                name: pl.when(more == 0.0).then(pl.col(name)).otherwise((pl.col(name) + more).round(_DECIMALS))
                for name, more in added.items()
            }
        )
