"""The help of every command says in plain words what it does, and shows an example that can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from orchestrator.cli.app import app
from tests.command_line import cellrig, refused

# Any: its classes are typer's own, of a click that typer brings with it.
ROOT: Any = typer.main.get_command(app)
WIDTH = 80


def _commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the words by which each command and each group of commands is called."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, (*path, name))


COMMANDS = list(_commands(ROOT))


def _help(path: tuple[str, ...]) -> str:
    """Give the help of a command as a terminal of 80 columns shows it."""
    context = None
    for command, name in _way(path):
        context = command.context_class(command, parent=context, info_name=name, terminal_width=WIDTH)
        context.max_content_width = WIDTH
    assert context is not None
    return str(context.get_help())


def _way(path: tuple[str, ...]) -> Iterator[tuple[Any, str]]:
    """Give each command on the way to one, with its name."""
    command = ROOT
    yield command, "cellrig"
    for name in path:
        command = command.commands[name]
        yield command, name


def _examples(text: str) -> list[list[str]]:
    """Give the words of each example of a help text, without comments and what a shell does with the output."""
    lines = re.findall(r"^ +(cellrig .*)$", text.partition("Example")[2], re.MULTILINE)
    return [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]


def _read(words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read an example as the program does, and run nothing. Raises UsageError for what it would refuse."""
    monkeypatch.chdir(folder)
    command = ROOT
    left = words[1:]
    while inner := getattr(command, "commands", {}):
        command = inner[left.pop(0)]
    if "--help" not in left:
        command.make_context(command.name, left)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_has_examples_that_parse_and_fit(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 80 columns no example is broken; the program reads each, and the first or a later one is of this command."""
    text = _help(path)
    assert max(map(len, text.splitlines())) <= WIDTH
    found = _examples(text)
    assert found
    for words in found:
        _read(words, tmp_path, monkeypatch)
    assert any(words[1 : 1 + len(path)] == list(path) for words in found)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [path for path in COMMANDS if not path or len(path) == 1], ids=" ".join)
def test_lists_of_commands_cut_no_sentence(path: tuple[str, ...]) -> None:
    """What a command does is read in one line of the list that it stands in."""
    listed = _help(path).partition("Commands:")[2].partition("Example")[0]
    assert "..." not in listed


def test_numbers_have_a_unit_and_a_default() -> None:
    """A number that is no count says of what it is, and what is taken when nothing is said."""
    numbers: dict[str, str] = {}
    for path in COMMANDS:
        numbers |= re.findall(r"^  (--[\w-]+) <float[^>]*>(.*?)(?=^  -|\n\n)", _help(path), re.MULTILINE | re.DOTALL)
    assert numbers.keys() == {"--speed", "--series-ohm"}
    for name, words in numbers.items():
        assert re.search(r"\b(seconds|ohm)\b", words), name
        assert re.search(r"default: |unless\s+said", words), name


def test_program_alone_and_mistyped_commands_say_what_to_type() -> None:
    """Without a command the help is shown; a slip is answered with what was meant."""
    alone = cellrig()
    assert (alone.returncode, "Examples:" in alone.stdout + alone.stderr) == (2, True)
    refused(cellrig("recip"), 2, "Did you mean 'recipe'")
    refused(cellrig("cell", "shwo", "bare-lfp"), 2, "Did you mean 'show'", "cellrig cell -h")
    refused(cellrig("status", "--stor", "x"), 2, "--store")
    refused(cellrig("cell", "show", "bare-lpf"), 2, "Did you mean bare-lfp?")


@pytest.mark.parametrize("instrument", ["oven", "smu"])
def test_speed_of_a_simulator_says_whose_time_it_is(instrument: str) -> None:
    """Who soaks or rests beside a fast simulator waits in real time, and reads so before the trial."""
    said = " ".join(_help(("simulate", instrument)).split())
    assert "in real time, unless" in said
    assert "'cellrig serve --simulate'" in said
