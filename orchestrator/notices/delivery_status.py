"""What became of an attempt to deliver a message; alone here because the process that sends one starts with each."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What became of an attempt to deliver a message to a target."""

    DELIVERED = "delivered"
    # The target refused it, or nobody answered at its address.
    FAILED = "failed"
    # The target did not take it within its time.
    LATE = "late"
    # Apprise knows no service of such an address, or the address cannot be read.
    NO_ADDRESS = "no address"
