"""The one thread on which all calls of a blocking library to one port run, one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class PortThread(Executor):
    """An executor of one thread that holds up no end of the process.

    A call of a VISA library has been seen to hang (decision 32), and the threads of ``ThreadPoolExecutor`` are waited
    for when the process ends.
    """

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[tuple[Future[object], Callable[[], object]] | None] = SimpleQueue()
        self._is_over = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call. Raises RuntimeError after ``shutdown``."""
        if self._is_over:
            raise RuntimeError("the port's thread takes no more work")
        future: Future[T] = Future()
        self._work.put((future, partial(fn, *args, **kwargs)))  # type: ignore[arg-type]  # a Future is no supertype of another
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; the thread ends after what is queued, and nobody waits for it."""
        self._is_over = True
        self._work.put(None)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as err:  # noqa: BLE001 - handed to whoever awaits it
                future.set_exception(err)
            else:
                future.set_result(result)
