"""Sends requests to the service: finds its address, lets it prove itself, and turns answers into values or errors.

The operator's token stays here: the service proves first that it knows it, then requests are signed with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from orchestrator.client.errors import AnswerLost, CannotAsk, NoAnswer, RequestRefused

if TYPE_CHECKING:
    import httpx

    from orchestrator.client.proving import NotProved

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:8765"
# The service answers every command within 5 s, with what it knows by then.
_LONGEST_S = 10.0
_NOT_KNOWN = "whether it was carried out is not known: ask 'cellrig status'"
# By which the service knows an order that it was sent before.
_KEY_HEADER = "Idempotency-Key"
# What a header of HTTP holds.
_KEY = r"[!-~]([ -~]*[!-~])?"


class ServiceClient:
    """Sends requests to one service. Answers are plain values; what is refused or not answered raises NotServed.

    Without a ``url`` the address is that of the service of ``store``; without a ``token`` it is in the environment
    (``CELLRIG_TOKEN``), or in the file beside ``store``.
    """

    def __init__(self, store: Path, url: str | None, token: str = "") -> None:
        self.url = (url or _url_beside(store) or DEFAULT_URL).rstrip("/")
        self._store = store
        self._given_token = token

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Request data."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, body: dict[str, Any], key: str = "") -> Any:  # noqa: ANN401 - JSON
        """Send a command. One that is taken and not answered may be carried out, and the user is told so (AnswerLost).

        With a ``key`` of its own an order may be sent again, and is carried out once.
        """
        if key and not re.fullmatch(_KEY, key):
            raise CannotAsk(
                f"the key {key!r} cannot be sent, so nothing was: a key has letters, digits and signs of ASCII, and no "
                "space at its ends"
            )
        return self._ask("POST", path, json=body, headers={_KEY_HEADER: key} if key else {})

    def answers(self) -> bool:
        """Return whether a service answers."""
        import httpx

        try:
            with self._open(5.0) as client, client.stream("GET", f"{self.url}/health") as reply:
                return reply.status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def live(self) -> Iterator[dict[str, Any]]:
        """Yield each update of a run when it arrives, until the service ends."""
        return (update for update in self.signs_of_life() if update is not None)

    def signs_of_life(self) -> Iterator[dict[str, Any] | None]:
        """Yield each update of a run, and None when the service says that it is there, until it ends."""
        import json

        import httpx

        from orchestrator.client.proving import NotProved, ProvenService

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

        from orchestrator.client.proving import NotProved, ProvenService

        auth = ProvenService(self._token())

        def ask() -> httpx.Response:
            with self._open(_LONGEST_S) as client:
                try:
                    request = client.build_request(method, self._path(path), **what)
                except (httpx.InvalidURL, ValueError) as err:
                    raise CannotAsk(f"what is asked of {self.url} cannot be sent, so nothing was: {err}") from err
                return client.send(request, auth=auth)

        try:
            # Two questions: the proof, and what is asked.
            reply = _within(2 * _LONGEST_S, ask)
        except NotProved as err:
            self._not_proved(method, err)
        except (httpx.ReadTimeout, TimeoutError):
            self._silent(method)
        except httpx.HTTPError as err:
            if method != "GET" and auth.has_sent:
                raise AnswerLost(f"{self.url}: its answer did not come whole ({err}); {_NOT_KNOWN}") from err
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
        import httpx

        from orchestrator.api.token import read_token, token_path

        try:
            parts, _ = urlsplit(self.url), httpx.URL(self.url)
        except (httpx.InvalidURL, ValueError) as err:
            raise CannotAsk(f"{self.url!r} is no address of a service ({err}); one is {DEFAULT_URL}") from err
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise CannotAsk(f"other machines are asked over https only, not at {self.url}")
        token = self._given_token or os.environ.get("CELLRIG_TOKEN") or read_token(token_path(self._store))
        if not token:
            self.need_service()
            raise CannotAsk(f"no token: give --store of the service ({token_path(self._store)}), or CELLRIG_TOKEN")
        return token

    def _refused(self, reply: httpx.Response) -> NoReturn:
        try:
            sentence = str(reply.json()["error"])
        except (ValueError, KeyError, TypeError):
            sentence = f"{self.url} answers with status {reply.status_code}: is it cellrig?"
        # In seconds: no server here says it as a date.
        wait = reply.headers.get("retry-after", "")
        raise RequestRefused(sentence, reply.status_code, float(wait) if wait.isdecimal() else None)

    def _not_proved(self, method: str, err: NotProved) -> NoReturn:
        what = f"{self.url}: {err}"
        if err.is_before:
            raise NoAnswer(
                f"{what}. Either the service is dead and another program listens there, or this is another store's "
                "service, or one of an older version: see who has the port, start the service with 'cellrig serve', "
                "and give its --store, or its token as CELLRIG_TOKEN"
            )
        if method == "GET":
            raise NoAnswer(f"{what}; ask again")
        raise AnswerLost(f"{what}; {_NOT_KNOWN}")

    def _silent(self, method: str) -> NoReturn:
        what = f"the service at {self.url} is there and has not answered for {_LONGEST_S:g} s or more"
        if method == "GET":
            raise NoAnswer(f"{what}; ask again, or look into its log")
        raise AnswerLost(
            f"{what}: the command may be carried out all the same; ask 'cellrig status', and switch the channel off by "
            "hand at the tester if it must be off now"
        )

    def _unreachable(self, err: Exception) -> NoReturn:
        # Refused is what every machine says of a port where nobody listens: it adds nothing.
        self.no_service("" if "refused" in str(err) else f" ({err})")

    def need_service(self) -> None:
        """Check that a service answers. Raises NoAnswer, which says what to do."""
        if not self.answers():
            self.no_service()

    def no_service(self, detail: str = "") -> NoReturn:
        """Say that no service answers, and what to do, in the same words for every command."""
        from orchestrator.rack.lock import owner_of, public_address

        if (owner := owner_of(self._store)) is not None and owner.command:
            raise NoAnswer(
                f"no service answers, because {self._store} is {owner.in_use}. It watches its own channel itself; "
                "'cellrig runs' and 'cellrig show' tell what is stored of it"
            )
        raise NoAnswer(
            f"no service answers at {public_address(self._store, self.url)}{detail}; start it with 'cellrig serve': "
            "until then nothing is watched, and testers go on under their own limits. Without it 'cellrig run' with "
            "--bench FILE or --simulate runs here and now, and 'cellrig stop --direct' stops a channel at its tester"
        )


def _within(longest_s: float, ask: Callable[[], T]) -> T:
    """Return what a function gives, or raise TimeoutError, also if somebody answers a letter at a time for ever.

    Its thread is left behind then, and ends with the process.
    """
    import threading
    from concurrent.futures import Future

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
