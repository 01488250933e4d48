"""Proofs between a client and the service that both know the operator's token, which is never sent for it.

A client asks ``/proof`` with a nonce. The service answers with a challenge and a proof over both: whoever only listens
on its port cannot make that. The client then signs its request, with the challenge, and the answer is proved too. Each
proof is an HMAC of a key that is derived from the token; its purpose is a part of it, so that no proof passes for
another. A program in between that passes everything on sees what is said, and learns no token
(docs/decisions/0018-the-service-proves-itself-first.md).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

PROOF_PATH = "/proof"
SCHEME = "cellrig"
ANSWER_HEADER = "cellrig-proof"
# From a challenge to the request that uses it.
CHALLENGE_S = 30.0
# Who guesses a token that a person has made up has this much more to compute for each guess.
_ROUNDS = 10_000
_SALT = b"cellrig 1: key of proofs"
_NONCE = re.compile(r"[A-Za-z0-9_-]{43}")
_SIGNED = re.compile(r"([0-9]{1,20}\.[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}),([A-Za-z0-9_-]{43}),([A-Za-z0-9_-]{43})")


class Purpose(StrEnum):
    """What a proof is made for: it serves for nothing else."""

    SERVICE = "cellrig 1: this service knows the token"
    REQUEST = "cellrig 1: this request is a holder's of the token"
    ANSWER = "cellrig 1: this answer is the service's"
    CHALLENGE = "cellrig 1: this challenge was issued here"


@lru_cache(maxsize=8)
def key_of(token: str) -> bytes:
    """Derive the key of proofs from a token."""
    return hashlib.pbkdf2_hmac("sha256", token.encode(), _SALT, _ROUNDS)


def proof(key: bytes, purpose: Purpose, *parts: str) -> str:
    """Make the proof of some texts for a purpose."""
    # Each with its length: no two lists of texts are one.
    told = b"".join(len(part).to_bytes(4, "big") + part for part in (it.encode() for it in (purpose.value, *parts)))
    return _text(hmac.digest(key, told, "sha256"))


def is_proof(given: str, key: bytes, purpose: Purpose, *parts: str) -> bool:
    """Tell whether a proof is right, in a time that does not depend on how wrong it is."""
    return hmac.compare_digest(given.encode(), proof(key, purpose, *parts).encode())


def new_nonce() -> str:
    """Make the nonce of one question."""
    return secrets.token_urlsafe(32)


def is_nonce(text: str) -> bool:
    """Tell whether a text has the form of a nonce."""
    return _NONCE.fullmatch(text) is not None


def digest_of(body: bytes) -> str:
    """Return the digest of a request's body."""
    return _text(hashlib.sha256(body).digest())


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Signature:
    """What stands behind the scheme in the ``Authorization`` of a signed request."""

    challenge: str
    digest: str
    proof: str

    @classmethod
    def read(cls, text: str) -> Signature | None:
        """Read a signature, None if it is none."""
        found = _SIGNED.fullmatch(text)
        return cls(*found.groups()) if found else None

    def __str__(self) -> str:
        return f"{self.challenge},{self.digest},{self.proof}"


def signed(key: bytes, challenge: str, method: str, target: str, body: bytes) -> Signature:
    """Sign a request; ``target`` is its path and query as they are sent."""
    digest = digest_of(body)
    return Signature(challenge, digest, proof(key, Purpose.REQUEST, challenge, method, target, digest))


def answer_proof(key: bytes, signature: Signature, status: int) -> str:
    """Make the proof of an answer's head."""
    return proof(key, Purpose.ANSWER, signature.challenge, signature.proof, str(status))


class Challenges:
    """The challenges of one process of the service: each serves once, for a short time. ``clock`` is in real seconds.

    Nothing is kept of a challenge until a signed request has used it, so that who asks for many fills nothing.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = key
        self._clock = clock
        self._own = secrets.token_bytes(32)
        self._used: dict[str, float] = {}

    def issue(self, nonce: str) -> tuple[str, str]:
        """Return a new challenge, and the proof of it and of a client's nonce."""
        told = f"{int(self._clock() * 1000)}.{new_nonce()}"
        challenge = f"{told}.{proof(self._own, Purpose.CHALLENGE, told)}"
        return challenge, proof(self._key, Purpose.SERVICE, nonce, challenge)

    def admits(self, signature: Signature, method: str, target: str) -> bool:
        """Tell whether a request is signed with the token, for this process, now and for the first time."""
        challenge, now_s = signature.challenge, self._clock()
        told, _, mark = challenge.rpartition(".")
        if not is_proof(mark, self._own, Purpose.CHALLENGE, told):
            return False
        age_s = now_s - int(told.partition(".")[0]) / 1000
        if not is_proof(signature.proof, self._key, Purpose.REQUEST, challenge, method, target, signature.digest):
            return False
        self._forget(now_s - 2 * CHALLENGE_S)
        if age_s > CHALLENGE_S or challenge in self._used:
            return False
        self._used[challenge] = now_s
        return True

    def _forget(self, before_s: float) -> None:
        """Forget the challenges used before a time; they stand in the order of their use."""
        while self._used and self._used[oldest := next(iter(self._used))] < before_s:
            del self._used[oldest]
