"""The options that every command about the order of a run has: declared once, and given to each of these commands."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from orchestrator.cli.arguments import (
    AcceptVoltage,
    ConfirmImplausible,
    Label,
    Mounted,
    Queue,
    SameCell,
    SecondPerson,
    SetValues,
)
from orchestrator.cli.client import By

if TYPE_CHECKING:
    from orchestrator.cli.given import Given
    from orchestrator.cli.run_by_service import Order
    from orchestrator.rack.mounted_cells import Terms

_Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """What is said of an order beside recipe, cell and channel; a field is an option."""

    set_values: SetValues = None
    label: Label = ""
    by: By = ""
    queue: Queue = False
    mounted: Mounted = ""
    same_cell: SameCell = False
    confirm_implausible: ConfirmImplausible = ""
    second_person: SecondPerson = ""
    accept_voltage: AcceptVoltage = ""

    def terms(self) -> Terms:
        """Return what is said of the channel's use and of the cell on it."""
        from orchestrator.rack.mounted_cells import Terms

        return Terms(self.queue, self.mounted, self.same_cell)

    def words(self) -> dict[str, str | None]:
        """Return the names and reasons that people have given, None for one that was not given."""
        names = ("by", "accept_voltage", "confirm_implausible", "second_person", "mounted")
        return {name: getattr(self, name) or None for name in names}

    def order(self, given: Given) -> Order:
        """Return the order of what is ``given``, for the service."""
        from orchestrator.cli.run_by_service import Order

        return Order(
            given,
            given.channel or "",
            self.label,
            self.by,
            self.terms(),
            self.confirm_implausible,
            self.accept_voltage,
            self.second_person,
        )


def with_order_options(command: _Command) -> _Command:
    """Return a command whose parameter of type ``OrderOptions`` is each of the options instead."""
    own = inspect.signature(command, eval_str=True)
    (place,) = (name for name, one in own.parameters.items() if one.annotation is OrderOptions)
    shared = inspect.signature(OrderOptions, eval_str=True).parameters.values()

    @functools.wraps(command)
    def spread(**given: Any) -> None:  # noqa: ANN401 - what the command line gives
        said = OrderOptions(**{field.name: given.pop(field.name) for field in fields(OrderOptions)})
        command(**{place: said}, **given)

    every = [one for name, it in own.parameters.items() for one in (shared if name == place else (it,))]
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in every]
    # The library of the command line reads the options from here.
    spread.__signature__ = own.replace(parameters=keywords)  # type: ignore[attr-defined]  # of functions
    spread.__annotations__ = {one.name: one.annotation for one in keywords}
    return spread
