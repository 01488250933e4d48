"""What the pages of recipes and of cells share: the form of an editor, its check and its saving, and versions.

A page shows what the store has also while control does not answer: only what would follow from a text is missing then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from orchestrator.api import models, written_files
from orchestrator.dashboard.asking import Told, ask, order
from orchestrator.dashboard.pages import HEADERS, PageContext
from orchestrator.dashboard.words import Words
from orchestrator.store import FileKind, Store, Versions

_NAME = re.compile(r"^name *: *['\"]?([A-Za-z0-9_.-]{1,64})['\"]? *(?:#.*)?$", re.MULTILINE)
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is being written: ``of`` is the name that was opened, ``base`` its version, 0 for a new one.

    ``newest`` is the newest version that its writer has been shown.
    """

    kind: FileKind
    text: str
    of: str = ""
    base: int = 0
    newest: int = 0

    @classmethod
    def given(cls, kind: FileKind, form: Mapping[str, str], text: str) -> Draft:
        """Return what a form has; ``text`` with ends of lines of one kind, as browsers send others."""
        of, base, newest = form.get("of", "")[:64], _number(form.get("base")), _number(form.get("newest"))
        return cls(kind, text.replace("\r\n", "\n").replace("\r", "\n"), of, base, newest)

    @property
    def name(self) -> str:
        """The name that stands in the text; empty where none does."""
        found = _NAME.search(self.text)
        return found[1] if found else ""

    @property
    def is_next(self) -> bool:
        """Whether it is the next version of what was opened; else it is a new name."""
        return bool(self.of) and self.name == self.of and self.base > 0

    @property
    def next_version(self) -> int:
        """The number that it will have."""
        return self.base + 1 if self.is_next else 1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text was not saved: the sentence, and the version that somebody else has saved meanwhile, 0 for none."""

    sentence: str
    newest: int = 0


async def asked(request: Request, path: str, body: Mapping[str, Any]) -> Told | None:
    """Ask control; None where it does not answer."""
    silent: type[Exception] | tuple[()] = getattr(request.app.state, "silent", ())
    try:
        return await ask(request, path, body)
    except silent:
        return None


async def saved(request: Request, draft: Draft, key: str, *, over: bool = False) -> Refusal | str:
    """Save a draft and return the address of its page, or say why not. ``over``: on top of the newest that was seen."""
    context = PageContext.of(request)
    words = Words.load()
    if not draft.name:
        return Refusal(words.say(context.lang, "recipes.no_name"))
    base = draft.newest if over and draft.is_next else draft.base if draft.is_next else 0
    body = {"text": draft.text, "base_version": base, "by": context.person}
    silent: type[Exception] | tuple[()] = getattr(request.app.state, "silent", ())
    try:
        told = await order(request, f"/{draft.kind.value}s/{draft.name}", body, key)
    except silent:
        return Refusal(words.say(context.lang, "recipes.not_saved"))
    if told.is_good:
        return f"/{draft.kind.value}s/{quote(draft.name)}?done=saved"
    found = Versions(request.app.state.stored(), draft.kind).version_of(draft.name) if draft.is_next else None
    newest = found.version if found is not None and found.version > base else 0
    sentence = words.say(context.lang, "order.refused", reason=told.error)
    if newest and found is not None:
        sentence = words.say(
            context.lang, "recipes.conflict", by=found.written_by, newest=newest, name=draft.name, seen=base
        )
    return Refusal(sentence, newest)


def seen_at(address: str) -> Response:
    """Send the browser to a page."""
    return RedirectResponse(address, 303, headers={**HEADERS, "cache-control": "no-store"})


def versions_of(store: Store, kind: FileKind, name: str) -> list[models.UsedVersion]:
    """Return the versions of a name, newest first; none for what was not written here."""
    if not Versions(store, kind).of(name):
        return []
    return written_files.version_list(store, kind, name).versions


def compared(request: Request, kind: FileKind, name: str) -> models.Comparison | None:
    """Return the comparison that an address asks for by ``before`` and ``after``; None for none.

    Raises NoSuchThing for a version that there is not.
    """
    before, after = (_number(request.query_params.get(key)) for key in ("before", "after"))
    if not (before and after):
        return None
    query = models.CompareQuery(before=before, after=after)
    return written_files.comparison(request.app.state.stored(), kind, name, query)


def asked_version(request: Request) -> int | None:
    """Return the version that an address asks for; None for the newest."""
    return _number(request.query_params.get("version")) or None


def free_name(name: str, taken: set[str]) -> str:
    """Return a name for a copy that is not taken yet.

    >>> free_name("li-li-0.2", {"li-li-0.2-copy"})
    'li-li-0.2-copy-2'
    """
    stem = f"{name[:56]}-copy"
    found = (stem if n == 1 else f"{stem}-{n}" for n in range(1, len(taken) + 2))
    return next(one for one in found if one not in taken)


def renamed(text: str, name: str) -> str:
    """Return a text with another name in it."""
    return _NAME.sub(f"name: {name}", text, count=1)


def _number(text: str | None) -> int:
    given = text or ""
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= _DIGITS else 0
