"""Keeps what an audit finds in a file as it finds it, so that an audit of days outlives a power cut and goes on.

One JSON object a line: what an audit looked at, then each finding with its evidence and the records before it, and now
and then until when it has looked::

    {"audit of": "/lab/bench.toml", "began_unix_s": 1767225600.0}
    {"channel": "21-1-3", "test": 7, "barcode": "cell_3", "kind": "records missing", "since_unix_s": 1767229200.0, ...}
    {"looked_until_unix_s": 1767229800.0}
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.errors import SettingsError
from orchestrator.audit.kinds import AuditFinding, AuditKind, Seen

_BEGIN, _UNTIL = "audit of", "looked_until_unix_s"
# A power cut takes no more than this off the time that is said to have been looked at.
_NOTE_EVERY_S = 600.0
# So many bytes say that a first line, of which a power cut has left a part, was one of an audit.
_BEGINS = 12

# The barcode too: a tester that was set up anew, or another one, counts its tests from the beginning.
Key = tuple[str, int, str, AuditKind]


def _key(finding: AuditFinding) -> Key:
    return finding.channel, finding.test_id, finding.barcode, finding.seen.kind


class KeptFindings:
    """The findings of one file; ``earlier`` are those of audits before this one, ``began_unix_s`` when the first began.

    ``earlier_looked_s`` is for how long these have looked: between two of them nobody did.
    ``trouble`` says why a finding is not in the file; empty while all are.
    """

    def __init__(self, path: Path, bench: str, now_unix_s: float) -> None:
        """Read a file, which need not be there yet, and note another audit in it.

        Raises SettingsError for a file that is another's or of another bench, or cannot be written.
        """
        self.began_unix_s = self._noted_unix_s = now_unix_s
        self.earlier_looked_s = 0.0
        bench = str(Path(bench).absolute())
        self.trouble = ""
        self._path = path
        try:
            self.earlier = self._read(bench)
            self._add({_BEGIN: bench, "began_unix_s": now_unix_s})
        except OSError as err:
            raise SettingsError(f"{path} cannot keep what an audit finds: {err.strerror or err}") from err
        self._told_before = frozenset(_key(found) for found in self.earlier)
        self._known = set(self._told_before)

    def _read(self, bench: str) -> tuple[AuditFinding, ...]:
        if not self._path.exists():
            return ()
        whole = self._path.read_bytes()
        # What a power cut has left of a line is none; the next one begins behind the last whole line.
        lines = whole[: whole.rfind(b"\n") + 1].splitlines()
        try:
            rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
            if not (_BEGIN in rows[0] if rows else f'{{"{_BEGIN}": '.encode().startswith(whole[:_BEGINS])):
                raise ValueError("it does not begin as one")
            earlier = tuple(_finding(row) for row in rows if _BEGIN not in row and _UNTIL not in row)
            begins = [float(row["began_unix_s"]) for row in rows if _BEGIN in row]
            self.began_unix_s = min([self.began_unix_s, *begins])
            self.earlier_looked_s = _looked_s(rows)
            benches = [str(row[_BEGIN]) for row in rows if _BEGIN in row]
        except (ValueError, KeyError, TypeError) as err:
            raise SettingsError(
                f"{self._path} is no file that an audit keeps its findings in ({err}); name another one"
            ) from err
        if others := [other for other in benches if not _is_same(other, bench)]:
            raise SettingsError(
                f"{self._path} keeps what an audit of {others[0]} found, not of {bench}: name another one"
            )
        if len(whole) > sum(len(line) + 1 for line in lines):
            os.truncate(self._path, whole.rfind(b"\n") + 1)
        return earlier

    def keep(self, found: Sequence[AuditFinding]) -> None:
        """Write what is not in the file yet, to the disk; a disk that takes nothing is told by ``trouble``.

        What it did not take is written with the next call that has it.
        """
        trouble = ""
        for finding in found:
            if _key(finding) in self._known:
                continue
            try:
                self._add(_row(finding))
            except OSError as err:
                trouble = f"{self._path} does not take what is found: {err.strerror or err}"
            else:
                self._known.add(_key(finding))
        self.trouble = trouble

    def is_new(self, finding: AuditFinding) -> bool:
        """Return whether no audit before this one has found it."""
        return _key(finding) not in self._told_before

    def looked(self, now_unix_s: float, *, is_last: bool = False) -> None:
        """Note until when was looked: now and then, and at the end."""
        if is_last or now_unix_s - self._noted_unix_s >= _NOTE_EVERY_S:
            self._noted_unix_s = now_unix_s
            # Where the disk takes nothing, the findings say so.
            with contextlib.suppress(OSError):
                self._add({_UNTIL: now_unix_s})

    def merged(self, found: Sequence[AuditFinding]) -> list[AuditFinding]:
        """Return the findings of the file and those of now: of one that both have, the first, and how often in all."""
        both = {_key(it): it for it in self.earlier}
        for finding in found:
            before = both.get(_key(finding))
            both[_key(finding)] = finding if before is None else replace(before, times=_times(before, finding))
        return list(both.values())

    def _add(self, row: Mapping[str, object]) -> None:
        # A full disk takes a part of a line: without buffer, so that nothing of it comes later.
        with self._path.open("ab", buffering=0) as file:
            line, size = json.dumps(row, ensure_ascii=False).encode() + b"\n", file.tell()
            try:
                if (written := file.write(line)) != len(line):
                    raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes of a finding were written")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise


def _looked_s(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return for how long the audits of a file have looked, each from its beginning to its last note."""
    total_s = began_s = until_s = 0.0
    for row in rows:
        if _BEGIN in row:
            total_s += until_s - began_s
            began_s = until_s = float(row["began_unix_s"])
        elif _UNTIL in row:
            until_s = max(until_s, float(row[_UNTIL]))
    return total_s + until_s - began_s


def _is_same(noted: str, bench: str) -> bool:
    """Return whether two names are those of one bench file; older files name it as it was typed, from any folder."""
    return noted == bench or (not Path(noted).is_absolute() and Path(noted).name == Path(bench).name)


def _times(before: AuditFinding, now: AuditFinding) -> int:
    # An audit that goes on reads the records and the log of a running test once more, and its step file.
    is_same_moment = before.seen.since_unix_s == now.seen.since_unix_s or now.seen.kind is AuditKind.LIMIT_MISSING
    if is_same_moment and before.seen.sentence == now.seen.sentence:
        return max(before.times, now.times)
    return before.times + now.times


def _row(it: AuditFinding) -> dict[str, object]:
    return {
        "channel": it.channel,
        "test": it.test_id,
        "barcode": it.barcode,
        "kind": it.seen.kind.value,
        "since_unix_s": it.seen.since_unix_s,
        "sentence": it.seen.sentence,
        "evidence": dict(it.seen.evidence),
        "times": it.times,
        "around": it.around,
    }


def _finding(row: Mapping[str, Any]) -> AuditFinding:
    seen = Seen(AuditKind(row["kind"]), float(row["since_unix_s"]), str(row["sentence"]), dict(row["evidence"]))
    around = tuple((float(at_s), float(volts)) for at_s, volts in row["around"])
    return AuditFinding(str(row["channel"]), int(row["test"]), str(row["barcode"]), seen, int(row["times"]), around)
