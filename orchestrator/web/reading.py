"""The store as the web process reads it: one connection that cannot write, and answers kept until the next commit."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from orchestrator.store import Store, open_store
from orchestrator.store.errors import explained
from orchestrator.web.loopback_client import Answer

# Page cache of the connection, in kibibytes: pages of samples are read once and then kept as answers.
_CACHE_KIB = 4 * 1024
# The answers that are kept, in bytes: some dozens of pages of a thousand samples.
_KEPT_BYTES = 8 * 1024 * 1024


class Reading:
    """A store, opened for reading when it is first asked for, and again when another file stands in its place.

    Every page is read by statements that are each over when their rows are fetched: no snapshot stays open, so that the
    log of the writer can be checkpointed at any time. A connection of its own sees committed rows only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store: Store | None = None
        self._file: tuple[int, int] = (0, 0)

    @property
    def path(self) -> Path:
        """The store's file."""
        return self._path

    def __call__(self) -> Store:
        """Return the open store. Raises StoreError."""
        file = self._stands_there()
        if self._store is None or file != self._file:
            self.close()
            self._store = open_store(self._path, read_only=True)
            self._store.connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}").close()
            self._file = file
        return self._store

    def version(self) -> tuple[int, int, int]:
        """Return what changes with every commit of another connection, and with another file. Raises StoreError."""
        store = self()
        with explained(store.path):
            (version,) = store.connection.execute("PRAGMA data_version").fetchone()
        return (*self._file, version)

    def close(self) -> None:
        """Close the connection."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _stands_there(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_dev, found.st_ino


class KeptAnswers:
    """Answers out of the store, each given again as long as nothing was committed since."""

    def __init__(self, most_bytes: int = _KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._version: object = None
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0

    def get(self, target: str, version: object) -> Answer | None:
        """Return the answer to a question at a version of the store, None if it was not asked yet."""
        if version != self._version:
            self._kept.clear()
            self._bytes, self._version = 0, version
        answer = self._kept.get(target)
        if answer is not None:
            self._kept.move_to_end(target)
        return answer

    def keep(self, target: str, version: object, answer: Answer) -> None:
        """Keep an answer that was made of this version; the ones that were given longest ago make room."""
        if version != self._version or target in self._kept or len(answer.body) > self._most_bytes // 4:
            return
        self._kept[target] = answer
        self._bytes += len(answer.body)
        while self._bytes > self._most_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._bytes -= len(dropped.body)
