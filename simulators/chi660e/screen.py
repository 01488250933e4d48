"""Writes the pop-ups of the program's screen to a file, so that a watching process can read them."""

from __future__ import annotations

import json
import os


class Screen:
    """Writes the open pop-ups to a file as a JSON list of title and text; None writes no file."""

    def __init__(self, path: str | None) -> None:
        """Begin with an empty screen."""
        self._path = path
        self._shown: list[dict[str, str]] = []

    def show(self, title: str, text: str) -> None:
        """Open one more pop-up."""
        self._shown.append({"title": title, "text": text})
        if self._path:
            part = f"{self._path}.{os.getpid()}.part"
            with open(part, "w", encoding="utf-8") as file:  # noqa: PTH123 -- pathlib costs start-up time
                json.dump(self._shown, file)
            os.replace(part, self._path)  # noqa: PTH105 -- likewise
