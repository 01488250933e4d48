"""Makes a page out of a template: its words, the person, the place in the navigation, and the headers of every page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator.dashboard import numbers
from orchestrator.dashboard.assets import Assets
from orchestrator.dashboard.lab_zone import lab_zone
from orchestrator.dashboard.sentences import Speaker
from orchestrator.dashboard.states import STATES, icon_of, look_of
from orchestrator.dashboard.words import LANGUAGES, Words

TEMPLATES = Path(__file__).resolve().parent / "templates"
# Where the guard leaves who asks (``orchestrator.api.access``).
PERSON = "cellrig.person"
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
_THEMES = ("light", "dark")
_YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation: the address of a page, the code of its word, and the least role that sees it."""

    path: str
    code: str
    least_role: str = "viewer"


# In this order; shown are those whose page there is (``orchestrator.dashboard.app``).
NAVIGATION = (
    Entry("/rack", "page.rack"),
    Entry("/runs", "page.runs"),
    Entry("/compare", "page.compare"),
    Entry("/recipes", "page.recipes"),
    Entry("/cells", "page.cells"),
    Entry("/log", "page.log"),
    Entry("/people", "page.people", "admin"),
)


@dataclass(frozen=True, slots=True)
class RigFacts:
    """What a page says of the rig before its stream does: whether it is simulated, how fast, and where its lab is."""

    simulated: bool = False
    speed: float = 1.0
    zone: str = ""

    @property
    def lab_zone(self) -> str:
        """The zone of the lab: this machine's unless another was said."""
        return self.zone or lab_zone()


@dataclass(frozen=True, slots=True)
class PageContext:
    """Who asks for a page, and how they want it: language and theme by address, else by cookie, else by browser."""

    person: str
    role: str
    csrf: str
    lang: str
    theme: str

    @classmethod
    def of(cls, request: Request) -> PageContext:
        """Return the context of a request."""
        person = request.scope.get(PERSON)
        session_id = getattr(person, "session_id", None)
        people = getattr(request.app.state, "people", None)
        csrf = people.csrf_token(session_id) if people is not None and session_id else ""
        # Where people sign in, nobody is nobody.
        other = "" if person is None and people is not None else "operator"
        name = str(getattr(person, "name", "") or other)
        role = str(getattr(person, "role", other))
        theme = _chosen(request, "theme", _THEMES) or "auto"
        lang = _chosen(request, "lang", LANGUAGES) or accepted_language(request.headers.get("accept-language", ""))
        return cls(name, role, csrf, lang, theme)


def page(
    request: Request, template: str, *, title_code: str, status: int = 200, live: bool = True, **values: object
) -> Response:
    """Return a page made of a template.

    The template has, besides ``values``: ``t(code, **values)``, ``person``, ``role``, ``csrf``, ``lang``, ``zone``,
    ``theme``, ``simulated``, ``speed``, ``numbers``, ``static(name)``, ``why(state, reason)``.
    ``live`` is whether the page follows the stream.
    """
    context = PageContext.of(request)
    words, assets = Words.load(), Assets.load()
    rig = rig_facts(request)
    now_unix_s = rig_time(request)

    def t(code: str, /, **given: object) -> str:
        return words.say(context.lang, code, **given)

    own: Mapping[str, Any] = {
        "t": t, "person": context.person, "role": context.role, "csrf": context.csrf, "lang": context.lang,
        "theme": context.theme, "zone": rig.lab_zone, "zone_word": rig.lab_zone.rpartition("/")[2].replace("_", " "),
        "simulated": rig.simulated, "speed": f"{rig.speed:,g}", "static": assets.address, "version": assets.version,
        "title": t(title_code), "here": request.url.path, "live": live, "now": now_unix_s,
        "clock": numbers.moment(now_unix_s, rig.lab_zone, context.lang, now_unix_s),
        "navigation": _navigation(request, context.role),
        "why": Speaker(context.lang, rig.lab_zone, now_unix_s).reason,
    }  # fmt: skip
    html = _environment().get_template(template).render({**own, **values})
    response = HTMLResponse(html, status, headers={**HEADERS, "cache-control": "no-store", "vary": "cookie"})
    for name in ("lang", "theme"):
        if request.query_params.get(name) in {*LANGUAGES, *_THEMES}:
            chosen = request.query_params[name]
            response.set_cookie(f"cellrig_{name}", chosen, max_age=_YEAR_S, samesite="strict", path="/")
    return response


def rig_time(request: Request) -> float:
    """Return the rig's time as it was told last; a simulated rig's runs faster than this machine's."""
    rack = getattr(request.app.state, "rack", None)
    return float(rack.now()) if rack is not None else time.time()


def rig_facts(request: Request) -> RigFacts:
    """Return what is known of the rig: what its stream told, else what the service was started with."""
    known: RigFacts = getattr(request.app.state, "rig", RigFacts())
    rack = getattr(request.app.state, "rack", None)
    if rack is None:
        return known
    told = rack.facts()
    return replace(known, simulated=bool(told.get("simulated")), speed=float(told.get("speed") or 1.0))


def accepted_language(header: str) -> str:
    """Return the language that a browser prefers of those there are: English unless it asks for Chinese first."""
    found: list[tuple[float, str]] = []
    for part in header.lower().split(","):
        name, _, rest = part.strip().partition(";")
        quality = rest.strip().removeprefix("q=") or "1"
        try:
            weight = float(quality)
        except ValueError:
            continue
        if (lang := name.partition("-")[0]) in LANGUAGES and weight > 0:
            found.append((-weight, lang))
    return min(found, key=lambda one: one[0])[1] if found else LANGUAGES[0]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    shown: dict[str, Callable[..., object] | object] = {
        "STATES": STATES, "icon_of": icon_of, "look_of": look_of, "numbers": numbers,
    }  # fmt: skip
    environment.globals.update(shown)
    return environment


def _chosen(request: Request, name: str, of: tuple[str, ...]) -> str:
    for given in (request.query_params.get(name), request.cookies.get(f"cellrig_{name}")):
        if given in of:
            return given
    return ""


def pages_there(request: Request) -> frozenset[str]:
    """Return the addresses of the pages that there are; a router that was included hides its own in the list."""
    there: frozenset[str] = getattr(request.app.state, "paths", frozenset())
    return there


def _navigation(request: Request, role: str) -> list[Entry]:
    there = pages_there(request)
    return [entry for entry in NAVIGATION if entry.path in there and (entry.least_role == "viewer" or role == "admin")]
