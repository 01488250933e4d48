"""The errors of the public interface, besides those that it re-exports.

::

    NotServed              the service (orchestrator.client.errors): CannotAsk, NoAnswer, RequestRefused, AnswerLost
    StoreError             stores (orchestrator.store.errors), CannotOpen among them
    InputError             recipes, cells, and both together (protocols.errors)
    DriverError            instruments and benches (drivers.errors): CannotRun, SettingsError
    MissingLibrary         a library is not installed that cellrig itself does without
"""

from __future__ import annotations


class MissingLibrary(ImportError):
    """A library that was asked for is not installed; the message says how to install it."""
