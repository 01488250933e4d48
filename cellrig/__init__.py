"""The interface of cellrig for programs: stores, recipes, forecasts, simulated runs, and the service (docs/python.md).

::

    import cellrig

    print(cellrig.forecast("li-li-0.4", "bare-li-li").expected_duration_s / 3600)
    with cellrig.open_store("cellrig.db") as store:
        columns = store.run("R000001").samples("time_s", "voltage_v")

What stands in ``__all__`` is stable: it changes only with a line in CHANGELOG.md. Everything else that Python can reach
is not. Units are in the names; positive current charges the cell; times ``*_unix_s`` are seconds since 1970 in UTC.

A name is loaded when it is first used, so that ``import cellrig`` alone loads nothing.
"""

from __future__ import annotations

# Type checkers know the name; ``typing`` itself would take most of the time of ``import cellrig``.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from cellrig.errors import MissingLibrary
    from cellrig.frames import to_pandas, to_polars
    from cellrig.planning import RunForecast, Source, forecast, resolve
    from cellrig.reading import RunSpectrum, StoredRun, StoreReader, open_store
    from cellrig.service import Service
    from cellrig.simulating import simulate
    from drivers.errors import CannotRun, DriverError, SettingsError
    from drivers.interfaces import EndReason
    from orchestrator.analysis.summary import RunSummary
    from orchestrator.api.models import RunDetail, RunNow, RunStopped, StartedRun, Status
    from orchestrator.client import AnswerLost, CannotAsk, NoAnswer, NotServed, RequestRefused
    from orchestrator.events import Event, RunUpdate, Severity
    from orchestrator.judging.cycles import Cycle
    from orchestrator.judging.steps import ExecutedStep
    from orchestrator.states import RunState
    from orchestrator.store.errors import CannotOpen, StoreError
    from orchestrator.store.origins import Origin
    from orchestrator.tables.run_data import Gap
    from orchestrator.tables.sample_columns import Columns
    from protocols.cell import Cell, CellKind
    from protocols.document import Document
    from protocols.errors import (
        Implausible,
        InputError,
        RecipeError,
        RecipeProblem,
        ResolveError,
        UnknownName,
        WrongChange,
    )
    from protocols.loading import load_cell, load_recipe, parse_cell, parse_recipe, shipped_cells, shipped_recipes
    from protocols.plausibility import StepValues
    from protocols.program import Program
    from protocols.recipe import Recipe

    __version__: str

__all__ = [
    "AnswerLost",
    "CannotAsk",
    "CannotOpen",
    "CannotRun",
    "Cell",
    "CellKind",
    "Columns",
    "Cycle",
    "Document",
    "DriverError",
    "EndReason",
    "Event",
    "ExecutedStep",
    "Gap",
    "Implausible",
    "InputError",
    "MissingLibrary",
    "NoAnswer",
    "NotServed",
    "Origin",
    "Program",
    "Recipe",
    "RecipeError",
    "RecipeProblem",
    "RequestRefused",
    "ResolveError",
    "RunDetail",
    "RunForecast",
    "RunNow",
    "RunSpectrum",
    "RunState",
    "RunStopped",
    "RunSummary",
    "RunUpdate",
    "Service",
    "SettingsError",
    "Severity",
    "Source",
    "StartedRun",
    "Status",
    "StepValues",
    "StoreError",
    "StoreReader",
    "StoredRun",
    "UnknownName",
    "WrongChange",
    "__version__",
    "forecast",
    "load_cell",
    "load_recipe",
    "open_store",
    "parse_cell",
    "parse_recipe",
    "resolve",
    "shipped_cells",
    "shipped_recipes",
    "simulate",
    "to_pandas",
    "to_polars",
]

# Where each name is; a test compares it with the imports above, which only type checkers see.
_HOMES = {
    "cellrig.errors": ("MissingLibrary",),
    "cellrig.frames": ("to_pandas", "to_polars"),
    "cellrig.planning": ("RunForecast", "Source", "forecast", "resolve"),
    "cellrig.reading": ("RunSpectrum", "StoreReader", "StoredRun", "open_store"),
    "cellrig.service": ("Service",),
    "cellrig.simulating": ("simulate",),
    "drivers.errors": ("CannotRun", "DriverError", "SettingsError"),
    "drivers.interfaces": ("EndReason",),
    "orchestrator.tables.run_data": ("Gap",),
    "orchestrator.tables.sample_columns": ("Columns",),
    "orchestrator.analysis.summary": ("RunSummary",),
    "orchestrator.api.models": ("RunDetail", "RunNow", "RunStopped", "StartedRun", "Status"),
    "orchestrator.client": ("AnswerLost", "CannotAsk", "NoAnswer", "NotServed", "RequestRefused"),
    "orchestrator.events": ("Event", "RunUpdate", "Severity"),
    "orchestrator.judging.cycles": ("Cycle",),
    "orchestrator.judging.steps": ("ExecutedStep",),
    "orchestrator.states": ("RunState",),
    "orchestrator.store.errors": ("CannotOpen", "StoreError"),
    "orchestrator.store.origins": ("Origin",),
    "protocols.cell": ("Cell", "CellKind"),
    "protocols.document": ("Document",),
    "protocols.errors": (
        *("Implausible", "InputError", "RecipeError", "RecipeProblem"),
        *("ResolveError", "UnknownName", "WrongChange"),
    ),
    "protocols.loading": (
        *("load_cell", "load_recipe", "parse_cell", "parse_recipe"),
        *("shipped_cells", "shipped_recipes"),
    ),
    "protocols.plausibility": ("StepValues",),
    "protocols.program": ("Program",),
    "protocols.recipe": ("Recipe",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


# Hidden from type checkers: to them every name that is not public is a mistake.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used. Raises ImportError where another package has the place of ours."""
        from importlib import import_module

        if name == "__version__":
            from importlib.metadata import version

            return version("cellrig")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'cellrig' has no attribute {name!r}")
        from orchestrator.cli.neighbours import foreign_package

        if problem := foreign_package():
            raise ImportError(problem, name=name)
        found = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
