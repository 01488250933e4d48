"""The core's reports to other parts: run updates and events, on a bus that protects the core from its listeners."""

from orchestrator.events.bus import Bus, Sink
from orchestrator.events.inbox import QUEUE_LENGTH, Inbox
from orchestrator.events.kinds import STATE_SEVERITY, EventKind, Severity
from orchestrator.events.listening import Listener, Subscription
from orchestrator.events.values import SEVERITY_KEY, Event, RunUpdate, Told, stored_event

__all__ = [
    "QUEUE_LENGTH",
    "SEVERITY_KEY",
    "STATE_SEVERITY",
    "Bus",
    "Event",
    "EventKind",
    "Inbox",
    "Listener",
    "RunUpdate",
    "Severity",
    "Sink",
    "Subscription",
    "Told",
    "stored_event",
]
