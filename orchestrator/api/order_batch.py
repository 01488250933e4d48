"""Several orders of one person: each is judged and started by itself, and one that is refused stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from drivers.errors import DriverError
from orchestrator.api import models
from orchestrator.api.commands import started_once
from orchestrator.api.order_answers import line_check, reason_now
from orchestrator.api.order_check import JudgedBy, planned
from orchestrator.api.order_reading import kept_files, terms_of
from orchestrator.clock.scaled import in_loop_time
from orchestrator.clock.virtual import wall_time
from orchestrator.rack.cell_check import is_specimen
from orchestrator.rack.channel_choice import cannot_run, cell_elsewhere, not_free
from orchestrator.rack.claims import CommandRefused
from orchestrator.rack.order_keys import OrderKey
from orchestrator.rack.order_reasons import OrderReason
from orchestrator.rack.service import Service
from orchestrator.states import IllegalMove
from orchestrator.store import StoreError
from protocols.errors import Implausible, InputError

# Whoever asks through the web process is answered within ten seconds; the last line may take some of them.
_WITHIN_S = 5.0


class LineOrders:
    """The orders of one list. ``by`` is the person who gives all of them."""

    def __init__(self, service: Service, lines: Sequence[dict[str, Any]], by: str) -> None:
        self._service = service
        self._by = by
        self._read = [_line(line, by) for line in lines]
        self._twice = twice(self._read)
        self._until_s = asyncio.get_running_loop().time() + in_loop_time(_WITHIN_S)

    async def start(self, key: OrderKey | None) -> models.BatchAnswers:
        """Start each order whose channel is free. Raises KeyReused for a key that another order was given with."""
        if key is not None:
            self._service.order_keys.answered(key)
        answers: list[models.LineAnswer] = []
        for line, order in enumerate(self._read, 1):
            if self._is_late():
                break
            answers.append(await self._started(line, order, None if key is None else key.of_line(line)))
            await asyncio.sleep(0)
        return models.BatchAnswers(answers=answers, left=len(self._read) - len(answers))

    async def check(self, judged_by: JudgedBy) -> models.BatchAnswers:
        """Tell of each order whether it could be started now."""
        answers: list[models.LineAnswer] = []
        for line, order in enumerate(self._read, 1):
            if self._is_late():
                break
            answers.append(await self._checked(line, order, judged_by))
        return models.BatchAnswers(answers=answers, left=len(self._read) - len(answers))

    def _is_late(self) -> bool:
        return asyncio.get_running_loop().time() > self._until_s

    async def _started(
        self, line: int, order: models.StartOrder | list[OrderReason], key: OrderKey | None
    ) -> models.LineAnswer:
        if reasons := self._wrong(line, order):
            return _refused(line, reasons)
        assert isinstance(order, models.StartOrder)  # noqa: S101 - what is no order has a reason
        try:
            started = await started_once(self._service, order, key)
        except (CommandRefused, InputError, IllegalMove, DriverError, StoreError) as err:
            code = "order.implausible" if isinstance(err, Implausible) else "order.refused"
            return _refused(line, [OrderReason(code, "", str(err))])
        run = models.StartedRun.model_validate(started) if isinstance(started, dict) else started
        return models.LineAnswer(line=line, ok=True, reasons=[], run=run)

    async def _checked(
        self, line: int, order: models.StartOrder | list[OrderReason], judged_by: JudgedBy
    ) -> models.LineAnswer:
        reasons = self._wrong(line, order)
        if not isinstance(order, models.StartOrder):
            return _refused(line, reasons)
        try:
            kept = kept_files(self._service.store, order)
            found = await asyncio.to_thread(planned, order, order.channel, kept, judged_by, draw=False)
            reasons += found.reasons
            reason = not_free(self._service, order.channel, order.by, terms_of(order))
        except CommandRefused as err:
            return _refused(line, [*reasons, OrderReason("order.refused", "", str(err))])
        if reason is None and found.request is not None:
            unfit = await asyncio.to_thread(self._service.preflight.unfit, order.channel, found.request.program)
            reason = cannot_run(order.channel, unfit)
        name = order.mounted or order.label
        there = None if order.same_cell else cell_elsewhere(self._service, name, order.channel)
        reasons += [one for one in (reason, there) if one is not None]
        told = line_check(found, wall_time())
        return models.LineAnswer(
            line=line, ok=not reasons and told is not None, reasons=[reason_now(it) for it in reasons], check=told
        )

    def _wrong(self, line: int, order: models.StartOrder | list[OrderReason]) -> list[OrderReason]:
        """Return what is wrong with a line beside the others of its list, or in itself."""
        if not isinstance(order, models.StartOrder):
            return list(order)
        return list(self._twice.get(line, ()))


def twice(lines: Sequence[models.StartOrder | list[OrderReason]]) -> dict[int, list[OrderReason]]:
    """Return the reasons against lines of a list that are for one channel, or one cell, by their number from 1."""
    found: dict[int, list[OrderReason]] = {}
    ways: tuple[tuple[str, Callable[[models.StartOrder], str]], ...] = (
        ("channel", lambda order: order.channel),
        ("cell", _cell_of),
    )
    for what, of in ways:
        by_name: dict[str, list[int]] = {}
        for line, order in enumerate(lines, 1):
            if isinstance(order, models.StartOrder) and (name := of(order)):
                by_name.setdefault(name, []).append(line)
        for name, there in by_name.items():
            if len(there) > 1:
                told = ", ".join(map(str, there))
                words = f"{what} {name} stands in lines {told}: one test at a time"
                reason = OrderReason(f"list.{what}_twice", what, words, {what: name, "lines": told})
                for line in there:
                    found.setdefault(line, []).append(reason)
    return found


def _cell_of(order: models.StartOrder) -> str:
    """Return the name of the very cell of an order; empty where it may be that of a model, of which there are many."""
    name = order.mounted or order.label or order.cell or ""
    return name if is_specimen(name) else ""


def _line(line: dict[str, Any], by: str) -> models.StartOrder | list[OrderReason]:
    """Read one line of a list; what is no order is told by its fields."""
    try:
        return models.StartOrder.model_validate({"if_free": True, **line, "by": by})
    except ValidationError as err:
        return [
            OrderReason("line.wrong", ".".join(map(str, one["loc"])) or "", f"{_path(one)}{one['msg']}")
            for one in err.errors(include_url=False, include_input=False)
        ]


def _path(error: Any) -> str:  # noqa: ANN401 - an error of pydantic
    where = ".".join(map(str, error["loc"]))
    return f"{where}: " if where else ""


def _refused(line: int, reasons: Sequence[OrderReason]) -> models.LineAnswer:
    return models.LineAnswer(line=line, ok=False, reasons=[reason_now(reason) for reason in reasons])
