"""Forms of pages, as a browser sends them without scripts, and where it is sent after them."""

from __future__ import annotations

from urllib.parse import parse_qs

from orchestrator.api.access import BODY, Refusal, Scope

# The field with which a form proves that a page of its session has sent it.
CSRF = "csrf"
_MOST_FIELDS = 200


def form_values(body: bytes) -> dict[str, str]:
    """Return the values of a form; of a name that stands there twice the last. Raises Refusal."""
    try:
        found = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise Refusal(422, "this is no form", body_is_read=True) from None
    return {name: values[-1] for name, values in found.items()}


def form_of(scope: Scope) -> dict[str, str]:
    """Return the form that a request has brought; the guard has checked that a page of its session sent it."""
    return form_values(scope.get(BODY, b""))


def local_path(path: str) -> str:
    """Return a path on this service as it was given, and the first page for anything else.

    >>> local_path("/runs/R000007?x=cycle"), local_path("//evil.example/"), local_path("https://evil.example/")
    ('/runs/R000007?x=cycle', '/', '/')
    """
    is_local = path.startswith("/") and not path.startswith("//")
    return path if is_local and path.isprintable() and path.isascii() and "\\" not in path else "/"
