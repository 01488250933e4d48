"""What holds for every test: virtual time, no network but loopback, the same examples, nothing left out in CI.

No test depends on how it was called: what a shell, ``make`` or a service manager has set for its children is cleared.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:  # at run time ours are imported by the fixtures, after the environment is cleared: imports read it
    from drivers.interfaces import Isolation
    from orchestrator.store import Store
    from simulators.neware.settings import Quirks
    from tests.api_client import Client
    from tests.cycler_rig import CyclerRig
    from tests.figures import Figure
    from tests.mux_rig import MuxRig
    from tests.outage import FailingStore
    from tests.rig import Rig
    from tests.station_rig import StationRig

# What a shell, a terminal, ``make``, a CI runner or a service manager sets for its children, and our programs or their
# libraries obey. A test that needs one sets it itself. TZ and LANG stay: our programs do the same under every one.
# Where Python may not keep what it compiles, each of some hundred programs would compile all of ours again.
_CLEARED = {
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "FORCE_COLOR",
    "GITHUB_ACTIONS",
    "LINES",
    "MFLAGS",
    "NO_COLOR",
    "PYTHONDONTWRITEBYTECODE",
    "PY_COLORS",
    "SSL_CERT_FILE",
    "TERMINAL_WIDTH",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
}
_CLEARED_BEGINNINGS = ("CELLRIG_", "CHI660E_SIM_", "GNUMAKE", "MAKE", "NOTIFY_", "WATCHDOG_")
# How much is searched, which is asked for and changes no claim.
_KEPT = {"CELLRIG_MEASURED_RUNS", "CELLRIG_PROVEN_FIRST", "CELLRIG_PROVEN_RUNS", "CELLRIG_WHOLE_RECIPES"}
for _name in tuple(os.environ):
    if _name not in _KEPT and (_name in _CLEARED or _name.startswith(_CLEARED_BEGINNINGS)):
        del os.environ[_name]
os.environ["TERM"] = "dumb"
# Two workers, each with threads over matrices of a hundred rows, only wait for each other.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# A shell that starts pytest in the background lets it and its children ignore Ctrl-C; our programs are ended by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _in_memory(folder: str = "/dev/shm", least_bytes: int = 4 << 30) -> None:  # noqa: S108 -- see below
    """Put temporary files into memory where the machine has a disk there, unless the caller has named a place.

    A store waits for its disk at every commit (``synchronous = FULL``): on a busy disk half the time of the suite.
    """
    if {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} & set(os.environ) or not os.access(folder, os.W_OK):
        return
    if shutil.disk_usage(folder).free >= least_bytes:
        os.environ["TMPDIR"] = tempfile.tempdir = folder


_in_memory()

# The same examples on every machine and in CI. A loaded machine is slow, which is no counterexample.
settings.register_profile(
    "same", derandomize=True, deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("same")


def _is_local(host: object) -> bool:
    """Say whether a host is this machine, known without asking a name server."""
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _refuse_network(event: str, args: tuple[object, ...]) -> None:
    """Raise before a socket reaches, or asks a name server for, another machine."""
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # None: a path on this machine, or already connected
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if not _is_local(host):
        raise RuntimeError(f"a test reached for {host!r}; tests talk to this machine only")


# An audit hook sees every socket, whichever library opened it, and needs no patching.
sys.addaudithook(_refuse_network)


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run each ``async def`` test and fixture in virtual time, unless the test is marked ``real_time``."""
    from orchestrator.clock.virtual import VirtualTimeLoop

    return {"loop": asyncio.SelectorEventLoop if item.get_closest_marker("real_time") else VirtualTimeLoop}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave a test out, with a reason, where a program or a reader that it needs is missing."""
    for marker in item.iter_markers("reader"):
        from tests.readers import python_of

        for name in marker.args:
            if python_of(name) is None:
                pytest.skip(f"needs {name} in an environment of its own: python -m tests.readers")
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program) is None:
                pytest.skip(f"needs the program {program!r}, which is not on PATH")


def _left_out(config: pytest.Config) -> int:
    """Count the tests that this session skipped, where leaving any out is a failure.

    Readers of the field exclude each other: no environment has them all, and CI has those that ours has room for.
    """
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return 0
    return sum("reader" not in report.keywords for report in reporter.stats.get("skipped", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI session that left a test out: what CI does not run is not tested anywhere."""
    if _left_out(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why a session without failures fails."""
    if count := _left_out(config):
        terminalreporter.write_line(f"CI=true and {count} left out: this run fails", red=True)


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """Keep figures that a test of a fault has measured, for the table of ``make faults``."""

    def keep(fault: str, name: str, value: float, unit: str) -> None:
        record_property(fault, f"{name}: {value:.4g} {unit}".rstrip())

    return keep


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Give a path for a new store."""
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(store_path: Path) -> Iterator[Store]:
    """Give a new, empty store, closed after the test."""
    from orchestrator.store import open_store

    with open_store(store_path) as opened:
        yield opened


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give what the test's ``rig`` marks ask of its rig; the nearest mark has the last word."""
    options: dict[str, Any] = {}
    for mark in reversed(tuple(request.node.iter_markers("rig"))):
        options |= mark.kwargs
    return options


@pytest.fixture
def transport() -> str:
    """Give the way to the instrument: memory, unless a test is parametrized with others."""
    return "memory"


@pytest.fixture
def quirks() -> Quirks | None:
    """Give how the simulated tester differs from the usual, unless a test is parametrized with others: not at all."""
    return None


@pytest.fixture
def poll_period_s() -> float:
    """Give how often the tester is polled, unless a test is parametrized with others: every minute."""
    return 60.0


@pytest.fixture
def isolation() -> Isolation:
    """Give whether the switch takes the cell off the tester, unless a test is parametrized with others: it does."""
    from drivers.interfaces import Isolation

    return Isolation.YES


@pytest.fixture
async def rig(
    request: pytest.FixtureRequest, transport: str, quirks: Quirks | None, poll_period_s: float
) -> AsyncIterator[Rig]:
    """Give an open tester with the simulated rack behind it."""
    from tests.rig import open_rig

    options = {"transport": transport, "quirks": quirks, "poll_period_s": poll_period_s} | _options(request)
    async with open_rig(**options) as opened:
        yield opened


@pytest.fixture
async def station_rig(request: pytest.FixtureRequest, isolation: Isolation) -> AsyncIterator[StationRig]:
    """Give a rack with a potentiostat and its switch beside it; no process of the program is left afterwards."""
    from tests.station_rig import open_station_rig

    async with open_station_rig(**{"isolation": isolation} | _options(request)) as opened:
        yield opened
        assert opened.processes_left() == []


@pytest.fixture
async def cycler_rig(request: pytest.FixtureRequest) -> AsyncIterator[CyclerRig]:
    """Give a potentiostat that cycles the cell at its leads."""
    from tests.cycler_rig import open_cycler_rig

    async with open_cycler_rig(**_options(request)) as opened:
        yield opened


@pytest.fixture
async def mux_rig(request: pytest.FixtureRequest, transport: str) -> AsyncIterator[MuxRig]:
    """Give an open switch with the simulated relays behind it."""
    from tests.mux_rig import open_mux_rig

    async with open_mux_rig(**{"transport": transport} | _options(request)) as opened:
        await opened.multiplexer.open()
        yield opened


@pytest.fixture
async def failing_store(store_path: Path) -> AsyncIterator[FailingStore]:
    """Give a store whose disk fails when the test says so."""
    from tests.outage import Outage, open_failing_store

    with open_failing_store(store_path, Outage()) as opened:
        yield opened


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """Give a client of the API of a service on a rig of eight channels."""
    from tests.api_client import serving

    async with serving(tmp_path / "api.db") as opened:
        yield opened
