"""The page to file: what was asked of an instrument, done, seen and concluded, by whom and when; one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from orchestrator.bench.commissioned import Fact
from orchestrator.clock.local_time import local_time
from orchestrator.commissioning.progress import Setup
from orchestrator.commissioning.questions import Asked, Outcome

_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2em .5em;text-align:left;vertical-align:top}"
    "section{break-inside:avoid;margin:1.4em 0}.wrong{color:#a00}@media print{body{margin:0}}"
)


def page(setup: Setup, asked: Sequence[Asked], program: str) -> str:
    """Return the page as HTML without anything from elsewhere; ``program`` names what made it, with its version."""
    people = ", ".join(dict.fromkeys(one.by for one in asked)) or "nobody"
    versions = next((one.found.facts["versions"] for one in asked if "versions" in one.found.facts), "not told")
    first = min((one.began_unix_s for one in asked), default=0.0)
    last = max((one.ended_unix_s for one in asked), default=0.0)
    head: dict[str, Fact] = {
        "instrument": f"{setup.instrument} ({setup.kind})",
        "firmware and programs": versions,
        "tried on": setup.words,
        "by": people,
        "from": _time(first),
        "to": _time(last),
        "written by": program,
    }
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>Commissioning of {escape(setup.instrument)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Commissioning of {escape(setup.instrument)}</h1>",
        _table(head),
        *(_section(one) for one in asked),
        "<p>Signature: ______________________</p></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _section(one: Asked) -> str:
    mark = " class='wrong'" if one.found.outcome is Outcome.WRONG else ""
    rows: dict[str, Fact] = {
        "asked": one.asks,
        "done": one.does,
        "when": f"{_time(one.began_unix_s)} to {_time(one.ended_unix_s)}, by {one.by}",
        **{f"seen: {name}": value for name, value in one.found.evidence.items()},
        "concluded": one.found.concluded,
        **{f"setting {setting.name}": str(setting.value) for setting in one.found.settings},
    }
    return f"<section><h2{mark}>{escape(one.question)}: {one.found.outcome.value}</h2>{_table(rows)}</section>"


def _table(rows: Mapping[str, Fact]) -> str:
    cells = (f"<tr><th>{escape(name)}</th><td>{escape(_shown(value))}</td></tr>" for name, value in rows.items())
    return f"<table>{''.join(cells)}</table>"


def _shown(value: Fact) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _time(unix_s: float) -> str:
    return local_time(unix_s, seconds=True)
