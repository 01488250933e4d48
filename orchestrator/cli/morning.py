"""``cellrig morning``: what ran since yesterday, what stopped and why, and which cells need hands."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import DEFAULT_STORE, BenchFile, Json, StoreFile
from orchestrator.cli.client import NotServed, ServiceClient, Url
from orchestrator.cli.extras import need
from orchestrator.cli.output import DONE, FAILED, print_json, say
from orchestrator.cli.pages import Out, check_page, write_page
from orchestrator.cli.rack_words import rack_notes
from orchestrator.cli.run_filters import moment
from orchestrator.cli.tables import printable, width_of

if TYPE_CHECKING:
    from orchestrator.bench.notice_settings import NoticeSettings
    from orchestrator.notices.values import Outcome
    from orchestrator.report.morning import Morning
    from orchestrator.report.morning_live import LiveRack
    from orchestrator.report.morning_reading import Sources

_LASTING = r"(\d{1,5}) ?(h|d)"
_SECONDS = {"h": 3600.0, "d": 86_400.0}
# Mails are read at this width, on phones too.
_MAIL_WIDTH = 76

Since = Annotated[
    str, typer.Option("--since", metavar="TIME", help="36h, 3d, yesterday, 2026-11-27 or '2026-11-27 16:40'; else 24h.")
]
Mail = Annotated[
    list[str] | None,
    typer.Option("--mail", metavar="TARGET", help="Send it to a target of [notices] in --bench; may be repeated."),
]


def morning(
    since: Since = "",
    out: Out = None,
    mail: Mail = None,
    bench: BenchFile = None,
    text: Annotated[bool, typer.Option("--text", help="Print the text also where a page is written.")] = False,
    store: StoreFile = DEFAULT_STORE,
    url: Url = None,
    json: Json = False,
) -> None:
    """Report what ran since yesterday and which cells need hands.

    Also what stopped and why, what ends today, what was marked, and the state of the rig. As text, or with --out as one
    page of HTML with small pictures that needs nothing else; with --mail to people, as both. What runs now is asked of
    the service; without one the store alone tells it, and the report says so. Status 1: a target did not take it.
    """
    import time

    from orchestrator.report.morning_page import GENERATOR
    from orchestrator.report.morning_reading import NothingYet
    from orchestrator.report.morning_reading import morning as read
    from orchestrator.store import open_store

    check_page(out, GENERATOR)
    letters = _letters(mail or [], bench)
    now_unix_s = time.time()
    with open_store(store, read_only=True) as opened:
        try:
            report = read(opened, _sources(since, store, url, now_unix_s))
        except NothingYet as err:
            raise typer.BadParameter(str(err), param_hint="--since") from None
    if out is not None:
        from orchestrator.report.morning_page import page

        write_page(out, page(report))
    outcomes = letters.send(report) if letters is not None else ()
    if json:
        sent = [{"target": it.target, "status": it.status.value, "detail": it.detail} for it in outcomes]
        print_json({**report.as_dict(), "page": None if out is None else str(out), "mail": sent})
    else:
        _print(report, out, text or (out is None and not outcomes))
        for it in outcomes:
            say(f"{it.target}: {it.status.value}" + (f", {it.detail}" if it.detail else ""), err=not it.is_delivered)
    raise typer.Exit(DONE if all(it.is_delivered for it in outcomes) else FAILED)


def _print(report: Morning, out: Path | None, text: bool) -> None:
    if text:
        from orchestrator.cli.morning_text import text_of

        typer.echo(text_of(report, width_of(sys.stdout)))
    if out is not None:
        typer.echo(printable(str(out)))


def _sources(since: str, store: Path, url: str | None, now_unix_s: float) -> Sources:
    """Ask the service what runs now, and read --since. Raises BadParameter."""
    from orchestrator.report.morning_reading import USUAL_S, Sources

    lasting = re.fullmatch(_LASTING, since.strip())
    lasting_s = float(lasting[1]) * _SECONDS[lasting[2]] if lasting else USUAL_S
    try:
        since_unix_s = None if lasting else moment("--since", since)
    except typer.BadParameter as err:
        raise typer.BadParameter(f"hours or days (36h, 3d), {err.message}", param_hint="--since") from None
    live, why = _asked(store, url)
    return Sources(now_unix_s, live, why, since_unix_s, lasting_s)


def _asked(store: Path, url: str | None) -> tuple[LiveRack | None, str]:
    """Ask the service; without an answer return the reason in a sentence."""
    from orchestrator.rack.lock import public_address
    from orchestrator.report.morning_live import live_rack

    try:
        client = ServiceClient(store, url)
        found = client.get("/status")
    except NotServed as err:
        return None, str(err).partition("; start it")[0]
    return live_rack(public_address(store, client.url), found, rack_notes(found)), ""


@dataclass(frozen=True, slots=True)
class _Letters:
    """To whom the report is sent: targets of the table ``[notices]`` of a bench file."""

    settings: NoticeSettings
    targets: tuple[str, ...]

    def send(self, report: Morning) -> tuple[Outcome, ...]:
        """Send the page and the text; return what became of each."""
        import asyncio

        from orchestrator.cli.morning_text import text_of
        from orchestrator.notices.sending import mail
        from orchestrator.notices.wording import rig_name
        from orchestrator.report.morning_page import page

        title = f"{rig_name(self.settings)}: {report.headline}"
        text, html = text_of(report, _MAIL_WIDTH), page(report).decode()
        return asyncio.run(mail(self.settings, self.targets, title, text, html))


def _letters(targets: list[str], bench: Path | None) -> _Letters | None:
    """Read to whom the report is sent, None: to nobody. Raises BadParameter or SettingsError."""
    from orchestrator.bench.notice_settings import notices_in
    from orchestrator.bench.service_settings import read_document

    if not targets:
        return None
    if bench is None:
        raise typer.BadParameter("say in which file the targets are: --bench FILE", param_hint="--mail")
    settings = notices_in(read_document(bench), bench)
    if settings is None:
        raise typer.BadParameter(f"{bench} has no table [notices]; docs/notices.md shows one", param_hint="--bench")
    for target in targets:
        settings.target(target)
    need("notices")
    return _Letters(settings, tuple(dict.fromkeys(targets)))
