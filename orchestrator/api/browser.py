"""Lets a person's browser read what the API is, and the pages of the dashboard, and only these.

A browser cannot be told to send ``Authorization: Bearer``. At ``/docs``, at the document behind it and at the pages it
is asked for a name and a password, and the password is the operator's token. Nothing that is ordered or measured can be
asked for in that way: a browser sends a password by itself, also for a page of somebody else.
"""

from __future__ import annotations

import binascii
from base64 import b64decode

API = "/api/v1"
OPENAPI = f"{API}/openapi.json"
PAGE = "/docs"
PATHS = frozenset({PAGE, OPENAPI})
# Addresses for programs begin with one of these.
_NO_PAGES = ("/api/", "/health", "/proof")

SCHEME = "basic"
CHALLENGE = 'Basic realm="cellrig: any name, and the token of the operator as the password", charset="UTF-8"'
NEEDED = (
    "this needs the operator's token. In a browser: any user name, and as the password what is in the token file "
    "beside the store (cellrig.db.token). A program sends Authorization: Bearer TOKEN"
)

# The page has no scripts, and takes nothing from anywhere else: what it shows is in it.
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def is_page(path: str) -> bool:
    """Return whether an address is that of a page of the dashboard, or of a file that pages load."""
    return path != PAGE and not path.startswith(_NO_PAGES)


def is_for_browsers(method: str, path: str) -> bool:
    """Return whether a request is for one of the addresses that a browser may read with a password."""
    return method == "GET" and (path in PATHS or is_page(path))


def password_in(credentials: str) -> bytes:
    """Return the password of a name and a password as a browser sends them; empty if they are no such thing."""
    try:
        return b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
