"""The kinds of events with the severity of each, in one table, by which listeners select events.

The words are stored and shown; a word that is in a store is never changed. docs/events.md says what each means.
"""

from __future__ import annotations

from enum import StrEnum

from orchestrator.states import RunState


class Severity(StrEnum):
    """The importance of an event for people, in rising order."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ALARM = "alarm"

    def is_at_least(self, other: Severity) -> bool:
        """Return whether this is as severe as another, or more."""
        return _ORDER.index(self) >= _ORDER.index(other)


_ORDER = tuple(Severity)


class EventKind(StrEnum):
    """The kind of an event of a run or of the rig, in a technician's words."""

    # A run and its tests
    STATE = "state"
    COMMAND = "command"
    ORDER_KEY = "order key"
    IMPLAUSIBLE = "implausible values confirmed"
    VOLTAGE_ACCEPTED = "voltage accepted"
    CELL_MOUNTED = "cell mounted"
    GUARD_CHANGED = "guard changed"
    PREFLIGHT = "preflight"
    LOADED = "loaded"
    LIMITS_AS_LOADED = "limits as loaded"
    STARTED = "started"
    MEASURED = "measured"
    ENDED = "ended"
    RECOVERED = "recovered"
    MEASUREMENT_FAILED = "measurement failed"
    RECORDS_LOST = "records lost"
    LINK_LOST = "link lost"
    LINK_BACK = "link back"
    CLOCK_JUMPED = "clock jumped"
    TESTER_CLOCK = "tester clock"
    EXTERNAL_ACTION = "external action"
    LATE_START = "start arrived late"
    TESTER_PROTECTED = "tester protected the channel"
    STOP_NOT_CONFIRMED = "stop not confirmed"
    SOAKED = "soaked"
    DECIDED = "decided by the recipe"
    CONDITION_UNKNOWN = "condition not known"
    VALUES_MEASURED = "values measured"
    PERSON_ASKED = "person asked"
    HOST_END = "step ended by the host"
    SEGMENT_ENDED = "segment ended"
    # What samples show: the kinds of findings (``orchestrator.judging.limits``), in the same words
    EARLY_CUTOFF = "cutoff reached early"
    CELL_GONE = "cell no longer seen"
    CHECK_FAILED = "contact check failed"
    CELL_SHORTED = "cell shorted"
    SOFT_SHORT = "soft short suspected"
    NO_SHORT = "no short after all"
    CEILING = "ceiling reached"
    OVERDUE = "step did not end"
    ABSOLUTE_LIMIT = "absolute limit exceeded"
    TEMPERATURE_LIMIT = "temperature limit exceeded"
    HOST_LIMIT = "limit exceeded"
    WRONG_CURRENT = "current differs from the set value"
    INVALID_VALUE = "value is not a number"
    CONTACT_RISES = "contact resistance rises"
    POLARISATION_DRIFTS = "polarisation drifts"
    CHARGE_DIFFERS = "charge differs from the counter"
    VOLTAGE_FLAT = "voltage does not change"
    VOLTAGE_JUMPS = "voltage jumps"
    RECORDS_LATE = "records come late"
    # The ovens
    OVEN_SET = "oven set"
    OVEN_LEFT = "oven leaves its temperature"
    OVEN_TOO_HOT = "oven too hot"
    OVEN_FAULT = "oven fault"
    OVEN_LOST = "oven does not answer"
    OVEN_BACK = "oven back"
    # The rig
    CHANNEL_EMPTY = "channel empty"
    PUT_OFF = "put off"
    SERVICE_STARTED = "service started"
    SERVICE_STOPPED = "service stopped"
    SERVICE_AWAY = "service away"
    REFUSED = "request refused"
    SPACE_OK = "space ok"
    SPACE_WARN = "space warn"
    SPACE_RELEASE_RESERVE = "space release_reserve"
    SPACE_HOLD = "space hold"
    LOG_GROWS = "log grows"
    BACKUP = "backup"
    BACKUP_FAILED = "backup failed"
    STORE_DOUBTED = "store doubted"
    # The notices to people
    NOTICES_TESTED = "notices tested"
    NOTICES_FAILED = "notices failed"
    NOTICES_WORK = "notices work again"
    # The MQTT feed
    BROKER_LOST = "broker lost"
    BROKER_BACK = "broker back"

    @property
    def severity(self) -> Severity:
        """The severity of an event of this kind, unless the event has a severity of its own."""
        return _SEVERITY[self]

    @classmethod
    def known(cls, word: str) -> EventKind | None:
        """Return the kind of a stored word; None for a word of a newer cellrig, which is shown unchanged."""
        return _BY_WORD.get(word)


_BY_WORD = {kind.value: kind for kind in EventKind}

_K, _S = EventKind, Severity
_SEVERITY: dict[EventKind, Severity] = {
    _K.STATE: _S.INFO,
    _K.COMMAND: _S.NOTICE,
    _K.ORDER_KEY: _S.INFO,
    _K.IMPLAUSIBLE: _S.WARNING,
    _K.VOLTAGE_ACCEPTED: _S.WARNING,
    _K.CELL_MOUNTED: _S.NOTICE,
    _K.GUARD_CHANGED: _S.NOTICE,
    _K.PREFLIGHT: _S.INFO,
    _K.LOADED: _S.INFO,
    _K.LIMITS_AS_LOADED: _S.INFO,
    _K.STARTED: _S.INFO,
    _K.MEASURED: _S.INFO,
    _K.ENDED: _S.NOTICE,
    _K.RECOVERED: _S.NOTICE,
    _K.MEASUREMENT_FAILED: _S.WARNING,
    _K.RECORDS_LOST: _S.WARNING,
    _K.LINK_LOST: _S.WARNING,
    _K.LINK_BACK: _S.NOTICE,
    _K.CLOCK_JUMPED: _S.WARNING,
    _K.TESTER_CLOCK: _S.WARNING,
    _K.EXTERNAL_ACTION: _S.WARNING,
    _K.LATE_START: _S.ALARM,
    _K.TESTER_PROTECTED: _S.ALARM,
    _K.STOP_NOT_CONFIRMED: _S.ALARM,
    _K.SOAKED: _S.INFO,
    _K.DECIDED: _S.NOTICE,
    _K.CONDITION_UNKNOWN: _S.INFO,
    _K.VALUES_MEASURED: _S.INFO,
    _K.PERSON_ASKED: _S.NOTICE,
    _K.HOST_END: _S.INFO,
    _K.SEGMENT_ENDED: _S.INFO,
    _K.EARLY_CUTOFF: _S.ALARM,
    _K.CELL_GONE: _S.ALARM,
    _K.CHECK_FAILED: _S.ALARM,
    _K.CELL_SHORTED: _S.WARNING,
    _K.SOFT_SHORT: _S.WARNING,
    _K.NO_SHORT: _S.WARNING,
    _K.CEILING: _S.WARNING,
    _K.OVERDUE: _S.ALARM,
    _K.ABSOLUTE_LIMIT: _S.ALARM,
    _K.HOST_LIMIT: _S.ALARM,
    _K.TEMPERATURE_LIMIT: _S.ALARM,
    _K.WRONG_CURRENT: _S.ALARM,
    _K.INVALID_VALUE: _S.ALARM,
    _K.CONTACT_RISES: _S.WARNING,
    _K.POLARISATION_DRIFTS: _S.WARNING,
    _K.CHARGE_DIFFERS: _S.WARNING,
    _K.VOLTAGE_FLAT: _S.WARNING,
    _K.VOLTAGE_JUMPS: _S.WARNING,
    _K.RECORDS_LATE: _S.WARNING,
    _K.OVEN_SET: _S.NOTICE,
    _K.OVEN_LEFT: _S.WARNING,
    _K.OVEN_TOO_HOT: _S.ALARM,
    _K.OVEN_FAULT: _S.WARNING,
    _K.OVEN_LOST: _S.WARNING,
    _K.OVEN_BACK: _S.NOTICE,
    _K.CHANNEL_EMPTY: _S.NOTICE,
    _K.PUT_OFF: _S.NOTICE,
    _K.SERVICE_STARTED: _S.INFO,
    _K.SERVICE_STOPPED: _S.NOTICE,
    _K.SERVICE_AWAY: _S.WARNING,
    _K.REFUSED: _S.NOTICE,
    _K.SPACE_OK: _S.NOTICE,
    _K.SPACE_WARN: _S.WARNING,
    _K.SPACE_RELEASE_RESERVE: _S.WARNING,
    _K.SPACE_HOLD: _S.ALARM,
    _K.LOG_GROWS: _S.WARNING,
    _K.BACKUP: _S.INFO,
    _K.BACKUP_FAILED: _S.WARNING,
    _K.STORE_DOUBTED: _S.ALARM,
    _K.NOTICES_TESTED: _S.INFO,
    _K.NOTICES_FAILED: _S.ALARM,
    _K.NOTICES_WORK: _S.NOTICE,
    _K.BROKER_LOST: _S.WARNING,
    _K.BROKER_BACK: _S.NOTICE,
}

# The states to which it matters more that a run goes: the severity of its event of kind ``state``.
STATE_SEVERITY: dict[RunState, Severity] = {
    RunState.UNSEEN: _S.WARNING,
    RunState.HOLDING: _S.WARNING,
    RunState.AWAITING_OPERATOR: _S.WARNING,
    RunState.TRIPPED: _S.ALARM,
    RunState.COMPLETED: _S.NOTICE,
    RunState.STOPPED: _S.NOTICE,
    RunState.FAILED: _S.WARNING,
    RunState.UNKNOWN: _S.ALARM,
}
