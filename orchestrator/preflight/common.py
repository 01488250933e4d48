"""The checks that every pre-flight makes, with a service or without one: what is asked, and of what, in one list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drivers.capabilities import ForeseesHostLoss
from drivers.interfaces import BatteryTester, HostLoss
from orchestrator.bench.preflight import PreflightSettings
from orchestrator.checks import Check, CheckName, postponed
from orchestrator.preflight.instrument_checks import (
    commissioned_check,
    folder_check,
    late_folder,
    versions_check,
)
from orchestrator.preflight.machine_checks import calibration_check
from orchestrator.preflight.program_checks import (
    contact_check,
    duration_check,
    envelope_check,
    limits_check,
    plausible_check,
    proof_check,
)
from orchestrator.preflight.ups import late_ups, ups_check
from orchestrator.runs.request import RunRequest
from orchestrator.store.disk_space import free_bytes
from protocols.forecast import forecast
from protocols.usual_bands import UsualBands

SlowCheck = tuple[Callable[[], Check], Callable[[float], Check]]
"""A check that may block a thread, and the one that stands for it when it has not ended within so many seconds."""


def program_checks(
    request: RunRequest,
    tester: BatteryTester,
    reasons: Sequence[str],
    bands: UsualBands,
    settings: PreflightSettings,
) -> list[Check]:
    """Make the checks that a program, its cell and the settings of its channel answer.

    ``tester`` need not be open; ``reasons`` say why the channel cannot run the program.
    """
    envelope = envelope_check(request.channel, request.program, reasons)
    return [
        envelope,
        proof_check(request.program),
        postponed(CheckName.LIMITS, "they are compiled when the program fits the channel")
        if envelope.is_failed
        else limits_check(request.channel, request.program, tester),
        duration_check(forecast(request.program), *_host_loss(request, tester)),
        plausible_check(request, bands, settings.second_person_factor),
        contact_check(request.program),
    ]


def _host_loss(request: RunRequest, tester: BatteryTester) -> tuple[HostLoss, str, str]:
    """Return what a tester does without this computer, its name, and what the program's cell sees if it tells that."""
    if not isinstance(tester, ForeseesHostLoss):
        return tester.host_loss, tester.name, ""
    loss, seen = tester.host_loss_in(request.channel, request.program)
    return loss, tester.name, seen


def instrument_checks(
    tester: BatteryTester, channel: str, now_unix_s: float, settings: PreflightSettings
) -> list[Check]:
    """Make the checks of the instrument of a channel that its settings, and what it has told, answer."""
    return [
        calibration_check(tester.name, now_unix_s, settings),
        versions_check(tester, settings),
        commissioned_check(tester, settings, channel),
    ]


def slow_checks(
    tester: BatteryTester, settings: PreflightSettings, free: Callable[[Path], int] = free_bytes
) -> Mapping[str, SlowCheck]:
    """Return the checks that ask a share or another program, by what each asks: a key that two channels may share."""
    return {
        f"folder of {tester.name}": (
            lambda: folder_check(tester, free),
            lambda within_s: late_folder(tester, within_s),
        ),
        "ups": (lambda: ups_check(settings.ups_command), late_ups),
    }
