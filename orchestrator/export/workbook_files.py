"""Opens a workbook for writing so that what fails on a full disk is one error, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any


@contextmanager
def new_workbook(path: Path, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - of a library without types
    """Yield a workbook of xlsxwriter that is written to ``path`` at the end. Raises OSError."""
    import xlsxwriter
    from xlsxwriter.exceptions import XlsxWriterException

    # Its sheets lie in files of their own until then, which xlsxwriter 3.3.1 leaves where it fails.
    try:
        with (
            TemporaryDirectory(prefix="cellrig-workbook-", ignore_cleanup_errors=True) as folder,
            path.open("wb") as file,
            xlsxwriter.Workbook(_Sink(file), {"tmpdir": folder, **options}) as book,
        ):
            yield book
    except XlsxWriterException as err:
        raise OSError(str(err)) from err


class _Sink:
    """A file that drops what is written after a write has failed.

    ``ZipFile`` writes its directory when it is thrown away too, where an error can only be printed and not be caught.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._failed, self._place = file, False, 0

    def write(self, data: bytes) -> int:
        """Write; once a write has failed, in name only. Raises OSError the first time."""
        if not self._failed:
            with self._noted():
                self._file.write(data)
        return len(data)

    def seek(self, place: int, whence: int = 0) -> int:
        """Move as in a file. Raises OSError the first time."""
        if not self._failed:
            with self._noted():
                self._file.seek(place, whence)
        return self.tell()

    def tell(self) -> int:
        """Return the place; of a file that failed the last one that was known."""
        if not self._failed:
            with self._noted():
                self._place = self._file.tell()
        return self._place

    def flush(self) -> None:
        """Flush what was written. Raises OSError the first time."""
        if not self._failed:
            with self._noted():
                self._file.flush()

    def seekable(self) -> bool:
        """Say that places can be sought."""
        return True

    @contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._failed = True
            raise
