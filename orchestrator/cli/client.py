"""The client of the service for commands: its address, the token, and answers as results or exit statuses."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import urlsplit

import typer

from orchestrator.cli.output import FAILED, UNREACHABLE, WRONG_USE, fail

if TYPE_CHECKING:
    import httpx

DEFAULT_URL = "http://127.0.0.1:8765"
# The service answers every command within 5 s, with what it knows by then.
_LONGEST_S = 10.0
_STATUS = {401: WRONG_USE, 422: FAILED, 503: UNREACHABLE}

Url = Annotated[
    str | None, typer.Option("--url", envvar="CELLRIG_URL", help="Where the service answers; else beside the store.")
]
By = Annotated[str, typer.Option("--by", envvar="CELLRIG_BY", help="Your name; else the login name.")]


def named(by: str) -> str:
    """Return the operator's name as given, else the login name; a command without any name is refused."""
    import getpass

    if by:
        if any(letter.isalnum() for letter in by):
            return by.strip()
        fail("say who you are with --by NAME: a name has a letter or a digit", WRONG_USE)
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        fail("say who you are with --by NAME", WRONG_USE)


class ServiceClient:
    """Sends requests to one service. Answers are plain values; a refusal ends the program with a sentence."""

    def __init__(self, store: Path, url: str | None) -> None:
        self.url = (url or _url_beside(store) or DEFAULT_URL).rstrip("/")
        self._store = store

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Request data."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Send a command. One that is taken and not answered may be carried out, and the user is told so."""
        return self._ask("POST", path, json=body)

    def answers(self) -> bool:
        """Return whether a service answers."""
        import httpx

        try:
            with self._open(5.0) as client:
                return client.get(f"{self.url}/health").status_code == 200
        except httpx.HTTPError:
            return False

    def live(self) -> Iterator[dict[str, Any]]:
        """Yield each update of a run when it arrives, until the service ends."""
        import httpx

        try:
            with (
                self._open(60.0) as client,
                client.stream("GET", self._path("/live"), headers=self._headers()) as reply,
            ):
                if reply.status_code != 200:
                    reply.read()
                    self._refused(reply)
                kind = ""
                for line in reply.iter_lines():
                    name, _, value = line.partition(": ")
                    kind = value if name == "event" else kind
                    if name == "data" and kind == "run":
                        yield json.loads(value)
        except httpx.HTTPError as err:
            self._unreachable(err)

    def _ask(self, method: str, path: str, **what: Any) -> Any:  # noqa: ANN401 - JSON
        import httpx

        try:
            with self._open(_LONGEST_S) as client:
                reply = client.request(method, self._path(path), headers=self._headers(), **what)
        except httpx.ReadTimeout:
            self._silent(method)
        except httpx.HTTPError as err:
            self._unreachable(err)
        if not reply.is_success:
            self._refused(reply)
        return reply.json()

    def _open(self, longest_s: float) -> httpx.Client:
        import ssl

        import httpx

        # No proxy of the environment gets to see the token.
        trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        return httpx.Client(trust_env=False, timeout=httpx.Timeout(longest_s, connect=5.0), verify=trusted)

    def _path(self, path: str) -> str:
        return f"{self.url}/api/v1{path}"

    def _headers(self) -> dict[str, str]:
        from orchestrator.api.token import read_token, token_path

        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            fail(f"the token is sent to other machines over https only, not to {self.url}", WRONG_USE)
        token = os.environ.get("CELLRIG_TOKEN") or read_token(token_path(self._store))
        if not token:
            fail(f"no token: give --store of the service ({token_path(self._store)}), or CELLRIG_TOKEN", WRONG_USE)
        return {"authorization": f"Bearer {token}"}

    def _refused(self, reply: httpx.Response) -> NoReturn:
        try:
            sentence = str(reply.json()["error"])
        except (ValueError, KeyError, TypeError):
            sentence = f"{self.url} answers with status {reply.status_code}: is it cellrig?"
        fail(sentence, _STATUS.get(reply.status_code, FAILED))

    def _silent(self, method: str) -> NoReturn:
        what = f"the service at {self.url} is there and has not answered for {_LONGEST_S:g} s"
        if method == "GET":
            fail(f"{what}; ask again, or look into its log", UNREACHABLE)
        fail(
            f"{what}: the command may be carried out all the same; ask 'cellrig status', and switch the channel off by "
            "hand at the tester if it must be off now",
            FAILED,
        )

    def _unreachable(self, err: Exception) -> NoReturn:
        fail(f"no service answers at {self.url} ({err}); start it with 'cellrig serve'", UNREACHABLE)


def _url_beside(store: Path) -> str | None:
    """Return the address of a store's service, also of one that died: another store's service is never asked for it."""
    from orchestrator.rack.lock import owner_of, owner_that_died

    owner = owner_of(store) or owner_that_died(store)
    return owner.url if owner and owner.url else None
