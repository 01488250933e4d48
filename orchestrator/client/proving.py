"""Signs the requests of commands once the service has proved itself: the operator's token itself is never sent.

``ProvenService`` is an ``httpx.Auth``, and serves scripts too: ``httpx.Client(auth=ProvenService(token))``.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Generator, Iterator

import httpx

from orchestrator.api import proof

# A proof is a tenth of this; more is not read from whoever answers there.
_PROOF_BYTES = 4096
_PROOF_S = 5.0


class NotProved(Exception):
    """Whoever answers did not prove that it knows the token; ``is_before``: nothing was sent to it yet."""

    def __init__(self, sentence: str, *, is_before: bool) -> None:
        super().__init__(sentence)
        self.is_before = is_before


class ProvenService(httpx.Auth):
    """Asks the service for its proof before each request, signs the request, and checks who answers it.

    ``has_sent`` is true once a request has left: whoever waits for its answer does not know whether it was carried out.
    """

    requires_request_body = True

    def __init__(self, token: str) -> None:
        self._key = proof.key_of(token)
        self.has_sent = False

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send a request between the two proofs. Raises NotProved."""
        request.read()
        nonce = proof.new_nonce()
        asked = request.url.copy_with(raw_path=f"{proof.PROOF_PATH}?nonce={nonce}".encode())
        # Nothing of the request itself: no header, no body, no cookie.
        answer = yield httpx.Request("GET", asked, extensions=request.extensions)
        challenge = self._challenge(answer, nonce)
        target = request.url.raw_path.decode("ascii")
        signature = proof.signed(self._key, challenge, request.method, target, request.content)
        request.headers["authorization"] = f"{proof.SCHEME} {signature}"
        self.has_sent = True
        reply = yield request
        expected = proof.answer_proof(self._key, signature, reply.status_code).encode()
        given = reply.headers.get(proof.ANSWER_HEADER, "").encode()
        if not hmac.compare_digest(expected, given):
            raise NotProved(
                f"the answer (status {reply.status_code}) is not of the service that had proved itself a moment "
                "before: it was restarted, or another program has taken its place",
                is_before=False,
            )

    def _challenge(self, answer: httpx.Response, nonce: str) -> str:
        try:
            if isinstance(answer.stream, httpx.SyncByteStream):
                answer.stream = _Short(answer.stream)
            document = json.loads(answer.read())
            challenge, given = str(document["challenge"]), str(document["proof"])
        except (ValueError, KeyError, TypeError, RecursionError, httpx.DecodingError):
            challenge = given = ""
        if not proof.is_proof(given, self._key, proof.Purpose.SERVICE, nonce, challenge):
            raise NotProved(
                "what answers there does not prove that it knows the operator's token, so nothing was sent to it",
                is_before=True,
            )
        return challenge


class _Short(httpx.SyncByteStream):
    """The stream of a short answer. Raises ValueError in one that is long, or takes long."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        began_s, size = time.monotonic(), 0
        for piece in self._stream:
            size += len(piece)
            if size > _PROOF_BYTES or time.monotonic() - began_s > _PROOF_S:
                raise ValueError
            yield piece

    def close(self) -> None:
        self._stream.close()
