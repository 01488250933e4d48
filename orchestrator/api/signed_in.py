"""What handlers of requests need of who is signed in: the cookie of sessions, who asks, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from orchestrator.api.access import PERSON, Headers
from orchestrator.people.changes import Asker
from orchestrator.people.errors import FileUnusable
from orchestrator.people.people import From, People
from orchestrator.people.person import MACHINE, Person
from orchestrator.people.sessions import LONGEST_S


@dataclass(frozen=True, slots=True)
class Cookie:
    """The cookie of sessions of one service. Browsers keep cookies of all ports of a machine together."""

    port: int
    is_secure: bool

    @property
    def name(self) -> str:
        """Its name; with the prefix browsers take it by TLS only, and of this host only."""
        return f"{'__Host-' if self.is_secure else ''}cellrig-{self.port}"

    def given(self, headers: Headers) -> str:
        """Return the secret that a browser has sent; empty without one, or with two."""
        pairs = [part.strip().partition("=") for part in (headers.only("cookie", 400) or "").split(";")]
        values = [value for name, _, value in pairs if name == self.name]
        return values[0] if len(values) == 1 else ""

    def setting(self, secret: str, lasts_s: float) -> str:
        """Return the header that lets a browser keep a secret; an empty one lets it forget."""
        secure = "; Secure" if self.is_secure else ""
        return f"{self.name}={secret}; Path=/; Max-Age={int(lasts_s)}; HttpOnly; SameSite=Strict{secure}"


def people_of(request: Request) -> People:
    """Return the people of the application. Raises FileUnusable where nobody can sign in."""
    people: People | None = request.app.state.people
    if people is None:
        raise FileUnusable("nobody can sign in at this service; its log says why")
    return people


def asker_of(request: Request) -> Asker:
    """Return who asks."""
    person: Person = request.scope.get(PERSON) or MACHINE
    return Asker(person, address_of(request), request.method, request.url.path)


def from_of(request: Request) -> From:
    """Return where a sign-in comes from."""
    before = cookie_of(request).given(Headers(request.scope))
    return From(address_of(request), request.headers.get("user-agent", ""), before, request.url.path)


def cookie_of(request: Request) -> Cookie:
    """Return the cookie of the application."""
    cookie: Cookie = request.app.state.cookie
    return cookie


def address_of(request: Request) -> str:
    """Return the address of the client."""
    return request.client.host if request.client is not None else ""


def let_in(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep the secret of a session."""
    response.headers.append("set-cookie", cookie_of(request).setting(secret, LONGEST_S))
    response.headers["cache-control"] = "no-store"


def let_out(request: Request, response: Response) -> None:
    """Let the browser forget the secret of its session."""
    response.headers.append("set-cookie", cookie_of(request).setting("", 0))
