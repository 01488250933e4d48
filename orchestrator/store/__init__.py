"""The store: every record of every run in one SQLite file, safe against a killed process, readable by any tool."""

from orchestrator.store.errors import (
    CannotOpen,
    NewerStore,
    NotAStore,
    Refused,
    StoreBusy,
    StoreConflict,
    StoreError,
    WriteFailed,
)
from orchestrator.store.opening import open_store
from orchestrator.store.rows import (
    DeviationCategory,
    DeviationRow,
    EventRow,
    IntentRow,
    NewEvent,
    RunRow,
    SpectrumPoint,
    TesterTestRow,
    TickResult,
)
from orchestrator.store.store import Store

__all__ = [
    "CannotOpen",
    "DeviationCategory",
    "DeviationRow",
    "EventRow",
    "IntentRow",
    "NewEvent",
    "NewerStore",
    "NotAStore",
    "Refused",
    "RunRow",
    "SpectrumPoint",
    "Store",
    "StoreBusy",
    "StoreConflict",
    "StoreError",
    "TesterTestRow",
    "TickResult",
    "WriteFailed",
    "open_store",
]
