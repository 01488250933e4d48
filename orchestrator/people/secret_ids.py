"""Secrets that browsers and programs bring, of 256 random bits, and what is kept of them: a digest, and a name."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

TOKEN_BEGINS = "cellrig-"  # noqa: S105 - by it a token is known for one, in a file and in a log


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A new secret: ``text`` is shown once and not kept, ``digest`` is kept, ``name`` may be shown to everybody."""

    text: str
    name: str

    @property
    def digest(self) -> bytes:
        """What is kept of it."""
        return digest_of(self.text)


def new_secret(begins: str = "") -> Secret:
    """Make a secret."""
    return Secret(begins + secrets.token_urlsafe(32), secrets.token_hex(6))


def digest_of(text: str) -> bytes:
    """Return the digest by which a secret is found. It needs no salt and no rounds: nobody guesses 256 bits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
