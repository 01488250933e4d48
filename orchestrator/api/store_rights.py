"""The access rights of a store that is served: what its runs hold is for its owner and, to read, for his group."""

from __future__ import annotations

from pathlib import Path

from orchestrator.people.private_file import must_be_private
from orchestrator.store.companion_files import logs_of
from orchestrator.store.place import real_path


def check_rights(store: Path) -> None:
    """Refuse a store that others may read; its group may, and only its owner may write. Raises SettingsError."""
    place = real_path(store)
    for path in (place, *logs_of(place)):
        if path.exists():
            must_be_private(path, 0o037, f"take that away: chmod 600 {path} (640, if your group is to read it)")
