"""Runs a simulated instrument from a shell: ``python -m simulators ct4008 --port 5020 --speed 3600``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from simulators.mux.serve import serve_mux
from simulators.oven.beside import OvenBeside
from simulators.oven.controller import shipped_controllers
from simulators.oven.serve import ServedOven, serve_oven
from simulators.smu import MODELS
from simulators.smu.serve import SmuOptions, serve_smu
from simulators.tcp_serving import ChiBeside, SmusBeside, serve_ct4008


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the instrument that the arguments name until interrupted; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulators", description="Simulated battery instruments.")
    instruments = parser.add_subparsers(dest="instrument", required=True)
    ct4008 = instruments.add_parser("ct4008", help="a Neware CT-4008 behind its BTS client's API")
    ct4008.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    ct4008.add_argument("--port", type=int, default=502, help="TCP port, 0 picks a free one (default: 502)")
    ct4008.add_argument("--units", type=int, default=1, help="units of eight channels (default: 1)")
    ct4008.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second (default: 1)")
    ct4008.add_argument("--seed", type=int, default=1, help="decides everything random (default: 1)")
    ct4008.add_argument("--negative-voltage", action="store_true", help="units that can force negative voltage")
    ct4008.add_argument("--cells", metavar="FILE", help="TOML file: which cell sits in which channel")
    ct4008.add_argument("--empty", action="store_true", help="channels that --cells does not name begin empty")
    ct4008.add_argument("--idle-exit", type=float, metavar="S", help="end after so long without a client")
    ct4008.add_argument(
        "--chi", type=int, metavar="PORT", help="put a CHI660E beside it: control socket, 0 picks a port"
    )
    ct4008.add_argument("--chi-channel", metavar="CHANNEL", help="the CHI660E's leads are on this cell (default: none)")
    ct4008.add_argument("--switch", type=int, metavar="PORT", help="with --chi: a switch brings any cell to its leads")
    ct4008.add_argument(
        "--smu", action="append", metavar="MODEL", choices=sorted(MODELS), help="a source meter beside it; repeatable"
    )
    ct4008.add_argument(
        "--clock", nargs=2, type=float, metavar="S", help="its first second (unix), and when that was (monotonic)"
    )
    ct4008.add_argument("--oven", type=int, metavar="PORT", help="put an oven beside it: Modbus TCP, 0 picks a port")
    ct4008.add_argument("--oven-places", default="", metavar="CHANNELS", help="whose cells are inside, with commas")
    ct4008.add_argument("--oven-hands", type=int, default=0, metavar="PORT", help="port of the hands at it")
    ct4008.set_defaults(serve=_ct4008)
    _add_oven(instruments)
    mux = instruments.add_parser("mux", help="a relay switch that speaks ASCII lines in the manner of SCPI")
    mux.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    mux.add_argument("--port", type=int, default=5025, help="TCP port, 0 picks a free one (default: 5025)")
    mux.add_argument("--ports", type=int, default=8, help="cells that it can reach (default: 8)")
    mux.add_argument("--terminal", type=Path, metavar="FILE", help="be a serial port of this name, not TCP (POSIX)")
    mux.set_defaults(serve=_mux)
    _add_smu(instruments)
    chosen = parser.parse_args(arguments)
    try:
        # Ctrl-C is how a server ends.
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(chosen.serve(chosen))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _add_oven(instruments: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the oven."""
    oven = instruments.add_parser("oven", help="an oven whose temperature controller speaks Modbus")
    oven.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    oven.add_argument("--port", type=int, default=502, help="TCP port, 0 picks a free one (default: 502)")
    oven.add_argument("--model", default="eurotherm-3216", choices=shipped_controllers(), help="its controller")
    oven.add_argument("--unit", type=int, help="its unit number (default: 32 or 33, by the model)")
    oven.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second (default: 1)")
    oven.add_argument("--rtu", action="store_true", help="RTU frames through TCP, as a serial server gives them")
    oven.add_argument("--echo", action="store_true", help="a line that gives back what is sent, with --rtu")
    oven.add_argument("--control", type=int, metavar="PORT", help="port of the hands at the oven, 0 picks one")
    oven.add_argument("--terminal", type=Path, metavar="FILE", help="be a serial port of this name, not TCP (POSIX)")
    oven.set_defaults(serve=_oven)


def _add_smu(instruments: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the source meters."""
    smu = instruments.add_parser("smu", help="source meters with a cell each, in SCPI")
    smu.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    smu.add_argument("--port", type=int, default=5025, help="TCP port of the first, 0 picks free ones (default: 5025)")
    smu.add_argument("--model", default="keithley-2450", choices=sorted(MODELS), help="(default: keithley-2450)")
    smu.add_argument("--cell", action="append", metavar="MODEL", help="cell model (default: coated-li-li); repeatable")
    smu.add_argument("--channels", type=int, default=1, help="units, one port each (default: 1)")
    smu.add_argument("--speed", type=float, default=1.0, help="simulated seconds per real second (default: 1)")
    smu.add_argument("--seed", type=int, default=1, help="decides everything random (default: 1)")
    smu.add_argument("--control", type=int, metavar="PORT", help="port of the hands at the units, 0 picks one")
    smu.add_argument("--terminal", type=Path, metavar="FILE", help="be a serial port of this name, not TCP (POSIX)")
    smu.add_argument("--baud", type=int, default=9600, help="speed of the serial port (default: 9600)")
    smu.set_defaults(serve=_smu)


def _smu(chosen: argparse.Namespace) -> Coroutine[Any, Any, None]:
    options = SmuOptions(
        chosen.model,
        tuple(chosen.cell or SmuOptions().cells),
        chosen.channels,
        chosen.speed,
        chosen.seed,
        chosen.control,
        chosen.baud,
    )
    return serve_smu(options, chosen.host, chosen.port, _announce, _announce_hands, chosen.terminal)


def _ct4008(chosen: argparse.Namespace) -> Coroutine[Any, Any, None]:
    return serve_ct4008(
        chosen.host,
        chosen.port,
        chosen.units,
        chosen.speed,
        chosen.seed,
        chosen.negative_voltage,
        chosen.cells,
        _announce,
        chosen.idle_exit,
        None if chosen.chi is None else _chi(chosen),
        None if chosen.clock is None else (chosen.clock[0], chosen.clock[1]),
        empty_holders=chosen.empty,
        oven=None if chosen.oven is None else _oven_beside(chosen),
        smus=SmusBeside(tuple(chosen.smu), _announce_smu) if chosen.smu else None,
    )


def _chi(chosen: argparse.Namespace) -> ChiBeside:
    return ChiBeside(chosen.chi, chosen.chi_channel, chosen.switch, _announce_chi, _announce_switch)


def _oven_beside(chosen: argparse.Namespace) -> OvenBeside:
    places = tuple(filter(None, chosen.oven_places.split(",")))
    return OvenBeside(places, chosen.oven, chosen.oven_hands, announce=_announce_oven, announce_hands=_announce_hands)


def _mux(chosen: argparse.Namespace) -> Coroutine[Any, Any, None]:
    return serve_mux(chosen.host, chosen.port, chosen.ports, _announce, _show_port, chosen.terminal)


def _oven(chosen: argparse.Namespace) -> Coroutine[Any, Any, None]:
    served = ServedOven(chosen.model, chosen.unit, chosen.speed, chosen.rtu, chosen.echo, chosen.control)
    return serve_oven(served, chosen.host, chosen.port, _announce, _announce_hands, chosen.terminal)


def _announce_oven(address: str) -> None:
    sys.stdout.write(f"oven on {address}\n")
    sys.stdout.flush()


def _announce(address: str) -> None:
    sys.stdout.write(f"listening on {address}\n")
    sys.stdout.flush()


def _announce_switch(address: str) -> None:
    sys.stdout.write(f"switch on {address}\n")
    sys.stdout.flush()


def _announce_smu(address: str) -> None:
    sys.stdout.write(f"source meter on {address}\n")
    sys.stdout.flush()


def _announce_hands(address: str) -> None:
    sys.stdout.write(f"hands on {address}\n")
    sys.stdout.flush()


def _announce_chi(address: str) -> None:
    sys.stdout.write(f"CHI660E_SIM_BENCH={address}\n")
    sys.stdout.flush()


def _show_port(port: int | None) -> None:
    sys.stdout.write(f"port {'none' if port is None else port}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
