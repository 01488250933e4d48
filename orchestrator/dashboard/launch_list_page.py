"""The page on which a person starts several tests at once, pasted out of a spreadsheet."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestrator.api.models import CellItem, NameQuery
from orchestrator.api.named_items import cells
from orchestrator.dashboard import numbers
from orchestrator.dashboard.asking import ask, form_of, order
from orchestrator.dashboard.launch_view import sizes_of
from orchestrator.dashboard.pages import PageContext, RigFacts, page, rig_time
from orchestrator.dashboard.pasted_orders import LINES_MAX, Pasted, PastedLine, pasted
from orchestrator.dashboard.sentences import Speaker
from protocols.normalised import plain

router = APIRouter()
PATH = "/launch/list"
_LONGEST_NUMBER = 6
_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class LineShown:
    """A line in the table: ``is_bad`` stands first; ``told`` says why, or what came of it; ``run`` was started."""

    number: int
    given: Mapping[str, str]
    is_bad: bool
    told: str
    current: str = ""
    ends: str = ""
    run: str = ""
    check_id: str = ""


@router.get(PATH)
async def launch_list(request: Request) -> Response:
    """Show the empty list."""
    known = await _known(request)
    # Foils are alike; what is weighed is chosen by a person.
    foils = (it.name for it in known if it.used_unix_s is not None and it.active_mass_mg is None)
    return _page(request, known, "", next(foils, ""), (), {})


@router.post("/act/launch/list")
async def act_launch_list(request: Request) -> Response:
    """Check the lines of a pasted list, or start those that can run."""
    form = await form_of(request)
    text, facts, known = form.get("lines", ""), form.get("facts", ""), await _known(request)
    read, speaker = pasted(text), _speaker(request)
    names = {item.name for item in known}
    if form.get("act") == "start":
        # What was new when the list was looked at is new for its start: a run of it may have begun since.
        fresh = _numbers(form.get("fresh", ""))
        names -= {line.values["cell"] for line in read.lines if line.number in fresh and "cell" in line.values}
    by = PageContext.of(request).person
    # A browser ends the lines of a form otherwise than a script does.
    digest = hashlib.sha256("\n".join([facts, *text.splitlines()]).encode()).hexdigest()[:32]
    orders = [_order(line, facts, names) for line in read.lines]
    sent = [(n, body) for n, body in enumerate(orders) if body is not None]
    body = {"orders": [one for _, one in sent], "by": by}
    checked: dict[str, Any] = {"answers": [], "left": 0}
    if sent:
        checked = (await ask(request, "/runs/batch/check", body)).body
    if "answers" not in checked:
        return _page(request, known, text, facts, (), {"refusal": str(checked.get("error", ""))}, status=409)
    rows = _checked_rows(read, orders, checked["answers"], speaker)
    if form.get("act") != "start":
        return _page(request, known, text, facts, rows, _told_of(read, digest, names))
    if form.get("digest") != digest:
        return _page(request, known, text, facts, rows, _told_of(read, digest, names) | {"changed": True}, status=409)
    # Each line is started as it was told, or not at all: a recipe may have a new version since.
    seen = _check_ids(form.get("checked", ""))
    going = [
        (n, one | {"check_id": seen[number]})
        for n, one in sent
        if (number := read.lines[n].number) in _numbers(form.get("chosen", "")) and number in seen
    ]
    if not going:
        return _page(request, known, text, facts, rows, _told_of(read, digest, names), status=409)
    told = await order(request, "/runs/batch", {"orders": [one for _, one in going], "by": by}, form.get("key", ""))
    if not told.is_good:
        extra = _told_of(read, digest, names) | {"refusal": told.error}
        return _page(request, known, text, facts, rows, extra, status=409)
    rows = _started_rows(rows, [read.lines[n].number for n, _ in going], told.body["answers"], speaker)
    started = sum(bool(row.run) for row in rows)
    extra = {"digest": digest, "key": form.get("key", ""), "done": True, "started": started, "left": told.body["left"]}
    extra["fresh"] = form.get("fresh", "")
    if told.body["left"]:
        extra["chosen"], extra["checked"] = form.get("chosen", ""), form.get("checked", "")
    return _page(request, known, text, facts, rows, extra)


async def _known(request: Request) -> list[CellItem]:
    return await cells(request.app.state.stored(), NameQuery(used=True))


def _speaker(request: Request) -> Speaker:
    rig: RigFacts = getattr(request.app.state, "rig", RigFacts())
    return Speaker(PageContext.of(request).lang, rig.lab_zone, rig_time(request))


def _told_of(read: Pasted, digest: str, names: Collection[str]) -> dict[str, Any]:
    fresh = [line.number for line in read.lines if line.values.get("cell", "") not in names]
    told = {"digest": digest, "key": secrets.token_urlsafe(18), "too_long": read.is_too_long}
    return told | {"fresh": ",".join(map(str, fresh))}


def _numbers(text: str) -> set[int]:
    return {int(one) for one in text.split(",") if one.isdecimal() and len(one) < _LONGEST_NUMBER}


def _check_ids(text: str) -> dict[int, str]:
    """Return what was told of each line, by its number."""
    pairs = (one.partition(":") for one in text.split(","))
    return {int(number): told for number, _, told in pairs if told and number in map(str, _numbers(number))}


def _order(line: PastedLine, facts: str, names: Collection[str]) -> dict[str, Any] | None:
    """Return the order of a line; None for one that is none, or whose cell is new and has no facts."""
    values = line.values
    if line.problem or (values["cell"] not in names and not facts):
        return None
    cell, label = values["cell"], values.get("label", "")
    named = {"cell": cell, "label": label or cell} if cell in names else {"cell": facts, "label": label or cell}
    return {"recipe": values["recipe"], "channel": values["channel"], **{name: it for name, it in named.items() if it}}


def _checked_rows(
    read: Pasted, orders: Sequence[Any], answers: Sequence[Mapping[str, Any]], speaker: Speaker
) -> list[LineShown]:
    """Return the rows of a checked list, those first that cannot run."""
    left, rows = iter(answers), []
    sent = [line.number for line, body in zip(read.lines, orders, strict=True) if body is not None]
    for line, body in zip(read.lines, orders, strict=True):
        if body is None:
            code = line.problem or "list.no_facts"
            told = speaker.t(code, cell=line.values.get("cell", "")) if code == "list.no_facts" else speaker.t(code)
            rows.append(LineShown(line.number, line.values, is_bad=True, told=told))
        elif (answer := next(left, None)) is not None:
            rows.append(_checked_row(line, answer, sent, speaker))
        else:
            rows.append(LineShown(line.number, line.values, is_bad=True, told=speaker.t("launch.not_checked")))
    return _bad_first(rows)


def _sentence(reason: Mapping[str, Any], sent: Sequence[int], speaker: Speaker) -> str:
    """Tell a reason; lines of the order in it are told by their numbers in the text (``sent``)."""
    values = reason.get("values") or {}
    if "lines" in values:
        lines = ", ".join(str(sent[int(line) - 1]) for line in str(values["lines"]).split(","))
        reason = {**reason, "values": {**values, "lines": lines}}
    return speaker.sentence(reason)


def _checked_row(line: PastedLine, answer: Mapping[str, Any], sent: Sequence[int], speaker: Speaker) -> LineShown:
    check = answer["check"]
    told = [_sentence(reason, sent, speaker) for reason in answer["reasons"]]
    if check is not None:
        told += [speaker.t("list.doubt", text=doubt["sentence"]) for doubt in check["doubts"]]
    current = ends = ""
    if check is not None and check["largest"] is not None:
        current = f"{plain(check['largest']['current_ma'])}{_NBSP}mA"
    if check is not None and check["expected_s"] is not None:
        about = numbers.left(check["expected_s"], speaker.lang)
        ends = f"{speaker.moment(check['expected_end_unix_s'])} ({about})"
    is_bad = not answer["ok"] or bool(told)
    check_id = "" if check is None else str(check["check_id"])
    return LineShown(line.number, line.values, is_bad, "\n".join(told), current, ends, check_id=check_id)


def _started_rows(
    rows: Sequence[LineShown], numbers_sent: Sequence[int], answers: Sequence[Mapping[str, Any]], speaker: Speaker
) -> list[LineShown]:
    """Return the rows with what came of those that were sent."""
    came = dict(zip(numbers_sent, answers, strict=False))
    found = []
    for row in rows:
        answer = came.get(row.number)
        if answer is None:
            found.append(row)
        elif answer["ok"]:
            run = answer["run"]["run_id"]
            found.append(LineShown(row.number, row.given, False, "", row.current, row.ends, run))
        else:
            told = "\n".join(_sentence(reason, numbers_sent, speaker) for reason in answer["reasons"])
            found.append(LineShown(row.number, row.given, True, told, row.current, row.ends))
    return _bad_first(found)


def _bad_first(rows: Sequence[LineShown]) -> list[LineShown]:
    return sorted(rows, key=lambda row: (not row.is_bad, row.number))


def _page(
    request: Request,
    known: Sequence[CellItem],
    text: str,
    facts: str,
    rows: Sequence[LineShown],
    told: Mapping[str, Any],
    status: int = 200,
) -> Response:
    can = [row for row in rows if not row.is_bad and not row.run]
    shown: dict[str, Any] = {
        "checked": ",".join(f"{row.number}:{row.check_id}" for row in can), "digest": "", "key": "",
        "fresh": "", "done": False, "started": 0, "left": 0, "refusal": "", "changed": False,
        "too_long": False, "chosen": ",".join(str(row.number) for row in can),
    }  # fmt: skip
    return page(
        request,
        "launch_list.html",
        title_code="list.title",
        status=status,
        text=text,
        facts=facts,
        cells=known,
        sizes_of=sizes_of,
        rows=rows,
        most=LINES_MAX,
        can=len(can),
        bad=sum(row.is_bad for row in rows),
        **{**shown, **told},
    )
