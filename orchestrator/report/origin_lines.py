"""Lines on where a run comes from, as ``cellrig show`` and reports have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_HASH_SHOWN = 12
# An order may give nothing besides its files.
_GIVEN = "given"
# Settings that are whole files.
_FILES = frozenset({"cell_model_toml", "recipe_included"})


def origin_lines(origin: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names and values of what was kept, and at last what was not: a run of an older cellrig lacks some."""
    yield from kept_lines(origin)
    if lost := [name for name, value in _lines(origin) if not value and name != _GIVEN]:
        yield "not kept", ", ".join(lost)


def kept_lines(origin: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what was kept of an order alone: of an imported run the files that were given with it or came along."""
    yield from ((name, value) for name, value in _lines(origin) if value)


def _lines(origin: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "ordered by", origin["ordered_by"] or ""
    where = f"{origin['host']}, user {origin['login'] or '-'}" if origin["host"] else ""
    yield "on", f"{where}, cellrig {origin['version'] or '-'}" if where else ""
    for what in ("recipe", "cell"):
        sha256 = str(origin[f"{what}_sha256"] or "")
        yield f"{what} file", f"{origin[f'{what}_file']} (SHA-256 {sha256[:_HASH_SHOWN]})" if sha256 else ""
    yield _GIVEN, _settings(origin["settings"] or {})
    yield "check", _check(origin["check"]) if origin["check"] else ""


def _settings(settings: Mapping[str, Any]) -> str:
    """Return settings as they would be typed."""
    typed: list[str] = []
    for name, value in settings.items():
        if name in _FILES:
            continue
        if name == "recipe_values":
            typed += [f"--set {_quoted(f'{parameter}={one}')}" for parameter, one in value.items()]
            continue
        values = value if isinstance(value, list) else [value]
        if name == "set":
            # What was set of parameters is told with what earlier runs like it had set.
            told = settings.get("recipe_values", {})
            values = [one for one in values if one.partition("=")[0].strip() not in told]
        option = f"--{name.replace('_', '-')}"
        typed += [option if one is True else f"{option} {_quoted(str(one))}" for one in values if one is not False]
    return " ".join(typed)


def _quoted(value: str) -> str:
    import shlex

    return shlex.quote(value)


def _check(check: Mapping[str, Any]) -> str:
    usual, longest = (_hours(check[name]) for name in ("expected_h", "longest_h"))
    found = check["implausible"]
    said = f"{len(found)} implausible, confirmed by {check['confirmed_by']}" if found else "nothing implausible"
    return f"{said}; about {usual}" if usual == longest else f"{said}; about {usual}, at most {longest}"


def _hours(hours: float | None) -> str:
    return "no known time" if hours is None else f"{hours:.1f} h"
