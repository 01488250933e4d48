"""Detects folders where a store must not lie: network shares, and folders that a program copies to a cloud."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath

MOUNTS = Path("/proc/self/mounts")
"""Linux's table of what is mounted where."""

# SQLite's locks and its WAL need one machine's memory; on these they seem to work, and lose data.
NETWORK_FILE_SYSTEMS = frozenset(
    {
        "9p",
        "afpfs",
        "afs",
        "ceph",
        "cifs",
        "davfs",
        "fuse.rclone",
        "fuse.sshfs",
        "glusterfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)

# Names that these programs give to the folders they copy. Several add the account or the firm: "OneDrive - ACME".
SYNC_FOLDERS = {
    "onedrive": "OneDrive",
    "dropbox": "Dropbox",
    "google drive": "Google Drive",
    "googledrive": "Google Drive",
    "my drive": "Google Drive",
    "icloud drive": "iCloud",
    "iclouddrive": "iCloud",
    "mobile documents": "iCloud",
    "com~apple~clouddocs": "iCloud",
    "nextcloud": "Nextcloud",
    "owncloud": "ownCloud",
    "cloudstorage": "a cloud service",
}
# What these programs put into the folders they copy, whatever the folder is called.
SYNC_MARKERS = {
    ".dropbox.cache": "Dropbox",
    ".tmp.driveupload": "Google Drive",
    ".tmp.drivedownload": "Google Drive",
    ".nextcloudsync.log": "Nextcloud",
    ".owncloudsync.log": "ownCloud",
    ".stfolder": "Syncthing",
}
# Between a program's name and the account: "Dropbox (Personal)", "Nextcloud2", "GoogleDrive-me@lab.example".
_SEPARATORS = tuple(" -(_0123456789")


def network_share(folder: Path) -> str | None:
    """Return the network share that a folder is on, as far as the system reports it."""
    if str(folder).startswith("\\\\"):
        return folder.drive
    if sys.platform == "linux" and MOUNTS.exists():
        return share_of(PurePosixPath(folder), MOUNTS.read_text("utf-8", errors="replace").splitlines())
    return None


def share_of(folder: PurePosixPath, mounts: Iterable[str]) -> str | None:
    """Return the mount point of the network file system that a folder is on, from lines of a Linux mount table."""
    innermost, kind = PurePosixPath("/"), ""
    for line in mounts:
        fields = line.split()
        if len(fields) < 3:
            continue
        # The kernel writes blanks in names as octal escapes.
        point = PurePosixPath(fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if folder.is_relative_to(point) and len(point.parts) >= len(innermost.parts):
            innermost, kind = point, fields[2]
    return str(innermost) if kind in NETWORK_FILE_SYSTEMS else None


def sync_service(folder: Path) -> tuple[str, Path] | None:
    """Return the program that copies a folder to a cloud, and that folder, recognised by names and marker files."""
    for part in (folder, *folder.parents):
        if service := _service_of_name(part):
            return service, part
        # In a home folder the same name is a folder of settings, and says nothing about what is copied.
        if (part / ".dropbox").is_file():
            return "Dropbox", part
        if any(part.glob(".sync_*.db")):
            return "Nextcloud", part
        for marker, service in SYNC_MARKERS.items():
            if (part / marker).exists():
                return service, part
    return None


def _service_of_name(folder: PurePath) -> str | None:
    name = folder.name.lower()
    for prefix, service in SYNC_FOLDERS.items():
        if name == prefix or (name.startswith(prefix) and name[len(prefix) :].startswith(_SEPARATORS)):
            return service
    return None
