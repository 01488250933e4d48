"""Clients' locks on channels: each expires by itself, so that a client that vanished blocks nobody for long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from orchestrator.clock.scaled import in_loop_time


class CommandRefused(Exception):
    """A client's command is not allowed now; the message gives the reason and the remedy."""


class NoSuchThing(CommandRefused):
    """A client named a run or channel that does not exist."""


class Claimed(CommandRefused):
    """Another client has claimed the channel; the message names the client and the seconds left."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A client's lock on a channel, until ``expires_s`` of the loop's time."""

    owner: str
    expires_s: float

    def left_s(self) -> float:
        """Return the seconds until the claim expires."""
        return (self.expires_s - asyncio.get_running_loop().time()) / in_loop_time(1.0)


class Claims:
    """The claims on all channels."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}

    def take(self, channel: str, owner: str, duration_s: float) -> None:
        """Lock a channel for a client, who may extend it. Raises Claimed."""
        self.check(channel, owner)
        self._claims[channel] = Claim(owner, asyncio.get_running_loop().time() + in_loop_time(duration_s))

    def release(self, channel: str, owner: str) -> None:
        """Remove a client's claim on a channel. Raises Claimed if it is another client's."""
        self.check(channel, owner)
        self._claims.pop(channel, None)

    def on(self, channel: str) -> tuple[str, float] | None:
        """Return the client who has claimed a channel, and the seconds left."""
        claim = self._claims.get(channel)
        left_s = claim.left_s() if claim else 0.0
        return (claim.owner, left_s) if claim is not None and left_s > 0 else None

    def check(self, channel: str, owner: str) -> None:
        """Raise Claimed if another client has claimed the channel."""
        if (held := self.on(channel)) is not None and held[0] != owner:
            raise Claimed(f"channel {channel} is claimed by {held[0]} for another {held[1]:.0f} s")
