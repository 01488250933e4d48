"""The manifest of a package: size and hashes of each file, chained, in a form of which every byte is determined.

The hash of each entry covers that of the one before: no entry is changed, added, dropped or moved without changing
the end of the chain, 64 letters that a laboratory journal has room for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.packaging.errors import PackageTouched

NAME = "manifest.json"
FORMAT, VERSION = "cellrig run package", 1


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is told of one file. ``crc32`` is what a zip keeps of it."""

    path: str
    size_bytes: int
    sha256: str
    crc32: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a package in order, and the words that begin the chain."""

    run_id: str
    made_by: str
    files: tuple[FileFacts, ...]

    @property
    def _head(self) -> dict[str, Any]:
        return {"format": FORMAT, "version": VERSION, "run": self.run_id, "made_by": self.made_by}

    @property
    def chain(self) -> list[str]:
        """The hash of the head, and after it of each file, together with the hash before it."""
        found = [_sha256(_line(self._head))]
        for file in self.files:
            found.append(_sha256(f"{found[-1]}\n{_line([file.path, file.size_bytes, file.sha256, file.crc32])}"))
        return found

    @property
    def end(self) -> str:
        """The end of the chain."""
        return self.chain[-1]

    def as_bytes(self) -> bytes:
        """Return the file's bytes: the same manifest gives the same."""
        start, *links = self.chain
        files = [
            {
                "path": file.path,
                "size_bytes": file.size_bytes,
                "sha256": file.sha256,
                "crc32": file.crc32,
                "chain": link,
            }
            for file, link in zip(self.files, links, strict=True)
        ]
        told = {**self._head, "begin": start, "files": files, "end": self.end}
        return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest of a package. Raises PackageTouched, with the first entry that is not as it was written."""
    try:
        told = json.loads(data)
        files = tuple(_file(one) for one in told["files"])
        manifest = Manifest(str(told["run"]), str(told["made_by"]), files)
        written = manifest.as_bytes()
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise PackageTouched(f"{NAME} cannot be read: {err}") from err
    if written == data:
        return manifest
    for place, (link, one) in enumerate(zip(manifest.chain[1:], told["files"], strict=True)):
        if one.get("chain") != link:
            raise PackageTouched(
                f"{NAME}: its entry {place + 1}, {one.get('path')!r}, does not fit the chain of hashes"
            )
    raise PackageTouched(f"{NAME} is not as it was written: its words, its spaces or the end of its chain")


def _file(told: dict[str, Any]) -> FileFacts:
    path, size, sha256, crc32 = told["path"], told["size_bytes"], told["sha256"], told["crc32"]
    if not (isinstance(path, str) and isinstance(sha256, str) and type(size) is int and type(crc32) is int):
        raise TypeError(f"entry {path!r} has values of other types")
    if size < 0 or not 0 <= crc32 < 2**32:
        raise ValueError(f"entry {path!r} has an impossible size")
    if path.startswith("/") or "\\" in path or ":" in path or not path or ".." in path.split("/"):
        raise ValueError(f"entry {path!r} leads out of the package")
    return FileFacts(path, size, sha256, crc32)


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def names(files: Iterable[FileFacts]) -> list[str]:
    """Return the paths of files, in order."""
    return [file.path for file in files]
