"""``cellrig commission``: a guided first contact with an instrument, on a resistor."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from orchestrator.cli.answers import UNKNOWN, chosen, number
from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, Json, StoreFile, complete_channel
from orchestrator.cli.client import By, named
from orchestrator.cli.extras import need
from orchestrator.cli.output import DONE, FAILED, WRONG_USE, fail, print_json, say, stopped_by_ctrl_c
from orchestrator.cli.typed import typed

if TYPE_CHECKING:
    from orchestrator.commissioning.order import Commission
    from orchestrator.commissioning.progress import Progress
    from orchestrator.commissioning.questions import Asked

Answer = TypeVar("Answer")


class Kind(StrEnum):
    """The kinds of instruments that can be commissioned."""

    CT4008 = "ct4008"
    CHI660E = "chi660e"
    MUX = "mux"
    SMU = "smu"
    OVEN = "oven"


class _AtTheTerminal:
    """The operator, who reads on stderr and types; ``agrees_to_all`` types yes to everything, on a simulated bench."""

    def __init__(self, name: str, *, agrees_to_all: bool, is_quiet: bool) -> None:
        self.name = name
        self._agrees_to_all = agrees_to_all
        self._is_quiet = is_quiet

    def tell(self, sentence: str) -> None:
        """Print a sentence."""
        if not self._is_quiet:
            say(sentence, err=True)

    def agrees(self, question: str) -> bool:
        """Ask for a yes."""
        if self._agrees_to_all:
            return True
        with _answered():
            return typer.confirm(question, err=True)

    async def chooses(self, question: str, choices: Sequence[str]) -> str | None:
        """Ask for one of some words until it is one of them."""
        return await _until_read(f"{question} ({', '.join(choices)} or {UNKNOWN})", lambda said: chosen(said, choices))

    async def reads(self, question: str, unit: str) -> float | None:
        """Ask for a number until it is one."""
        return await _until_read(f"{question} ({unit} or {UNKNOWN})", lambda said: number(said, unit))


async def _until_read(question: str, read: Callable[[str], Answer]) -> Answer:
    """Ask until what is typed can be read."""
    while True:
        try:
            return read(await typed(question))
        except ValueError as err:
            say(str(err), err=True)


@contextmanager
def _answered() -> Iterator[None]:
    """Let Ctrl-C end a prompt at once: the loop's own way of it waits for the answer first.

    No answer any more, as from a closed terminal, is a Ctrl-C. What is on is switched off behind either.
    """
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except typer.Abort:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


def commission(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="The kind of instrument.")],
    channel: Annotated[
        str,
        typer.Option(
            "--channel",
            metavar="CHANNEL",
            help="The channel whose holder has the resistor; none for chi660e, oven, or with --simulate.",
            autocompletion=complete_channel,
        ),
    ] = "",
    bench: BenchFile = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Try it on the built-in simulated bench; nothing is written.")
    ] = False,
    resistor: Annotated[
        str, typer.Option("--resistor", metavar="OHM", help="The resistor in the holder, such as '1000 ohm'.")
    ] = "1000 ohm",
    largest: Annotated[
        str,
        typer.Option("--largest", metavar="CURRENT", help="No more flows, such as '1 mA'; else 1 V at the resistor."),
    ] = "",
    oven: Annotated[str, typer.Option("--oven", metavar="NAME", help="Which oven, where there are several.")] = "",
    warmest: Annotated[
        str, typer.Option("--warmest", metavar="TEMPERATURE", help="An oven is set no higher, such as '40 degC'.")
    ] = "40 degC",
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAME", help="Ask this question again; may be repeated.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Begin anew where an earlier one was interrupted.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the questions, ask none.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to every question; on simulated benches alone.")] = False,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="The page to file; else beside the bench file.")
    ] = None,
    by: By = "",
    store: StoreFile = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Try an instrument on a resistor before its first cell.

    It finds out what the manuals leave open and writes it into the bench file. Each question says what it will do, and
    the largest current or set point, before it does it; an oven is tried without cells. Interrupted, it goes on where
    it was. Status 1: something is wrong or open.
    """
    need("commission")
    if kind is Kind.OVEN:
        need("oven")
    from orchestrator.commissioning.running import check_names

    order = _order(kind, channel, bench, resistor, largest, only or (), simulate=simulate, anew=anew)
    if kind is Kind.OVEN:
        order = _in_oven(order, oven, warmest)
    check_names(order.kind, order.only)
    if listed:
        _list(order, json=json)
        return
    _commission(order, named(by), store, page, agrees_to_all=yes, json=json)


def _list(order: Commission, *, json: bool) -> None:
    """Print what every question will do."""
    from orchestrator.commissioning.running import listed, listed_words

    questions = listed(order)
    if json:
        print_json({"setup": asdict(order.setup()), "questions": questions})
    else:
        say("\n".join(listed_words(questions)))


def _commission(order: Commission, by: str, store: Path, page: Path | None, *, agrees_to_all: bool, json: bool) -> None:
    """Ask everything that is not answered yet, and file it."""
    from orchestrator.commissioning.order import NEED_A_PERSON
    from orchestrator.commissioning.running import settled

    is_simulated = order.bench is None or order.bench.is_simulated
    if agrees_to_all and not is_simulated:
        fail("--yes is for simulated benches: on a real one a person answers each question", WRONG_USE)
    if agrees_to_all and order.bench is not None and order.kind in NEED_A_PERSON:
        told = (
            f"--yes agrees, and reads no meter and moves no lead: the questions to {order.kind} have some that a person"
        )
        fail(f"{told} answers. Leave it out with a bench file; with --simulate they are answered too", WRONG_USE)
    person = _AtTheTerminal(by, agrees_to_all=agrees_to_all, is_quiet=json)
    progress = order.progress()
    if not agrees_to_all and not sys.stdin.isatty():
        fail("a person must be at the terminal to agree to each question", WRONG_USE)
    person.tell(f"{progress.setup.instrument} on {progress.setup.words}")
    if progress.asked:
        person.tell(f"going on behind {progress.asked[-1].question}; --anew begins anew")
    with stopped_by_ctrl_c("nothing was done"):
        if not person.agrees(progress.setup.must_be_so):
            fail("nothing was done", FAILED)
    with stopped_by_ctrl_c(f"interrupted, and {progress.setup.is_off}; the same command goes on where it was"):
        try:
            asked = _asked(order, person, progress, store)
        except KeyboardInterrupt:
            say(settled(order, progress), err=True)
            raise
    _finish(order, progress, asked, page, json=json)


def _order(
    kind: Kind,
    channel: str,
    bench: Path | None,
    resistor: str,
    largest: str,
    only: Sequence[str],
    *,
    simulate: bool,
    anew: bool,
) -> Commission:
    from orchestrator.bench.settings import load_bench
    from orchestrator.commissioning.order import USUAL_MOST_A, Commission, by_default
    from protocols.quantities import Dimension, parse_quantity

    if (bench is None) is not simulate:
        fail("name the instruments with --bench FILE, or try it with --simulate", WRONG_USE)
    try:
        ohm = parse_quantity(resistor, Dimension.RESISTANCE).value
        most_a = parse_quantity(largest, Dimension.CURRENT).value if largest else USUAL_MOST_A
    except ValueError as err:
        fail(str(err), WRONG_USE)
    if not ohm > 0:
        fail(f"a resistor has a resistance above zero, not {resistor}", WRONG_USE)
    there = None if bench is None else load_bench(bench)
    order = Commission(kind.value, there, bench, channel, ohm, most_a, tuple(only), anew)
    return order if largest else by_default(order)


def _in_oven(order: Commission, oven: str, warmest: str) -> Commission:
    """Return the order with an oven, and with the temperature that it does not pass."""
    from dataclasses import replace

    from protocols.quantities import Dimension, parse_quantity

    try:
        degc = parse_quantity(warmest, Dimension.TEMPERATURE).value
    except ValueError as err:
        fail(str(err), WRONG_USE)
    return replace(order, oven=oven, warmest_degc=degc)


def _asked(order: Commission, person: _AtTheTerminal, progress: Progress, store: Path) -> list[Asked]:
    from orchestrator.clock.ctrl_c import ended_in_order
    from orchestrator.clock.scaled import run_by
    from orchestrator.clock.virtual import run_virtual
    from orchestrator.commissioning.procedure import StillOn
    from orchestrator.commissioning.running import ask
    from orchestrator.rack.lock import AlreadyOwned, owning

    async def alone() -> list[Asked]:
        # A service that has the instruments must not have them at the same time.
        async with owning(store) as instance:
            instance.write_owner("", command="cellrig commission")
            return await ask(order, person, progress)

    try:
        if order.bench is None:
            return run_virtual(ask(order, person, progress))
        return run_by(order.bench.clock, ended_in_order(alone()))
    except AlreadyOwned as err:
        fail(str(err), FAILED)
    except StillOn as err:
        fail(f"{err}. Switch it off by hand, at the instrument", FAILED)


def _finish(order: Commission, progress: Progress, asked: list[Asked], page: Path | None, *, json: bool) -> None:
    from importlib.metadata import version

    from orchestrator.commissioning.questions import Outcome
    from orchestrator.commissioning.running import filed

    if page is None and order.path is not None:
        page = order.path.with_name(f"{order.path.stem}-commissioning-{progress.setup.file_part}.html")
    written = filed(order, progress, page, f"cellrig {version('cellrig')}", time.time())
    bad = [one for one in asked if one.found.outcome in (Outcome.WRONG, Outcome.UNDECIDED, Outcome.DECLINED)]
    if json:
        told = {"setup": asdict(progress.setup), "asked": [asdict(one) for one in asked]}
        print_json({**told, "copy": _text(written.copy), "page": _text(written.page)})
    else:
        for one in asked:
            for setting in one.found.settings:
                say(f"{setting.name} = {setting.value}  ({one.question})")
        if written.copy is not None:
            say(f"written into {order.path}; as it was: {written.copy}")
        if written.page is not None:
            say(f"page to file: {written.page}")
        if bad:
            say(f"left open or wrong: {', '.join(one.question for one in bad)}")
    raise typer.Exit(FAILED if bad else DONE)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
