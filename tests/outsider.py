r"""A client that knows nothing of this project, written as programs for the real BTS are.

It uses a blocking socket and regular expressions, sends ``\\n\\n#\\r\\n`` and waits for it, as the reference says that
the programs in daily use do (2.2), and never imports our drivers.
"""

from __future__ import annotations

import socket

END = b"\n\n#\r\n"
HEAD = '<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">'
LOGIN = "<cmd>connect</cmd><username>admin</username><password>neware</password><type>bfgs</type>"


class Outsider:
    """One connection, one request at a time."""

    def __init__(self, address: str, timeout_s: float = 30.0) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.buffer = b""

    def ask(self, body: str) -> str:
        """Send a request and wait for the end mark."""
        self.socket.sendall(f"{HEAD}{body}</bts>".encode() + END)
        while END not in self.buffer:
            received = self.socket.recv(65536)
            assert received, "the server hung up"
            self.buffer += received
        reply, _, self.buffer = self.buffer.partition(END)
        return reply.decode()
