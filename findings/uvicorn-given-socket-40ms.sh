#!/bin/sh
# uvicorn on a socket that it is given, or that it binds itself for --workers, answers 40 ms late on a kept connection.
#
# Tried: uvicorn 0.54.0 with h11 0.16.0 under asyncio of Python 3.11 on Linux, on 2026-11-27.
#
# Expected: an answer costs the same, whether the server made the listening socket from host and port or was given it.
# Seen: asyncio switches Nagle's algorithm off only for sockets that were made with the number of TCP, and those that
# socket.socket(family) and Config.bind_socket() make, and all that are accepted from them, have the number 0. uvicorn
# writes the head and the body of an answer one by one, so that the body waits for the client's delayed acknowledgement:
# about 40 ms for each question on a connection that is kept, while the processor does nothing. With host and port: 1 ms.
# Whom it meets: who serves a rack's live state from a socket that systemd or a parent process holds.
# What to do: set TCP_NODELAY in connection_made of the protocol (orchestrator/api/connection.py does).
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 2' HUP INT TERM
python3 -m venv "$folder/python" || exit 2
"$folder/python/bin/python" -m pip --quiet --disable-pip-version-check install 'uvicorn==0.54.0' 'h11==0.16.0' || exit 2

cat >"$folder/finding.py" <<'PYTHON'
import asyncio
import socket
import statistics
import sys
import time

import uvicorn

held_back = []


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def one(sock=None):
    """Serve, ask twenty times on one connection, and give the median time of an answer in ms."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = uvicorn.Config(app, host="127.0.0.1", port=port, http="h11", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[sock()] if sock else None))
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took_ms = []
    for _ in range(20):
        began = time.perf_counter()
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        took_ms.append(1e3 * (time.perf_counter() - began))
    (connection,) = server.server_state.connections
    link = connection.transport.get_extra_info("socket")
    held_back.append(link.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0)
    writer.close()
    server.should_exit = True
    await serving
    return statistics.median(took_ms)


def given():
    listening = socket.socket(socket.AF_INET)
    listening.bind(("127.0.0.1", 0))
    return listening


def bound():
    return uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error").bind_socket()


async def main():
    ways = {"host and port": None, "a given socket": given, "Config.bind_socket()": bound}
    found = {name: await one(way) for name, way in ways.items()}
    for (name, ms), late in zip(found.items(), held_back):
        print(f"{name}: median answer {ms:.1f} ms, Nagle's algorithm {'on' if late else 'off'}")
    quick, *slow = found.values()
    return held_back == [False, True, True] and quick < 20 and all(ms > 20 for ms in slow)


sys.exit(0 if asyncio.run(main()) else 1)
PYTHON
"$folder/python/bin/python" "$folder/finding.py" || { echo "changed: look at this finding again" >&2; exit 1; }
echo "still so: uvicorn on a given socket answers some 40 ms late"
