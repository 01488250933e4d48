"""The wait of a run for the temperature of its place, as whoever begins a segment asks for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from orchestrator.runs.run import Run

Soak: TypeAlias = Callable[[Run], Awaitable[str]]
"""Waits until the oven of a run has soaked; returns why it does not, empty where it has or somebody stops the run."""


async def no_oven(_: Run) -> str:
    """Wait for nothing: no oven is around any channel."""
    return ""
