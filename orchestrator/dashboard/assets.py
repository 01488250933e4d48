"""The files that a page loads: our styles and scripts, the words as JSON, and uPlot out of an installed package.

Every file stands under the version of all of them, so that a browser may keep it for good, and modules that import each
other are of one version. uPlot is served as it was released: its SHA-256 is checked, and another file is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestrator.dashboard.words import LANGUAGES, Words

PREFIX = "/static"
FOLDER = Path(__file__).resolve().parent / "static"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# Of youplot 1.0.0, whose script is uPlot 1.6.31 as released.
UPLOT = {
    "uplot.js": ("uplot.iife.min.js", "2d27e8ad3d228164525ce213f9dc716f39b4e3aee0cc773fb3491c96cf4921a2"),
    "uplot.css": ("uplot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
}


class WrongAsset(RuntimeError):
    """A file of another package is not the one that was tested; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is served."""

    data: bytes
    kind: str
    etag: str


class Assets:
    """All files by name, and the version of all of them together."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = {
            name: Asset(data, _KINDS[Path(name).suffix], f'"{hashlib.sha256(data).hexdigest()[:32]}"')
            for name, data in sorted(files.items())
        }
        together = "".join(f"{name} {asset.etag}\n" for name, asset in self.files.items())
        self.version = hashlib.sha256(together.encode()).hexdigest()[:12]

    @classmethod
    @lru_cache(maxsize=1)
    def load(cls) -> Assets:
        """Return the files of this package and of uPlot, read once. Raises WrongAsset."""
        files = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in _KINDS}
        for lang in LANGUAGES:
            files[f"words-{lang}.json"] = json.dumps(Words.load().texts(lang), ensure_ascii=False).encode()
        return cls(files | {name: uplot_file(source, sha256) for name, (source, sha256) in UPLOT.items()})

    def address(self, name: str) -> str:
        """Return where a file is served. Raises KeyError for one that is not there."""
        if name not in self.files:
            raise KeyError(f"there is no file {name} in {FOLDER.name}/")
        return f"{PREFIX}/{self.version}/{name}"


def uplot_file(source: str, sha256: str, folder: Path | None = None) -> bytes:
    """Return a file of uPlot out of youplot's wheel. Raises WrongAsset if it is missing, or another one."""
    install = "install cellrig's extra 'service' again: python -m pip install '.[service]'"
    # Found, not imported: the package would load its own things.
    spec = importlib.util.find_spec("youplot")
    if folder is None and (spec is None or spec.origin is None):
        raise WrongAsset(f"youplot, which carries uPlot, is not installed; {install}")
    path = (folder or Path(str(spec and spec.origin)).parent / "vendor") / source
    try:
        data = path.read_bytes()
    except OSError as err:
        raise WrongAsset(f"{path} cannot be read: {err}; {install}") from err
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise WrongAsset(f"{path} is not uPlot as it was released: SHA-256 {found}, expected {sha256}; {install}")
    return data
