"""Calls functions that may block, such as a check of a share, on threads that nothing waits for at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class DaemonThreads(Executor):
    """Calls each function on a daemon thread of its own."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Begin a call, and return what will have its result."""
        future: Future[_T] = Future()
        # A call that has begun is not called off.
        future.set_running_or_notify_cancel()

        def call() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as err:  # noqa: BLE001 - whatever it is, it is raised where the result is awaited
                future.set_exception(err)
            else:
                future.set_result(result)

        threading.Thread(target=call, name="slow check", daemon=True).start()
        return future
