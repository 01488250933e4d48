"""Serves simulated instruments in separate processes, for ``cellrig serve --simulate`` and for other clients.

A service and its simulated rack go by one clock, which the bench file names. Waits for another process, which takes
real time to answer however fast that clock is, are written into the bench file as so much longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from drivers.errors import SettingsError
from drivers.neware.settings import NewareSettings
from drivers.smu import SmuModel
from orchestrator.bench.settings import BenchSettings, load_bench
from orchestrator.bench.simulated import SIMULATED_DEVID, jobs_place
from orchestrator.bench.simulated_oven import served_oven_table
from orchestrator.bench.simulated_smus import SIMULATED_SMUS, serial_of
from orchestrator.clock.scaled import ScaledClock

_POLL_S = 0.25
"""Real time from one look at the rack to the next, where that is more than five seconds of its own."""
_PROCESS_POLL_S = 0.01
"""The same from one look at the potentiostat's process to the next: the cell at its leads rests meanwhile. Looked at
four times in a second too, at 3600 it would rest for hours of the rack's clock behind the end of each measurement."""
_DECISION_S = 0.05
"""Real time between two decisions on a source meter, where that is more than a quarter second of its own."""
_MOST_SMU_SPEED = 30.0
"""A faster clock leaves the source meters out: their decisions are this computer's, and would be seconds apart."""
_MOST_OVEN_SPEED = 30.0
"""The same for the oven: it is read every 15 s of the rack's clock at least, or an open door is not told."""
_IN_OVEN = (f"{SIMULATED_DEVID}-1-7", f"{SIMULATED_DEVID}-1-8")
_BEAT_AND_MORE_S = 10.0


def standing_rack(store: Path) -> BenchSettings | None:
    """Return the bench of the simulated rack of a store that still runs from before; None when there is none."""
    bench = _bench_file(store)
    if bench.exists():
        before = load_bench(bench)
        rack = _rack_of(before)
        with contextlib.suppress(OSError), socket.create_connection((rack.host, rack.port), timeout=1.0):
            return before
    return None


def ensure_simulated_rack(
    store: Path, speed: float | None, last_unix_s: float = 0.0, seed: int = 1, cells: Path | None = None
) -> tuple[BenchSettings, str]:
    """Start a simulated rack in a process of its own, or find the running one; return its bench and what to say of it.

    It rides on when the service dies, as a real tester does; it ends after ten minutes without a client. A rack from
    before keeps its clock, its speed and its cells, and what was asked for and is not so is said. A new one's clock
    begins behind ``last_unix_s``, when the store was last served; its holders are empty, but for those of the file
    ``cells``. Raises SettingsError for a wrong file.
    """
    from simulators.bench import read_cells, read_entries

    in_file: dict[str, str] = {}
    if cells is not None:
        try:
            read_cells(cells, seed)
            in_file = {channel: entry.words for channel, entry in read_entries(cells).items()}
        except ValueError as err:
            raise SettingsError(str(err)) from err
    if (before := standing_rack(store)) is not None:
        return before, _told_of_standing(before, speed, cells)
    clock = _next_clock(1.0 if speed is None else speed, last_unix_s)
    jobs = tempfile.mkdtemp(prefix="cellrig-jobs-", dir=jobs_place(store.absolute().parent))
    process, addresses = _started_rack(clock, seed, cells)
    bench = _bench_file(store)
    steps = bench.with_name(f"{store.name}.step-files")
    steps.mkdir(exist_ok=True)
    bench.write_text(_simulated_bench(steps, jobs, addresses, clock, in_file), encoding="utf-8")
    where = f"simulated rack at {addresses[0]}, process {process}; it goes on when the service dies"
    settings = load_bench(bench)
    return settings, f"{where}\n{_cells_in(settings)}{_oven_in(settings)}"


def _bench_file(store: Path) -> Path:
    return store.absolute().with_name(f"{store.name}.simulated.toml")


def _rack_of(bench: BenchSettings) -> NewareSettings:
    (rack,) = (tester for tester in bench.tester if isinstance(tester, NewareSettings))
    return rack


def _told_of_standing(bench: BenchSettings, speed: float | None, cells: Path | None) -> str:
    """Say of a rack from before what it keeps, and which options are therefore not used."""
    rack, clock = _rack_of(bench), bench.clock
    said = f"the simulated rack from before still runs at {rack.host}:{rack.port}"
    said += f", {clock.speed:g} times as fast as real ones" if clock else ""
    unused = [] if speed is None or (clock and clock.speed == speed) else [f"--speed {speed:g}"]
    unused += [] if cells is None else ["--cells"]
    if unused:
        verb = "is" if len(unused) == 1 else "are"
        said += f"; it keeps its clock and its cells, so that {' and '.join(unused)} {verb} NOT used: for another "
        said += "rack end this service, and start it again when the rack has ended, ten minutes after its last client"
    return f"{said}\n{_cells_in(bench, standing=True)}{_oven_in(bench)}"


def _oven_in(bench: BenchSettings) -> str:
    """Say which channels are inside an oven, in a line of its own; nothing where there is none."""
    return "".join(f"\n{oven.name} has {' and '.join(oven.places)} inside" for oven in bench.oven)


def _cells_in(bench: BenchSettings, *, standing: bool = False) -> str:
    """Say which cells the holders of a simulated rack have, and get; orders may have put more into a standing one."""
    if bench.holders is None:
        return "its channels 1 to 4 hold coated-li-li, 5 to 8 coated-lfp, whatever is ordered"
    there = ", ".join(f"{channel} {words}" for channel, words in bench.holders.cells.items())
    others = "the other holders" if there else "its holders"
    rule = "an order puts a fresh cell in: the model of the cell's name, else the usual one of its kind"
    said = f"{others} keep their cells; where one is empty, {rule}" if standing else f"{others} are empty; {rule}"
    return f"cells of --cells: {there}; {said}" if there else said


def _started_rack(clock: ScaledClock, seed: int, cells: Path | None) -> tuple[int, list[str]]:
    """Start the process; return its id and the addresses of rack, CHI660E, switch, oven with its hands, source meters.

    Raises SettingsError.
    """
    command = [sys.executable, "-m", "simulators", "ct4008", "--port", "0", "--negative-voltage", "--idle-exit", "600"]
    command += ["--chi", "0", "--switch", "0", "--empty", "--speed", str(clock.speed), "--seed", str(seed)]
    smus = _smus_at(clock.speed)
    for model in smus.values():
        command += ["--smu", model.value]
    places = _places_in_oven(clock.speed)
    command += ["--oven", "0", "--oven-places", ",".join(places)] if places else []
    command += ["--clock", repr(clock.epoch_unix_s), repr(clock.origin_s)]
    command += [] if cells is None else ["--cells", str(cells)]
    process = subprocess.Popen(  # noqa: S603 - a program of ours, with numbers
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    # The rack, the CHI660E's control socket, its switch, the oven, the hands at it, each source meter: one line each,
    # which ends with HOST:PORT behind a blank or an equals sign.
    told: list[str] = []
    if process.stdout is not None:
        with process.stdout as lines:
            told = [lines.readline().strip() for _ in range(3 + (2 if places else 0) + len(smus))]
    addresses = [line.replace("=", " ").rpartition(" ")[2] for line in told]
    if not all(":" in address for address in addresses):
        raise SettingsError("the simulated rack did not start; try 'cellrig simulate ct4008' to see why")
    return process.pid, addresses


def _next_clock(speed: float, last_unix_s: float) -> ScaledClock:
    """Return a clock that begins now, or after the last time of an earlier fast one, so that no time is repeated."""
    now_s = time.time()
    # The last time is told every few seconds; what was stored after that is no later than this.
    epoch_s = now_s if last_unix_s <= now_s else last_unix_s + _BEAT_AND_MORE_S * speed
    return ScaledClock(speed, epoch_s, time.monotonic())


def _simulated_bench(steps: Path, jobs: str, addresses: list[str], clock: ScaledClock, cells: Mapping[str, str]) -> str:
    """Write the bench file of a rack that is a process of its own, with all instruments beside it."""
    from simulators.chi660e.launching import program

    rack, chi, switch, *others = addresses
    places = _places_in_oven(clock.speed)
    (oven, _), smus = (others[:2], others[2:]) if places else (("", ""), others)
    host, _, port = rack.partition(":")
    interpreter, *arguments = program()
    channels = [*(f"{SIMULATED_DEVID}-1-{n}" for n in range(1, 9)), *_smus_at(clock.speed)]
    ports = "".join(f'{n} = "{channel}"\n' for n, channel in enumerate(channels, 1))
    in_holders = "".join(f"{json.dumps(channel)} = {json.dumps(words)}\n" for channel, words in cells.items())
    folder = json.dumps(str(steps))

    def real(seconds: float) -> str:
        return f"{seconds * max(1.0, clock.speed):.17g}"

    return (
        f"simulated = true\n\n"
        f"[clock]\nspeed = {clock.speed!r}\nepoch_unix_s = {clock.epoch_unix_s!r}\norigin_s = {clock.origin_s!r}\n\n"
        f'[[tester]]\nname = "simulated-ct4008"\nhost = "{host}"\nport = {port}\n'
        f"poll_period_s = {max(5.0, _POLL_S * clock.speed)!r}\nreply_timeout_s = {real(30)}\n"
        f"confirm_timeout_s = {real(30)}\n"
        f"step_files = {folder}\nstep_files_on_bts_pc = {folder}\npower_per_w = 1e3\nresistance_per_ohm = 1e3\n"
        f"[[tester.units]]\ndevid = {SIMULATED_DEVID}\nsubdevid = 1\nvoltage_low_v = -5.0\n\n"
        f"{_smu_tables(smus, clock.speed)}"
        f"{served_oven_table(oven, places, clock.speed) if places else ''}"
        f'[potentiostat]\nname = "simulated-chi660e"\nprogram = {json.dumps(interpreter)}\n'
        f'program_arguments = {json.dumps(arguments)}\njobs = {json.dumps(jobs)}\nworking_folder = "job"\n'
        f'command_line = "list"\nhost_loss = "stops"\nenvironment = {{ CHI660E_SIM_BENCH = "{chi}" }}\n'
        f"start_timeout_s = {real(30)}\ndeadline_margin_s = {real(60)}\nsettle_timeout_s = {real(15)}\n"
        f"poll_period_s = {max(0.5, _PROCESS_POLL_S * clock.speed)!r}\n\n"
        f'[multiplexer]\nkind = "relay-mux"\nname = "simulated-relays"\nport = "socket://{switch}"\n'
        f'identity = "RM0001"\nports = {len(channels)}\nisolates_tester = "yes"\n'
        f"reply_timeout_s = {real(2)}\n[multiplexer.channels]\n{ports}\n"
        f'[holders]\nhands = "{chi}"\n[holders.cells]\n{in_holders}'
    )


def _smus_at(speed: float) -> Mapping[str, SmuModel]:
    """Return the source meters of a served rack with this clock."""
    return SIMULATED_SMUS if speed <= _MOST_SMU_SPEED else {}


def _places_in_oven(speed: float) -> tuple[str, ...]:
    """Return the channels inside the oven of a served rack with this clock; none without the extra ``oven``."""
    return _IN_OVEN if speed <= _MOST_OVEN_SPEED and find_spec("pymodbus") is not None else ()


def _smu_tables(addresses: list[str], speed: float) -> str:
    """Write the source meters of a bench file. Their decisions are as close as two processes can follow each other."""

    def real(seconds: float) -> str:
        return f"{seconds * max(1.0, speed):.17g}"

    if not addresses:
        return ""
    units = ""
    for (channel, model), address in zip(SIMULATED_SMUS.items(), addresses, strict=True):
        host, _, port = address.partition(":")
        units += (
            f'[[tester.units]]\nchannel = "{channel}"\nmodel = "{model}"\nserial = "{serial_of(channel)}"\n'
            f'resource = "TCPIP::{host}::{port}::SOCKET"\n'
            f"reply_timeout_s = {real(5)}\nconnect_timeout_s = {real(5)}\n"
        )
    return (
        f'[[tester]]\nkind = "smu"\nname = "simulated-smus"\npoll_period_s = {max(5.0, _POLL_S * speed)!r}\n'
        f"interval_s = {max(0.25, _DECISION_S * speed)!r}\n"
        f"fastest_interval_s = {max(0.05, _DECISION_S * speed)!r}\n"
        f"decision_timeout_s = {real(10)}\norder_timeout_s = {real(10)}\nopen_circuit_age_s = {real(60)}\n"
        f"accept_unknown_host_loss = true\n{units}\n"
    )


def serve_simulated_ct4008(
    *,
    port: int,
    units: int,
    speed: float,
    seed: int,
    negative_voltage: bool,
    cells: Path | None,
    announce: Callable[[str], None],
    vendor: Path | None = None,
    with_faults: bool = False,
    aux: str = "",
    cell: str = "",
) -> None:
    """Serve a simulated CT-4008 on loopback until Ctrl-C; ``vendor`` gets step files of tests that run on it already.

    Raises SettingsError for a bad cells file or a taken port.
    """
    from simulators.tcp_serving import VendorTests, serve_ct4008

    try:
        asyncio.run(
            serve_ct4008(
                port=port,
                units=units,
                speed=speed,
                seed=seed,
                negative_voltage=negative_voltage,
                cells_file=cells,
                announce=announce,
                vendor=None if vendor is None else VendorTests(vendor, with_faults),
                aux_temperature=aux,
                cell=cell,
            )
        )
    except (ValueError, OSError) as err:
        raise SettingsError(str(err)) from err


def serve_simulated_oven(
    *,
    port: int,
    model: str,
    unit: int | None,
    speed: float,
    rtu: bool,
    echo: bool,
    control: int | None,
    announce: Callable[[str], None],
) -> None:
    """Serve a simulated oven on loopback until Ctrl-C. Raises SettingsError for an unknown model or a taken port."""
    from simulators.oven.serve import ServedOven, serve_oven

    served = ServedOven(model, unit, speed, rtu, echo, control)
    serving = serve_oven(
        served, port=port, announce=announce, announce_hands=lambda address: announce(f"hands on {address}")
    )
    try:
        asyncio.run(serving)
    except (ValueError, OSError) as err:
        raise SettingsError(str(err)) from err


def serve_simulated_mux(
    *, port: int, ports: int, announce: Callable[[str], None], on_select: Callable[[int | None], None]
) -> None:
    """Serve a simulated relay switch on loopback until Ctrl-C. Raises SettingsError for a taken port."""
    from simulators.mux.serve import serve_mux

    try:
        asyncio.run(serve_mux(port=port, ports=ports, announce=announce, on_select=on_select))
    except (ValueError, OSError) as err:
        raise SettingsError(str(err)) from err


def serve_simulated_smu(
    *,
    model: str,
    port: int,
    cells: tuple[str, ...],
    channels: int,
    speed: float,
    seed: int,
    control: int | None,
    announce: Callable[[str], None],
) -> None:
    """Serve simulated source meters on loopback until Ctrl-C. Raises SettingsError for a wrong model, cell or port."""
    from simulators.smu.serve import SmuOptions, serve_smu

    options = SmuOptions(model, cells or SmuOptions().cells, channels, speed, seed, control)
    try:
        asyncio.run(
            serve_smu(options, port=port, announce=announce, announce_control=lambda it: announce(f"hands on {it}"))
        )
    except (ValueError, OSError) as err:
        raise SettingsError(str(err)) from err
