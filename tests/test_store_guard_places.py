"""A store is refused on a network share, and where another program copies it behind SQLite's back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.store import CannotOpen, back_up, locations, open_store
from orchestrator.store.locations import sync_service
from tests.storing import add_run


@pytest.mark.parametrize(
    ("folder", "service"),
    [
        ("OneDrive", "OneDrive"),
        ("OneDrive - Institute of Batteries/rig", "OneDrive"),
        ("Dropbox", "Dropbox"),
        ("Dropbox (Personal)/data", "Dropbox"),
        ("Google Drive/My Drive/rig", "Google Drive"),
        ("My Drive/rig", "Google Drive"),
        ("Library/CloudStorage/GoogleDrive-me@lab.example/rig", "Google Drive"),
        ("Library/CloudStorage/Somebody-me/rig", "a cloud service"),
        ("Library/Mobile Documents/com~apple~CloudDocs/rig", "iCloud"),
        ("iCloudDrive", "iCloud"),
        ("Nextcloud", "Nextcloud"),
        ("nextcloud2/rig 1", "Nextcloud"),
    ],
)
def test_store_in_a_synchronised_folder_is_refused(tmp_path: Path, folder: str, service: str) -> None:
    """F06: told by the names that these programs give; the sentence names folder, program and the way out."""
    place = tmp_path / folder
    place.mkdir(parents=True)
    with pytest.raises(CannotOpen, match=f"which {service} copies while .* not synchronised, and send backups there"):
        open_store(place / "lab.sqlite")
    assert list(place.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a table of mounts")
def test_store_on_a_network_share_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F06: by the system's table of mounts, with the share and the way out; beside the share a store is opened."""
    shared, own = tmp_path / "group", tmp_path / "own"
    # A share cannot be mounted without rights: the table that the system would show stands in its place.
    table = tmp_path / "mounts"
    table.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/export {shared} nfs4 rw 0 0\n", "utf-8")
    monkeypatch.setattr(locations, "MOUNTS", table)
    for folder in (shared / "rig", own):
        folder.mkdir(parents=True)
    with pytest.raises(CannotOpen, match=f"on the network share {shared}, .*; use a disk of this machine"):
        open_store(shared / "rig" / "lab.sqlite")
    assert list((shared / "rig").iterdir()) == []
    with open_store(own / "lab.sqlite"):
        pass


@pytest.mark.parametrize(
    ("marker", "service"),
    [
        (".dropbox.cache/", "Dropbox"),
        (".dropbox", "Dropbox"),
        (".tmp.driveupload/", "Google Drive"),
        (".nextcloudsync.log", "Nextcloud"),
        (".sync_0a1b2c3d4e5f.db", "Nextcloud"),
        (".stfolder/", "Syncthing"),
    ],
)
def test_synchronised_folder_is_known_by_its_marks(tmp_path: Path, marker: str, service: str) -> None:
    """A folder of any name is known by what the program keeps in it."""
    shared = tmp_path / "Gruppe"
    (shared / "rig").mkdir(parents=True)
    assert sync_service(shared / "rig") is None
    if marker.endswith("/"):
        (shared / marker).mkdir()
    else:
        (shared / marker).touch()
    assert sync_service(shared / "rig") == (service, shared)


def test_settings_of_a_program_are_no_synchronised_folder(tmp_path: Path) -> None:
    """A home folder in which Dropbox keeps its settings is not copied, and near names are other folders."""
    (tmp_path / ".dropbox").mkdir()
    for name in ("Dropboxes", "nextcloudy", "my drives", "onedriver"):
        (tmp_path / name).mkdir()
        assert sync_service(tmp_path / name) is None


def test_link_into_a_synchronised_folder_is_seen_through(tmp_path: Path) -> None:
    """The file's own place counts, not the name it was reached by."""
    (tmp_path / "Dropbox").mkdir()
    (tmp_path / "lab.sqlite").symlink_to(tmp_path / "Dropbox" / "lab.sqlite")
    with pytest.raises(CannotOpen, match="which Dropbox copies"):
        open_store(tmp_path / "lab.sqlite")


def test_backup_may_lie_in_a_synchronised_folder_and_be_read_there(store_path: Path) -> None:
    """A finished copy is one file that nobody writes: it may be sent away, and looked at."""
    with open_store(store_path) as store:
        run_id = add_run(store)
    cloud = store_path.parent / "Nextcloud"
    cloud.mkdir()
    made = back_up(store_path, cloud, now_unix_s=1_767_571_200.0)
    with open_store(made.path, read_only=True) as copy:
        assert [run.run_id for run in copy.runs()] == [run_id]
    assert list(cloud.iterdir()) == [made.path]
