"""The operator's token: created at the first start, kept in a file that only its owner may read, and never logged."""

from __future__ import annotations

import secrets
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.people.private_file import make_private, must_be_private
from protocols.bounded_file import BadFile, read_bounded

_BYTES = 32
_SHORTEST, _LONGEST = 32, 4096


def token_path(store: Path) -> Path:
    """Return the token file of a store."""
    return store.with_name(f"{store.name}.token")


def read_token(path: Path) -> str | None:
    """Read a token, None when there is no file. Raises SettingsError for one that is no token."""
    try:
        must_be_private(path, 0o077)
        token = read_bounded(path, _LONGEST).decode("ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (BadFile, OSError, ValueError) as err:
        raise SettingsError(f"the token file {path} cannot be read; check what it is, and its rights") from err
    if len(token) < _SHORTEST or not token.isprintable() or " " in token:
        raise SettingsError(f"{path} holds no token of at least {_SHORTEST} characters; delete it to have one made")
    return token


def ensure_token(path: Path) -> tuple[str, bool]:
    """Return the token, and whether it was created just now."""
    if (token := read_token(path)) is not None:
        return token, False
    token = secrets.token_urlsafe(_BYTES)
    make_private(path, f"{token}\n")
    return token, True
