"""Writes what was found into the bench file: settings with comments, and ``[preflight.commissioned.NAME]``.

Nothing else of the file changes: its comments, order and blank lines stay. A copy of the file as it was lies beside it,
and the new one takes its place only if it can be read, keeps every comment, and is a bench.
"""

from __future__ import annotations

import shutil
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers.errors import SettingsError
from orchestrator.bench.commissioned import place_of
from orchestrator.bench.settings import bench_of
from orchestrator.commissioning.progress import Setup
from orchestrator.commissioning.questions import Asked, Outcome, Setting

_MARK = "commissioned "
_POTENTIOSTAT, _SWITCH, _TESTER, _OVEN = "potentiostat", "multiplexer", "tester", "oven"


def written(path: Path, setup: Setup, asked: Sequence[Asked], now_unix_s: float, questions: Sequence[str] = ()) -> Path:
    """Write the answers into a bench file and return the copy of it as it was.

    ``questions`` are the names of all; those that nobody has asked are written as open.

    Raises SettingsError where the file has no such instrument, or would not be a bench any more; it is then untouched.
    """
    before = path.read_text(encoding="utf-8")
    after = edited(before, setup, asked, now_unix_s, questions)
    lost = Counter(_comments(before)) - Counter(_comments(after))
    if lost:
        raise SettingsError(f"{path} is left as it is: these comments would be lost: {'; '.join(lost)}")
    bench_of(tomllib.loads(after), path)
    copy = path.with_name(f"{path.name}.before-{int(now_unix_s)}")
    shutil.copy2(path, copy)
    part = path.with_name(f".{path.name}.part")
    # The mode of the file, which may hold a password, stays.
    shutil.copy2(path, part)
    part.write_text(after, encoding="utf-8")
    part.replace(path)
    return copy


def edited(text: str, setup: Setup, asked: Sequence[Asked], now_unix_s: float, questions: Sequence[str] = ()) -> str:
    """Return the text of a bench file with the answers in it. Raises SettingsError without such an instrument."""
    import tomlkit

    document = tomlkit.parse(text)
    table = _table_of(document, setup)
    day = datetime.fromtimestamp(now_unix_s, UTC).date()
    for one in asked:
        for setting in one.found.settings:
            _set(table, setting, f"{_MARK}{day} by {one.by}: {_in_a_line(one.found.concluded)}")
    _commission(document, setup, asked, day, questions)
    return tomlkit.dumps(document)


def _table_of(document: Any, setup: Setup) -> Any:  # noqa: ANN401 - tables of tomlkit are dictionaries of any
    """Find the instrument's own table by its name, which may be the default one."""
    for key in (_TESTER, _POTENTIOSTAT, _SWITCH, _OVEN):
        there = document.get(key)
        tables = there if isinstance(there, list) else [] if there is None else [there]
        for table in tables:
            default = setup.kind if key == _TESTER else table.get("kind", setup.kind)
            if table.get("name", default) == setup.instrument:
                return table
    raise SettingsError(f"the bench file has no instrument {setup.instrument!r}")


def _set(table: Any, setting: Setting, comment: str) -> None:  # noqa: ANN401 - as above
    import tomlkit

    for part in setting.path[:-1]:
        table = _chosen(table, part) if isinstance(part, Mapping) else table.setdefault(part, {})
    key = setting.path[-1]
    if not isinstance(key, str):
        raise TypeError(f"the path of a setting ends with a key, not {key!r}")
    there = table.item(key) if key in table else None
    # What somebody wrote behind the old value is theirs, and stays.
    theirs = _theirs(there.trivia.comment) if there is not None else ""
    item = tomlkit.item(setting.value)
    if isinstance(table, tomlkit.items.InlineTable):
        # A comment would end the line in the middle of the table; the evidence stands in what was found.
        table[key] = item
        return
    item.comment(f"{comment} | {theirs}" if theirs else comment)
    table[key] = item


def _chosen(tables: Any, keys: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as above
    for table in tables:
        if all(table.get(key) == value for key, value in keys.items()):
            return table
    raise SettingsError(f"the bench file has no table with {dict(keys)}")


def _commission(
    document: Any,  # noqa: ANN401 - as above
    setup: Setup,
    asked: Sequence[Asked],
    day: Any,  # noqa: ANN401 - as above
    questions: Sequence[str],
) -> None:
    import tomlkit

    if "preflight" not in document:
        document["preflight"] = tomlkit.table(is_super_table=True)
    preflight = document["preflight"]
    if "commissioned" not in preflight:
        preflight["commissioned"] = tomlkit.table(is_super_table=True)
    facts = {name: value for one in asked for name, value in one.found.facts.items()}
    before = _before(preflight["commissioned"], setup, str(facts.get("versions", "")))
    facts = dict(before.get("found", {})) | facts
    # The names of all who took part, the first one first.
    theirs = str(before["by"]).split(", ") if before else []
    people = ", ".join(dict.fromkeys([*theirs, *(one.by for one in asked)]))
    versions = str(facts.pop("versions", before.get("versions", "")))
    table = tomlkit.table()
    values: dict[str, Any] = {"on": day, "by": people, "at": setup.words, "versions": versions}
    is_open = _open(asked, before.get("open", ()) if before else questions, questions)
    values |= {"open": is_open} if is_open else {}
    for key, value in values.items():
        table[key] = value
    found = tomlkit.table()
    for name, value in facts.items():
        found[name] = value
    table["found"] = found
    preflight["commissioned"][setup.key] = table


def _before(tables: Any, setup: Setup, versions: str) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    """Return what was found before of the same instrument at the same place, which one more question adds to."""
    before = tables.get(setup.key) or tables.get(setup.instrument) or {}
    is_there = place_of(str(before.get("at", ""))) == place_of(setup.words) and "by" in before
    is_another = bool(versions) and before.get("versions", "") not in ("", versions)
    return before if is_there and not is_another else {}


def _open(asked: Sequence[Asked], before: Sequence[str], questions: Sequence[str]) -> list[str]:
    """Return the questions that are not answered, in their order: of those open before, and of those asked."""
    answers = {one.question: one.found.outcome for one in asked}
    left = {*before, *answers}
    undecided = (None, Outcome.UNDECIDED, Outcome.DECLINED)
    return [name for name in dict.fromkeys([*questions, *answers]) if name in left and answers.get(name) in undecided]


def _comments(text: str) -> list[str]:
    """Return each person's comment; strings with a hash count alike before and after."""
    found = (_theirs(line.partition("#")[2]) for line in text.splitlines() if "#" in line)
    return [comment for comment in found if comment]


def _theirs(comment: str) -> str:
    """Return the part of a comment that no commissioning wrote."""
    told = comment.strip(" #")
    return told.partition(" | ")[2] if told.startswith(_MARK) else told


def _in_a_line(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
