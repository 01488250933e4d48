"""Whose rack and whose test it is that answers: neither another rack nor another's test is given any command."""

from __future__ import annotations

from collections.abc import Collection

from drivers.errors import ChannelTaken, ConnectionFailed, NotConfirmed
from drivers.interfaces import ChannelStatus, TestIdentity

_MOST_SHOWN = 3


class OtherRack(ConnectionFailed):
    """A BTS Client answers that sees none of the channels that were there before; it was told nothing."""


def must_be_the_rack(before: Collection[str], found: Collection[str]) -> None:
    """Raise OtherRack where a client program sees hardware, and none of the channels that were seen before."""
    if before and found and not set(before) & set(found):
        raise OtherRack(
            f"another BTS Client answers: it sees {_some(found)}, and before there were {_some(before)}; nothing was "
            "ordered: check `host` in the bench file, and which computer has that address"
        )


def is_ours(status: ChannelStatus | None, identity: TestIdentity) -> bool:
    """Return whether anything on the channel is our test's: one of both may be a wrong reply."""
    return status is not None and (status.barcode == identity.barcode or status.test_id == identity.test_id)


def must_be_ours(status: ChannelStatus, identity: TestIdentity) -> None:
    """Raise NotConfirmed, or ChannelTaken, where another test than ours is on the channel."""
    # Both: a person may start a program of ours again at the tester, under its barcode.
    if (status.barcode, status.test_id) == (identity.barcode, identity.test_id):
        return
    shown = f"channel {status.channel} runs {status.barcode!r}, test {status.test_id}"
    words = f"{shown}, not {identity.barcode!r}, test {identity.test_id}: left alone"
    # Where one of both is ours, one of both may be a wrong reply: our test may well go on.
    raise NotConfirmed(words) if is_ours(status, identity) else ChannelTaken(words)


def _some(channels: Collection[str]) -> str:
    names = sorted(channels)
    return ", ".join(names[:_MOST_SHOWN]) + (" ..." if len(names) > _MOST_SHOWN else "")
