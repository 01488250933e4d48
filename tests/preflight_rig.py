"""A service with settings of its own for the checks before a run, and its checks of an order by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import Check, CheckName, Outcome
from orchestrator.rack.mounted_cells import NO_TERMS, Terms
from orchestrator.rack.preflight import PreflightPlan
from orchestrator.rack.service import Service
from orchestrator.runs.request import RunRequest
from orchestrator.store import Store
from tests.rig import Rig
from tests.service_rig import request, running

ENOUGH = 10**12


@asynccontextmanager
async def planned(rig: Rig, store: Store, plan: PreflightPlan) -> AsyncIterator[Service]:
    """Run a service with settings of its own for the checks."""
    async with running(Service(store, [rig.tester], plan=plan)) as service:
        yield service


def plan(free: int = ENOUGH, synchronised: bool | None = None, **settings: Any) -> PreflightPlan:  # noqa: ANN401 - fields
    """Give what a service's checks go by; that a simulated rack was never commissioned is told nobody."""
    told = {"warn_uncommissioned": False} | settings
    return PreflightPlan(PreflightSettings(**told), free=lambda _: free, is_clock_synchronised=lambda: synchronised)


async def checks(service: Service, order: RunRequest | None = None, terms: Terms = NO_TERMS) -> dict[CheckName, Check]:
    """Give the checks of an order, by name."""
    report = await service.preflight.report(order or request(), "ada", terms)
    assert [check.check for check in report.checks] == list(CheckName)
    assert report.may_start == (Outcome.FAIL not in {check.outcome for check in report.checks})
    return {check.check: check for check in report.checks}
