"""The client of the service for commands: its address, its proof, and answers as results or exit statuses.

The operator's token stays here: the service proves first that it knows it, then requests are signed with it.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import typer

from orchestrator.cli.output import FAILED, UNREACHABLE, WRONG_USE, fail

if TYPE_CHECKING:
    import httpx

    from orchestrator.cli.proving import NotProved

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8765"
# The service answers every command within 5 s, with what it knows by then.
_LONGEST_S = 10.0
_STATUS = {401: WRONG_USE, 422: FAILED, 503: UNREACHABLE}

Url = Annotated[
    str | None, typer.Option("--url", envvar="CELLRIG_URL", help="Where the service answers; else beside the store.")
]
By = Annotated[str, typer.Option("--by", envvar="CELLRIG_BY", help="Your name; else the login name.")]


def named(by: str, *, needed: bool = True) -> str:
    """Return the operator's name as given, else the login name; without any a command that needs one is refused."""
    import getpass

    if by:
        if any(letter.isalnum() for letter in by):
            return by.strip()
        fail("say who you are with --by NAME: a name has a letter or a digit", WRONG_USE)
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        if not needed:
            return ""
        fail("say who you are with --by NAME", WRONG_USE)


class NotServed(Exception):
    """The service did not do what was asked; the message is a sentence for people, ``status`` the exit status."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


class ServiceClient:
    """Sends requests to one service. Answers are plain values; what is refused or not answered raises NotServed."""

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
            with self._open(5.0) as client, client.stream("GET", f"{self.url}/health") as reply:
                return reply.status_code == 200
        except httpx.HTTPError:
            return False

    def live(self) -> Iterator[dict[str, Any]]:
        """Yield each update of a run when it arrives, until the service ends."""
        return (update for update in self.signs_of_life() if update is not None)

    def signs_of_life(self) -> Iterator[dict[str, Any] | None]:
        """Yield each update of a run, and None when the service says that it is there, until it ends."""
        import httpx

        from orchestrator.cli.proving import NotProved, ProvenService

        auth = ProvenService(self._token())
        try:
            with self._open(60.0) as client, client.stream("GET", self._path("/live"), auth=auth) as reply:
                if reply.status_code != 200:
                    reply.read()
                    self._refused(reply)
                kind = ""
                yield None
                for line in reply.iter_lines():
                    name, _, value = line.partition(": ")
                    kind = value if name == "event" else kind
                    if name == "data" and kind == "run":
                        yield json.loads(value)
                    elif line.startswith(":"):
                        yield None
        except NotProved as err:
            self._not_proved("GET", err)
        except httpx.HTTPError as err:
            self._unreachable(err)

    def _ask(self, method: str, path: str, **what: Any) -> Any:  # noqa: ANN401 - JSON
        import httpx

        from orchestrator.cli.proving import NotProved, ProvenService

        auth = ProvenService(self._token())

        def ask() -> httpx.Response:
            with self._open(_LONGEST_S) as client:
                return client.request(method, self._path(path), auth=auth, **what)

        try:
            # Two questions: the proof, and what is asked.
            reply = _within(2 * _LONGEST_S, ask)
        except NotProved as err:
            self._not_proved(method, err)
        except (httpx.ReadTimeout, TimeoutError):
            self._silent(method)
        except httpx.HTTPError as err:
            self._unreachable(err)
        if not reply.is_success:
            self._refused(reply)
        return reply.json()

    def _open(self, longest_s: float) -> httpx.Client:
        import ssl

        import httpx

        # No proxy of the environment gets to see what is ordered; nobody is followed to another address.
        trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
        return httpx.Client(
            trust_env=False, timeout=httpx.Timeout(longest_s, connect=5.0), verify=trusted, follow_redirects=False
        )

    def _path(self, path: str) -> str:
        return f"{self.url}/api/v1{path}"

    def _token(self) -> str:
        from orchestrator.api.token import read_token, token_path

        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise NotServed(f"other machines are asked over https only, not at {self.url}", WRONG_USE)
        token = os.environ.get("CELLRIG_TOKEN") or read_token(token_path(self._store))
        if not token:
            if not self.answers():
                self.no_service()
            raise NotServed(
                f"no token: give --store of the service ({token_path(self._store)}), or CELLRIG_TOKEN", WRONG_USE
            )
        return token

    def _refused(self, reply: httpx.Response) -> NoReturn:
        try:
            sentence = str(reply.json()["error"])
        except (ValueError, KeyError, TypeError):
            sentence = f"{self.url} answers with status {reply.status_code}: is it cellrig?"
        raise NotServed(sentence, _STATUS.get(reply.status_code, FAILED))

    def _not_proved(self, method: str, err: NotProved) -> NoReturn:
        what = f"{self.url}: {err}"
        if err.is_before:
            raise NotServed(
                f"{what}. Either the service is dead and another program listens there, or this is another store's "
                "service, or one of an older version: see who has the port, start the service with 'cellrig serve', "
                "and give its --store, or its token as CELLRIG_TOKEN",
                UNREACHABLE,
            )
        done = "ask again" if method == "GET" else "whether it was carried out is not known: ask 'cellrig status'"
        raise NotServed(f"{what}; {done}", UNREACHABLE if method == "GET" else FAILED)

    def _silent(self, method: str) -> NoReturn:
        what = f"the service at {self.url} is there and has not answered for {_LONGEST_S:g} s or more"
        if method == "GET":
            raise NotServed(f"{what}; ask again, or look into its log", UNREACHABLE)
        raise NotServed(
            f"{what}: the command may be carried out all the same; ask 'cellrig status', and switch the channel off by "
            "hand at the tester if it must be off now",
            FAILED,
        )

    def _unreachable(self, err: Exception) -> NoReturn:
        # Refused is what every machine says of a port where nobody listens: it adds nothing.
        self.no_service("" if "refused" in str(err) else f" ({err})")

    def no_service(self, detail: str = "") -> NoReturn:
        """Say that no service answers, and what to do, in the same words for every command."""
        raise NotServed(
            f"no service answers at {self.url}{detail}; start it with 'cellrig serve', or run here and now: "
            "'cellrig run' with --bench FILE or --simulate",
            UNREACHABLE,
        )


def _within(longest_s: float, ask: Callable[[], T]) -> T:
    """Return what a function gives, or raise TimeoutError, also if somebody answers a letter at a time for ever.

    Its thread is left behind then, and ends with the process.
    """
    done: Future[T] = Future()

    def on_thread() -> None:
        try:
            done.set_result(ask())
        except BaseException as err:  # noqa: BLE001 - raised where it is waited for
            done.set_exception(err)

    threading.Thread(target=on_thread, daemon=True).start()
    return done.result(longest_s)


def _url_beside(store: Path) -> str | None:
    """Return the address of a store's service, also of one that died: another store's service is never asked for it."""
    from orchestrator.rack.lock import owner_of, owner_that_died

    owner = owner_of(store) or owner_that_died(store)
    return owner.url if owner and owner.url else None
