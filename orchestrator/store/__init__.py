"""The store: every record of every run in one SQLite file, safe against a killed process, readable by any tool."""

from orchestrator.store.backup import Backup, back_up
from orchestrator.store.disk_space import SpaceGuard, SpaceReport, SpaceVerdict, predicted_bytes, space_verdict
from orchestrator.store.durability import Durability
from orchestrator.store.errors import (
    BackupFailed,
    CannotOpen,
    Damaged,
    MigrationFailed,
    NewerStore,
    NotAStore,
    Refused,
    RunArchived,
    StoreBusy,
    StoreConflict,
    StoreError,
    WriteFailed,
)
from orchestrator.store.mountings import EndedRun, Mounting, Mountings, RunOnChannel
from orchestrator.store.notes import Note, Notes, note_text
from orchestrator.store.opening import open_store
from orchestrator.store.origins import Origin, Origins
from orchestrator.store.rows import (
    DeviationCategory,
    DeviationRow,
    EventRow,
    IntentRow,
    MeasurementRow,
    MountingKind,
    NewEvent,
    RunRow,
    SpectrumPoint,
    TesterTestRow,
    TickResult,
)
from orchestrator.store.store import Store
from orchestrator.store.versions import FileKind, Version, Versions, VersionSaved
from orchestrator.store.wal import Checkpoint, CheckpointMode, WalReport, checkpoint, wal_size_bytes, watch_wal

__all__ = [
    "Backup",
    "BackupFailed",
    "CannotOpen",
    "Checkpoint",
    "CheckpointMode",
    "Damaged",
    "DeviationCategory",
    "DeviationRow",
    "Durability",
    "EndedRun",
    "EventRow",
    "FileKind",
    "IntentRow",
    "MeasurementRow",
    "MigrationFailed",
    "Mounting",
    "MountingKind",
    "Mountings",
    "NewEvent",
    "NewerStore",
    "NotAStore",
    "Note",
    "Notes",
    "Origin",
    "Origins",
    "Refused",
    "RunArchived",
    "RunOnChannel",
    "RunRow",
    "SpaceGuard",
    "SpaceReport",
    "SpaceVerdict",
    "SpectrumPoint",
    "Store",
    "StoreBusy",
    "StoreConflict",
    "StoreError",
    "TesterTestRow",
    "TickResult",
    "Version",
    "VersionSaved",
    "Versions",
    "WalReport",
    "WriteFailed",
    "back_up",
    "checkpoint",
    "note_text",
    "open_store",
    "predicted_bytes",
    "space_verdict",
    "wal_size_bytes",
    "watch_wal",
]
