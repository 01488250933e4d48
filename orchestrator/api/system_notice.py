"""Tells systemd how the service is: one datagram to the socket that systemd names."""

from __future__ import annotations

import logging
import os
import socket

logger = logging.getLogger(__name__)


def notify(message: str) -> None:
    """Send one message to systemd; without it do nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    # A leading @ stands for the abstract namespace.
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.connect(name)
            link.sendall(message.encode())
    except OSError as err:
        logger.warning("systemd could not be told %s: %s", message.partition("=")[0], err)
