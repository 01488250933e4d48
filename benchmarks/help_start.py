"""How long ``cellrig --help`` takes, in turns with a bare interpreter and with the smallest typer program."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.demo import cellrig
from benchmarks.figures import Aim, Figure, Size
from benchmarks.starts import started

_AIM = Aim(1.25, at_most=True)

# The same help format as cellrig's: without it typer loads rich to draw boxes.
_SMALLEST = '''
import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def greet(name: str) -> None:
    """Say hello."""
    typer.echo(f"hello {name}")


app()
'''


def measure(size: Size) -> list[Figure]:
    """Start all three by turns, at least ten times each; the first turn warms the disk and is dropped."""
    with tempfile.TemporaryDirectory() as folder:
        smallest = Path(folder) / "smallest.py"
        smallest.write_text(_SMALLEST, "utf-8")
        commands = {
            "cellrig --help": [cellrig(), "--help"],
            "bare typer --help": [sys.executable, str(smallest), "--help"],
            "python -c pass": [sys.executable, "-c", "pass"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        processor: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(size.of(31, 11, 1)):
            for name, command in commands.items():
                taken_ms, processor_ms = started(command)
                if turn or size is Size.SMOKE:
                    times[name].append(taken_ms)
                    processor[name].append(processor_ms)
    figures = []
    for name, found in times.items():
        aim = Aim(150, at_most=True) if name == "cellrig --help" else None
        figures.append(Figure(f"{name}, median", median(found), "ms", aim))
        figures.append(Figure(f"{name}, fastest", min(found), "ms"))
    ours, typer, python = (min(found) for found in times.values())
    least, typer_least, _ = (min(found) for found in processor.values())
    return [
        *figures,
        Figure("cellrig --help / bare typer, fastest", ours / typer, "x"),
        Figure("cellrig --help / bare typer, least processor time", least / (typer_least or 1.0), "x", _AIM),
        Figure("cellrig --help / bare interpreter, fastest", ours / python, "x"),
    ]
