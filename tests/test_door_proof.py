"""The service proves itself first: a false server on its port gets no token, and nothing that it could use."""

import asyncio
import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.api import proof
from orchestrator.api.access import Guard, Receive, Scope, Send
from orchestrator.cli.client import exit_status_of
from orchestrator.client import NotServed, ServiceClient
from tests.api_client import TOKEN

KEY = proof.key_of(TOKEN)
ORDER = {"by": "ada"}
TARGET = "/api/v1/rack/stop?x=%C3%A9"


async def application(_: Scope, receive: Receive, send: Send) -> None:
    """Carry everything out that was let through."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def client() -> httpx.AsyncClient:
    """Give a client of a new process of the service."""
    transport = httpx.ASGITransport(Guard(application, TOKEN))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def challenge_of(http: httpx.AsyncClient) -> str:
    """Ask a service for its proof, check it, and give its challenge."""
    nonce = proof.new_nonce()
    document = (await http.get("/proof", params={"nonce": nonce})).json()
    assert proof.is_proof(document["proof"], KEY, proof.Purpose.SERVICE, nonce, document["challenge"])
    assert not proof.is_proof(document["proof"], KEY, proof.Purpose.SERVICE, proof.new_nonce(), document["challenge"])
    return str(document["challenge"])


async def asked(
    http: httpx.AsyncClient, signature: object, method: str = "POST", target: str = TARGET, order: object = None
) -> httpx.Response:
    """Send a signed request."""
    body = json.dumps(ORDER if order is None else order).encode()
    headers = {"authorization": f"cellrig {signature}", "content-type": "application/json"}
    return await http.request(method, target, content=body, headers=headers)


def signed(challenge: str, key: bytes = KEY) -> proof.Signature:
    """Sign the order."""
    return proof.signed(key, challenge, "POST", TARGET, json.dumps(ORDER).encode())


async def test_a_signed_request_is_carried_out_once_and_its_answer_is_proved() -> None:
    """The token is not in it; sent again it is refused."""
    async with client() as http:
        signature = signed(await challenge_of(http))
        reply = await asked(http, signature)
        assert reply.status_code == 200
        assert reply.headers[proof.ANSWER_HEADER] == proof.answer_proof(KEY, signature, 200)
        assert TOKEN not in str(reply.request.headers)
        assert (await asked(http, signature)).status_code == 401


async def test_a_signature_serves_for_one_request_of_one_process_only() -> None:
    """Another method, path, query or body, another key, a challenge of another process, a proof as signature: 401."""
    async with client() as http, client() as other:
        assert (await asked(http, signed(await challenge_of(http)), "PUT")).status_code == 401
        assert (await asked(http, signed(await challenge_of(http)), target="/api/v1/rack/stop")).status_code == 401
        assert (await asked(http, signed(await challenge_of(http)), order={"by": "eve"})).status_code == 401
        assert (await asked(http, signed(await challenge_of(http), proof.key_of("x" * 43)))).status_code == 401
        assert (await asked(http, signed(await challenge_of(other)))).status_code == 401
        nonce = proof.new_nonce()
        told = (await http.get("/proof", params={"nonce": nonce})).json()
        passed_on = proof.Signature(told["challenge"], proof.digest_of(json.dumps(ORDER).encode()), told["proof"])
        assert (await asked(http, passed_on)).status_code == 401
        assert (await asked(http, "x")).status_code == 401


def test_a_challenge_serves_for_a_short_time_and_fills_nothing() -> None:
    """After half a minute it is too old; a thousand that nobody uses are not kept."""
    now_s = [1000.0]
    challenges = proof.Challenges(KEY, lambda: now_s[0])
    for later_s, fine in ((29.0, True), (31.0, False)):
        old = [challenges.issue(proof.new_nonce())[0] for _ in range(1000)]
        now_s[0] += later_s
        signature = proof.signed(KEY, old[0], "GET", "/", b"")
        assert challenges.admits(signature, "GET", "/") is fine
    now_s[0] += 100.0
    assert challenges.admits(proof.signed(KEY, challenges.issue("n")[0], "GET", "/", b""), "GET", "/")
    assert len(vars(challenges)["_used"]) == 1


@pytest.mark.parametrize("nonce", ["", "short", "x" * 44, "x" * 42 + "=", "\u00e9" * 43])
async def test_a_proof_is_made_of_a_nonce_only(nonce: str) -> None:
    """No text of the asker's choice is proved, and nothing else is told without the token."""
    async with client() as http:
        assert (await http.get("/proof", params={"nonce": nonce})).status_code == 400
        assert (await http.get("/proof")).status_code == 400
        assert (await http.post("/proof", params={"nonce": proof.new_nonce()})).status_code == 400


class FalseServer(socketserver.ThreadingTCPServer):
    """Listens where the service did, answers as it is told to, and keeps all that it hears."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Hearing)
        self.answers, self.heard, self.taken = answers, b"", 0


class Hearing(socketserver.BaseRequestHandler):
    """One connection to a false server."""

    def handle(self) -> None:
        """Answer each request with the next answer, the last one for ever."""
        server: Any = self.server
        # Whoever is told something wrong hangs up.
        with contextlib.suppress(OSError):
            while heard := self.request.recv(65536):
                server.heard += heard
                answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
                if answer == PROVED:
                    nonce = heard.partition(b"nonce=")[2][:43].decode()
                    challenge, told = proof.Challenges(KEY).issue(nonce)
                    answer = http_answer(json.dumps({"challenge": challenge, "proof": told}).encode())
                for letter in answer if answer == TRICKLE else ():
                    self.request.sendall(bytes([letter]))
                    time.sleep(0.02)
                self.request.sendall(answer)
                server.taken += len(answer)


def http_answer(body: bytes, head: bytes = b"200 OK") -> bytes:
    """Give the bytes of an answer."""
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (head, len(body)) + body


# Stands for a right proof, as of a service that dies right after it.
PROVED = b"proved"
# Sent a letter at a time.
TRICKLE = b"HTTP/1.1 200 OK\r\n" + b"x-letters: aaaaaaaaaa\r\n" * 9
# More than any system keeps for a client that does not read on.
LONG = http_answer(b"x" * 50_000_000)
FALSE_PROOF = http_answer(json.dumps({"challenge": "c", "proof": "p" * 43}).encode())
MOVED = http_answer(b"", b"307 Moved\r\nLocation: http://127.0.0.1:1/api/v1/status")


@contextmanager
def false_server(*answers: bytes) -> Iterator[FalseServer]:
    """Let a false server listen."""
    with FalseServer(list(answers)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ((http_answer(b"{}"),), "does not prove that it knows the operator's token, so nothing was sent to it"),
        ((FALSE_PROOF,), "nothing was sent to it. Either the service is dead and another program listens there"),
        ((MOVED,), "nothing was sent to it"),
        ((LONG,), "nothing was sent to it"),
        ((http_answer(b"\xff" * 100, b"200 OK\r\nContent-Encoding: gzip"),), "nothing was sent to it"),
        ((http_answer(b'{"challenge": [], "proof": 1}'),), "nothing was sent to it"),
        ((PROVED, http_answer(b"[]")), "whether it was carried out is not known: ask 'cellrig status'"),
        ((PROVED, MOVED), "it was restarted, or another program has taken its place"),
        ((PROVED, b"no answer of HTTP\r\n\r\n"), "its answer did not come whole"),
    ],
)
@pytest.mark.parametrize("live", [False, True])
def test_a_false_server_gets_no_token(
    answers: tuple[bytes, ...], sentence: str, live: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever it answers, for an order and a live stream: no token, no order before a proof, and a sentence."""
    monkeypatch.setenv("CELLRIG_TOKEN", TOKEN)
    with false_server(*answers) as server:
        port = server.server_address[1]
        service = ServiceClient(tmp_path / "x.db", f"http://127.0.0.1:{port}")
        with pytest.raises(NotServed) as caught:
            list(service.live()) if live else service.post("/rack/stop", ORDER)
    assert TOKEN.encode() not in server.heard
    assert exit_status_of(caught.value) in {1, 3}
    assert server.taken < len(LONG)
    if PROVED not in answers:
        assert b"ada" not in server.heard
        assert exit_status_of(caught.value) == 3
    if not live or PROVED not in answers:
        assert sentence in str(caught.value)


def test_a_false_server_that_answers_for_ever_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each letter comes in time, and the answer never ends: the command gives up with what to do by hand."""
    monkeypatch.setenv("CELLRIG_TOKEN", TOKEN)
    # Seconds of real time, which no test waits for.
    monkeypatch.setattr("orchestrator.client.service_client._LONGEST_S", 0.1)
    with false_server(TRICKLE) as server:
        service = ServiceClient(tmp_path / "x.db", f"http://127.0.0.1:{server.server_address[1]}")
        with pytest.raises(NotServed, match="switch the channel off by hand"):
            service.post("/rack/stop", ORDER)
    assert b"ada" not in server.heard


async def test_two_clients_prove_at_the_same_time() -> None:
    """A challenge belongs to no connection: many at once do not disturb each other."""
    async with client() as http:
        challenges = [await challenge_of(http) for _ in range(20)]
        replies = await asyncio.gather(*(asked(http, signed(it)) for it in reversed(challenges)))
        assert {reply.status_code for reply in replies} == {200}
