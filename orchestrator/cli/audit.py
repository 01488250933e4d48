"""``cellrig audit``: looks at a CT-4008 beside the vendor's own program, and tells what is wrong there."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.arguments import BenchFile, Json, complete_channel
from orchestrator.cli.output import DONE, FAILED, heading, print_json, print_table, say
from orchestrator.cli.pages import Out, check_page, write_page
from orchestrator.cli.tables import Column, printable

if TYPE_CHECKING:
    from drivers.neware.settings import NewareSettings
    from orchestrator.audit.following import Look
    from orchestrator.audit.kinds import AuditFinding
    from orchestrator.audit.report import AuditReport
    from orchestrator.bench.settings import BenchSettings

_LASTING = re.compile(r"(\d{1,5}(?:\.\d{1,3})?) ?(s|min|h|d)")
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
# A line of progress so often, where nothing is found.
_TELL_EVERY_S = 600.0
_INDENT = 2
_FOLLOWED = (
    Column("channel"),
    Column("barcode"),
    Column("state"),
    Column("records"),
    Column("charge", "mAh", goes=1),
    Column("counter off"),
    Column("energy", "mWh", goes=2),
    Column("its counter off"),
    Column("limits from", goes=3),
)

Keep = Annotated[
    Path | None,
    typer.Option(
        "--keep",
        metavar="FILE",
        help="Keep each finding with its evidence in this file as it is found; a file of an earlier audit goes on.",
    ),
]


def audit(
    bench: BenchFile = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="CHANNEL",
            help="A channel to follow, such as 21-1-3; may be repeated. Else all.",
            autocompletion=complete_channel,
        ),
    ] = None,
    lasting: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 90s, 30min, 8h or 3d. Ctrl-C ends it early.")
    ] = "8h",
    schedules: Annotated[
        Path | None,
        typer.Option(
            "--schedules",
            metavar="FOLDER",
            help="Where the vendor's step files are, named or remarked by barcode; else step_files of the bench file.",
        ),
    ] = None,
    keep: Keep = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Watch tests of the vendor's own program, by reading alone.

    Current and power of a CT-4008's records are integrated and compared with the tester's counters; gaps, wrong times,
    missing limits and what hands did are told as they are found, and all of it at the end. Only commands that read are
    sent. Status 0: nothing is wrong; 1: a warning or an alarm was found, or no test ran.
    """
    from orchestrator.audit.session import AuditOrder, AuditSession
    from orchestrator.bench.settings import load_bench
    from orchestrator.clock.scaled import run_by
    from orchestrator.report.audit_page import GENERATOR, page

    if bench is None:
        raise typer.BadParameter("--bench FILE says where the tester is; docs/bench.md has one to copy")
    for_s = _seconds(lasting)
    if schedules is not None and not schedules.is_dir():
        raise typer.BadParameter(f"{schedules} is not a folder", param_hint="--schedules")
    check_page(out, GENERATOR)
    settings = load_bench(bench)
    order = AuditOrder(str(bench), _testers(settings), channel or (), for_s, schedules, settings.is_simulated, keep)
    session = AuditSession(order, _Progress())
    with contextlib.suppress(KeyboardInterrupt):
        run_by(settings.clock, session.run())
    report = session.report()
    if out is not None:
        write_page(out, page(report))
    if json:
        print_json({**report.as_dict(), "page": None if out is None else str(out)})
    else:
        print_report(report)
        if out is not None:
            typer.echo(printable(str(out)))
    raise typer.Exit(DONE if report.is_clean else FAILED)


def _testers(bench: BenchSettings) -> list[NewareSettings]:
    """Return the CT-4008s of a bench. Raises BadParameter where there is none."""
    from drivers.neware.settings import NewareSettings

    found = [tester for tester in bench.tester if isinstance(tester, NewareSettings)]
    if not found:
        raise typer.BadParameter("this bench has no CT-4008, and only those can be audited", param_hint="--bench")
    return found


def _seconds(text: str) -> float:
    """Read how long. Raises BadParameter."""
    found = _LASTING.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 30min, 8h or 3d", param_hint="--for")
    return float(found[1]) * _SECONDS[found[2]]


class _Progress:
    """Tells on stderr what an audit finds when it finds it, and now and then that it goes on."""

    def __init__(self) -> None:
        self._told_s = 0.0
        self._found = 0
        self._trouble = ""

    def __call__(self, look: Look) -> None:
        from orchestrator.clock.local_time import local_time

        self._found += len(look.new)
        for finding in look.new:
            say(_line(finding), _INDENT, err=True)
        if look.trouble and look.trouble != self._trouble:
            say(f"{local_time(look.now_unix_s)} {look.trouble}; asked again", _INDENT, err=True)
        is_due = look.now_unix_s - self._told_s >= _TELL_EVERY_S or bool(self._trouble and not look.trouble)
        self._trouble = look.trouble
        if is_due and not look.trouble:
            self._told_s = look.now_unix_s
            at, found = local_time(look.now_unix_s), self._found
            say(f"{at} {look.working} tests run, {look.records} records read, {found} found", _INDENT, err=True)


def _line(finding: AuditFinding) -> str:
    seen = finding.seen
    return f"{finding.severity.value} {finding.channel} {finding.barcode}, {seen.kind.value}: {seen.sentence}"


def print_report(report: AuditReport) -> None:
    """Print what was found, the gravest first, and what was followed."""
    from orchestrator.audit.report import off_words
    from orchestrator.clock.local_time import local_time

    heading(report.headline[:1].upper() + report.headline[1:], is_first=True)
    for finding in report.findings:
        typer.echo()
        say(_line(finding), _INDENT)
        times = "once" if finding.times == 1 else f"{finding.times} times"
        since = local_time(finding.seen.since_unix_s, seconds=True)
        say(f"  test {finding.test_id}, since {since}, {times}. What to do: {finding.to_do}.", _INDENT + 2)
    if report.channels:
        rows = [
            (
                it.channel, it.barcode, it.state, it.sums.records,
                it.sums.integral_ah * 1e3, off_words(it.sums.counted_ah, it.sums.integral_ah),
                it.sums.integral_wh * 1e3, off_words(it.sums.counted_wh, it.sums.integral_wh), it.note,
            )
            for it in report.channels
        ]  # fmt: skip
        print_table(_FOLLOWED, rows, "What was followed")
    typer.echo()
    for note in report.notes:
        say(note)
    if report.failed:
        say(f"{report.failed} of {report.looks} looks had no answer, the last because: {report.trouble}")
    sent = ", ".join(f"{command} {times}" for command, times in report.sent)
    say(f"Only reading commands were sent: {sent or 'none'}.")
