"""The life of a process that looks at control from outside: what its parent says of control, and when it is to end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from drivers.errors import SettingsError
from orchestrator.api.logs import Redaction, redact_logs
from orchestrator.api.parent_link import ParentLink, Word
from orchestrator.api.token import read_token, token_path
from orchestrator.bench.service_settings import ServiceSettings
from orchestrator.web.control_link import ControlLink


class ChildLife:
    """Hears the parent's words: where control answers, and (``is_over``) that the process is to end."""

    def __init__(self, parent: ParentLink) -> None:
        """Listen to the parent from now on; a loop must be running."""
        self.is_over = asyncio.Event()
        self._heard = asyncio.Event()
        self._url: str | None = None
        self._link: ControlLink | None = None
        parent.listen(self._hear)

    async def link(self, settings: ServiceSettings, store: Path) -> ControlLink | None:
        """Wait for the first control and return the way to whichever control lives; None if the end comes first.

        The first control of all makes the token; logs show it no more from now on. Raises SettingsError without one.
        """
        await self._heard.wait()
        if self.is_over.is_set():
            return None
        token = read_token(settings.token_file or token_path(store))
        if token is None:
            raise SettingsError(f"the token file beside {store} is gone: put it back, or restart the service")
        redact_logs(Redaction({token}))
        self._link = ControlLink(token, self._url)
        return self._link

    @contextlib.contextmanager
    def ended_by_parent(self) -> Iterator[None]:
        """Leave Ctrl-C and a closed terminal to the parent; end in order at SIGTERM."""
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if sys.platform == "win32":
            yield
            return
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, self.is_over.set)
        yield
        loop.remove_signal_handler(signal.SIGTERM)

    def _hear(self, word: Word, value: object) -> None:
        if word is Word.CONTROL:
            self._url = value if isinstance(value, str) else None
            if self._link is not None:
                self._link.url = self._url
            self._heard.set()
        elif word is Word.END:
            self.is_over.set()
            self._heard.set()
