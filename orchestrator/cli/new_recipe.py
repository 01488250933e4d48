"""``cellrig recipe new``: five questions, or as many options, and a recipe that loads."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.arguments import complete_cell
from orchestrator.cli.forecasts import tell
from orchestrator.cli.output import FAILED, WRONG_USE, fail, print_json, say

if TYPE_CHECKING:
    from protocols.cell import CellKind
    from protocols.new_recipe import Answers
    from protocols.program import Program
    from protocols.recipe import Recipe

_NAME_MAX = 64

Kind = Annotated[str, typer.Option("--kind", metavar="KIND", help="Kind of cell: li-li, lfp, li-cu or other.")]
Test = Annotated[str, typer.Option("--test", metavar="TEST", help="Which test; the question lists those of the kind.")]
OfCurrent = Annotated[
    str, typer.Option("--current", metavar="CURRENT", help="Current or rate, as '0.2 mA/cm2' or 'C/10, C/2, 1 C'.")
]
Cutoffs = Annotated[str, typer.Option("--cutoffs", metavar="LOW,HIGH", help="Both cutoffs, as '2.8 V, 4.0 V'.")]
Cycles = Annotated[str, typer.Option("--cycles", metavar="N", help="How many cycles.")]
OnCell = Annotated[
    str | None,
    typer.Option(
        "--cell",
        metavar="CELL",
        help="Cell of the proof and forecast at the end; else a shipped one of the kind.",
        autocompletion=complete_cell,
    ),
]


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recipe to write; its name is that of the file.")],
    kind: Kind = "",
    test: Test = "",
    current: OfCurrent = "",
    cutoffs: Cutoffs = "",
    cycles: Cycles = "",
    cell: OnCell = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given is as usual.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Ask nothing, and print what was written as JSON.")] = False,
) -> None:
    """Write a recipe from five answers.

    It asks for the kind of cell, the test, its current or rate, its cutoffs and its cycles; an empty answer is the
    usual one. What is given as an option is not asked; without a terminal nothing is. At the end: proof and forecast.
    """
    from protocols.loading import parse_recipe
    from protocols.new_recipe import new_recipe

    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem)[:_NAME_MAX].strip("-.") or "mine"
    if file.exists():
        fail(f"{file} is there already; give another name", FAILED)
    if file.suffix not in {".yaml", ".yml"}:
        fail(f"{file}: a recipe's name ends in .yaml", WRONG_USE)
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not yes and not json
    answers = _answers((kind, test, current, cutoffs, cycles), asks=asks)
    text = new_recipe(name, answers)
    recipe = parse_recipe(text, str(file))
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as err:
        fail(f"{file} cannot be written ({err.strerror}); give another place", FAILED)
    _tell(recipe, file, _program(recipe, answers.kind, cell), json=json)


def _answers(given: tuple[str, str, str, str, str], *, asks: bool) -> Answers:
    """Ask for what is not given; each answer is looked at before the next question."""
    from protocols.cell import CellKind
    from protocols.new_recipe import answered, read_current, read_cutoffs, read_cycles
    from protocols.quantities import QuantityError
    from protocols.recipe_patterns import PATTERNS

    kind, test, current, cutoffs, cycles = given
    kinds = {one.value: one for one in CellKind}
    the_kind = kinds[_one_of("kind", "Kind of cell", list(kinds), kind, asks=asks)]
    patterns = PATTERNS[the_kind]
    told = "".join(f"\n  {name}: {pattern.title}" for name, pattern in patterns.items())
    name = _one_of("test", f"Which test?{told}\nTest", list(patterns), test, asks=asks)
    pattern = patterns[name]
    if asks and not current:
        several = ", or several" if pattern.several else ""
        current = _asked(f"Current or rate{several}", pattern.current, lambda text: read_current(text, pattern))
    if asks and not cutoffs:
        cutoffs = _asked("Cutoffs, the lower one first", pattern.cutoffs, read_cutoffs)
    if asks and not cycles and pattern.counts:
        cycles = _asked(f"How many {pattern.counts}", str(pattern.cycles), read_cycles)
    try:
        return answered(the_kind, name, current, cutoffs, cycles)
    except QuantityError as err:
        fail(str(err), WRONG_USE)


def _one_of(option: str, question: str, choices: list[str], given: str, *, asks: bool) -> str:
    """Give a choice that was given or asked for; the first is the usual one."""

    def known(text: str) -> None:
        if text not in choices:
            raise ValueError(f"{text[:40]!r} is none of {', '.join(choices)}")

    if not given:
        return _asked(question, choices[0], known) if asks else choices[0]
    if given not in choices:
        fail(f"--{option} {given[:40]!r}: there are {', '.join(choices)}", WRONG_USE)
    return given


def _asked(question: str, usual: str, read: Callable[[str], object]) -> str:
    """Ask until the answer can be read."""
    while True:
        text: str = typer.prompt(question, default=usual, err=True).strip()
        try:
            read(text)
        except ValueError as err:
            say(str(err), err=True)
        else:
            return text


def _program(recipe: Recipe, kind: CellKind, cell: str | None) -> Program | None:
    """Resolve the recipe for the cell that was named, else for a shipped one of the kind; None where there is none."""
    from protocols.loading import load_cell, shipped_cells
    from protocols.resolve import resolve

    if cell is not None:
        return resolve(recipe, load_cell(cell))
    fitting = (one for one in map(load_cell, shipped_cells()) if one.kind is kind)
    first = next(fitting, None)
    return None if first is None else resolve(recipe, first)


def _tell(recipe: Recipe, file: Path, program: Program | None, *, json: bool) -> None:
    from orchestrator.clock.durations import duration_words
    from protocols.forecast import forecast
    from protocols.plausibility import plausibility
    from protocols.proof import CounterExample, prove

    proof = None if program is None else prove(program)
    doubts = () if program is None else plausibility(program).sentences
    if json:
        told: dict[str, Any] = {"file": str(file), "recipe": recipe.name, "title": recipe.title}
        on = None if program is None else program.cell.name
        print_json({**told, "cell": on, "proof": None if proof is None else proof.as_json(), "implausible": doubts})
    else:
        say(f"{file} is written: {recipe.title}")
    if isinstance(proof, CounterExample):
        fail(f"{file}: it must not run as it is: {proof}", FAILED)
    if json:
        return
    if program is None or proof is None:
        say(f"no shipped cell is of this kind: look with cellrig recipe forecast {file} --cell CELL")
        return
    ends, passes = proof.told(duration_words, forecast(program).between_s)
    say(f"Proven: {ends}")
    say(passes, 2)
    if doubts:
        say(f"{recipe.name} is implausible with {program.cell.name}:")
        for doubt in doubts:
            say(f"- {doubt}")
    tell(program, json=False)
