"""``cellrig simulate``: instruments for any client, in any language."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.arguments import Seed
from orchestrator.cli.examples import examples

app = typer.Typer(
    help="Serve simulated instruments that speak the real ones' bytes.",
    epilog=examples(
        "cellrig simulate ct4008 --port 0 --speed 3600",
        "cellrig simulate mux --ports 8",
        "cellrig simulate oven --model omron-e5cc",
        "cellrig simulate smu --model keithley-2400 --port 0",
    ),
    no_args_is_help=True,
)


@app.command(
    epilog=examples(
        "cellrig simulate ct4008 --port 0 --speed 3600 --negative-voltage",
        "cellrig simulate ct4008 --speed 60 --negative-voltage --vendor . --faults",
        "cellrig simulate ct4008 --cell '1000 ohm' --negative-voltage",
        "cellrig simulate ct4008 --cells cells.toml --aux T1",
        needs='for the last a file such as:  21-1-3 = "bare-lfp"',
    )
)
def ct4008(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 picks a free one.")] = 5020,
    units: Annotated[int, typer.Option("--units", min=1, max=64, help="Units of eight channels.")] = 1,
    speed: Annotated[float, typer.Option("--speed", min=0.001, help="Simulated seconds in a real second.")] = 1.0,
    seed: Seed = 1,
    negative_voltage: Annotated[
        bool, typer.Option("--negative-voltage", help="Units that can drive a cell below zero volts.")
    ] = False,
    cells: Annotated[Path | None, typer.Option("--cells", help="TOML file: channel to cell model.")] = None,
    cell: Annotated[
        str, typer.Option("--cell", metavar="MODEL", help="In every other channel: a cell model, or '1000 ohm'.")
    ] = "",
    vendor: Annotated[
        Path | None,
        typer.Option(
            "--vendor",
            metavar="FOLDER",
            help="Run tests on every channel that can, as if the vendor's program had started them; their step files "
            "are written into this folder. For 'cellrig audit'.",
        ),
    ] = None,
    faults: Annotated[bool, typer.Option("--faults", help="With --vendor: four of the tests have faults.")] = False,
    aux: Annotated[
        str, typer.Option("--aux", metavar="NAME", help="An auxiliary input at each cell, shown as NAME: T1.")
    ] = "",
) -> None:
    """Serve a simulated CT-4008 behind its BTS API on 127.0.0.1.

    The first line printed is its address.
    """
    from contextlib import suppress

    from orchestrator.bench.serving import serve_simulated_ct4008

    if faults and vendor is None:
        raise typer.BadParameter("--faults are those of tests of --vendor FOLDER")
    if vendor is not None and not vendor.is_dir():
        raise typer.BadParameter(f"{vendor} is not a folder", param_hint="--vendor")
    # Ctrl-C is how a server ends.
    with suppress(KeyboardInterrupt):
        serve_simulated_ct4008(
            port=port,
            units=units,
            speed=speed,
            seed=seed,
            negative_voltage=negative_voltage,
            cells=cells,
            announce=_announce,
            vendor=vendor,
            with_faults=faults,
            aux=aux,
            cell=cell,
        )


class OvenModel(StrEnum):
    """The temperature controllers that can be simulated."""

    EUROTHERM_3216 = "eurotherm-3216"
    OMRON_E5CC = "omron-e5cc"


@app.command(
    epilog=examples(
        "cellrig simulate oven --model eurotherm-3216 --port 0 --speed 60",
        "cellrig simulate oven --model omron-e5cc --rtu --echo",
        "cellrig simulate oven --control 0",
    )
)
def oven(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 picks a free one.")] = 5502,
    model: Annotated[OvenModel, typer.Option("--model", help="Which controller.")] = OvenModel.EUROTHERM_3216,
    unit: Annotated[
        int | None, typer.Option("--unit", min=1, max=254, help="Its number; 32 or 33 by the model.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.001, help="Simulated seconds a second.")] = 1.0,
    rtu: Annotated[bool, typer.Option("--rtu", help="RTU frames through TCP, as a serial server has them.")] = False,
    echo: Annotated[bool, typer.Option("--echo", help="A line that gives back what is sent; with --rtu.")] = False,
    control: Annotated[
        int | None, typer.Option("--control", min=0, max=65535, help="Port of the hands that open its door.")
    ] = None,
) -> None:
    """Serve a simulated oven with a Modbus controller on 127.0.0.1.

    Its address is printed first, then that of the hands. It begins at room temperature, set to 25 degC. --speed is for
    other programs: runs of cellrig soak in real time, unless all go by one clock ('cellrig serve --simulate').
    """
    from contextlib import suppress

    from orchestrator.bench.serving import serve_simulated_oven

    # As above.
    with suppress(KeyboardInterrupt):
        serve_simulated_oven(
            port=port,
            model=model.value,
            unit=unit,
            speed=speed,
            rtu=rtu,
            echo=echo,
            control=control,
            announce=_announce,
        )


@app.command(epilog=examples("cellrig simulate mux --port 0 --ports 8"))
def mux(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="TCP port; 0 picks a free one.")] = 5025,
    ports: Annotated[int, typer.Option("--ports", min=1, max=1024, help="Cells that it can reach.")] = 8,
) -> None:
    """Serve a simulated relay switch on 127.0.0.1.

    Its address is printed first, then each port that it connects.
    """
    from contextlib import suppress

    from orchestrator.bench.serving import serve_simulated_mux

    # As above.
    with suppress(KeyboardInterrupt):
        serve_simulated_mux(
            port=port,
            ports=ports,
            announce=_announce,
            on_select=lambda selected: _announce(f"port {'none' if selected is None else selected}"),
        )


class SmuModel(StrEnum):
    """The source meters that can be simulated."""

    KEITHLEY_2400 = "keithley-2400"
    KEITHLEY_2450 = "keithley-2450"
    KEITHLEY_2460 = "keithley-2460"
    KEYSIGHT_B2901A = "keysight-b2901a"


@app.command(
    epilog=examples(
        "cellrig simulate smu --model keithley-2400 --port 0 --cell coated-lfp",
        "cellrig simulate smu --cell '1000 ohm'",
        "cellrig simulate smu --channels 16 --speed 60 --control 0",
    )
)
def smu(
    model: Annotated[
        SmuModel,
        typer.Option("--model", metavar="MODEL", help="keithley-2400, keithley-2450, keithley-2460, keysight-b2901a."),
    ] = SmuModel.KEITHLEY_2450,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="TCP port of the first unit; 0 picks free ones.")
    ] = 5025,
    cell: Annotated[
        list[str] | None,
        typer.Option("--cell", help="Cell model, or '1000 ohm'; repeated: of one unit each."),
    ] = None,
    channels: Annotated[int, typer.Option("--channels", min=1, max=64, help="Units, one port each.")] = 1,
    speed: Annotated[
        float, typer.Option("--speed", min=0.001, help="How many simulated seconds pass in a real second.")
    ] = 1.0,
    seed: Seed = 1,
    control: Annotated[
        int | None, typer.Option("--control", min=0, max=65535, help="Port of the hands that pull cells out.")
    ] = None,
) -> None:
    """Serve simulated source meters on 127.0.0.1.

    Each has a cell at its output, and an address, which is printed on a line of its own. --speed is for other programs:
    cellrig carries a source meter's program out in real time, unless both have one clock ('cellrig serve --simulate').
    """
    from contextlib import suppress

    from orchestrator.bench.serving import serve_simulated_smu

    # As above.
    with suppress(KeyboardInterrupt):
        serve_simulated_smu(
            model=model.value,
            port=port,
            cells=tuple(cell or ()),
            channels=channels,
            speed=speed,
            seed=seed,
            control=control,
            announce=_announce,
        )


def _announce(address: str) -> None:
    # Scripts wait for this line: it must not sit in a buffer.
    print(address, flush=True)  # noqa: T201 - scripts read it, rich would wrap it
