"""The client of the service for programs: order runs, follow, wait, hold, resume and stop them."""

from __future__ import annotations

import getpass
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cellrig.planning import Source
from orchestrator.api.models import RunDetail, RunNow, RunStopped, StartedRun, Status
from orchestrator.client import AnswerLost, CannotAsk, NoAnswer, ServiceClient
from orchestrator.client.live_updates import update_of
from orchestrator.client.order_body import order_of_files
from orchestrator.client.paths import run_path
from orchestrator.client.stops import CONFIRMED_WITHIN_S, followed_stops
from orchestrator.events import RunUpdate
from orchestrator.states import RunState

# A run takes hours; the question costs the service a millisecond.
_ASK_EVERY_S = 1.0
ABSENT_MAX_S = 900.0
"""How long ``wait`` bears a service that does not answer: a restart, an update or a reboot takes minutes."""


class Service:
    """The running service of a store (``cellrig serve``), found beside the store as the command line finds it.

    ``url`` and ``token`` are for a service of another machine or store; else ``CELLRIG_URL`` and ``CELLRIG_TOKEN``
    count where they are set. The token is never sent: the service proves that it knows it, then each request is signed.
    ``by`` names the person who orders, else ``CELLRIG_BY``, else the login name.

    Making one asks nobody. Every method raises NotServed, whose kinds say whether the order may be given again:
    CannotAsk, NoAnswer, RequestRefused (nothing was done), AnswerLost (it may have been done).
    """

    def __init__(
        self, store: str | Path = "cellrig.db", *, url: str | None = None, token: str = "", by: str = ""
    ) -> None:
        self._store = Path(store)
        self._given_url = url or os.environ.get("CELLRIG_URL")
        self._token = token
        self._by = by
        self._client = self._found()

    @property
    def url(self) -> str:
        """The address of the service."""
        return self._client.url

    def order(
        self,
        recipe: Source | None,
        cell: Source | None,
        channel: str,
        *,
        like: str = "",
        changes: Sequence[str] = (),
        label: str = "",
        mounted: str = "",
        same_cell: bool = False,
        queue: bool = False,
        confirm_implausible: str = "",
        second_person: str = "",
        accept_voltage: str = "",
        key: str = "",
    ) -> StartedRun:
        """Order a run, and return it with its currents; it starts by itself where the channel allows it.

        Recipe and cell are shipped names, files or texts; what is None is that of the earlier run ``like``. ``changes``
        set values in them (``"cell.active_mass=1.21 mg"``). ``label`` is the very cell's name. Where the cell of an
        ended run was left on the channel, ``mounted`` names the cell that is there now, or it is the ``same_cell``.
        ``queue`` lets the run wait for a busy channel. ``confirm_implausible`` names who takes on what is implausible,
        ``second_person`` who does so too where it is far outside, ``accept_voltage`` says why the cell may start
        outside of the window of its open-circuit voltage.

        An order with a ``key`` is carried out once, however often it is sent: a program that died gives the order again
        with the same key, and is given the same run. Without one, a key is made here, and an order whose answer was
        lost is sent once more. Raises NotServed, and RecipeError or UnknownName for recipe and cell.
        """
        body = order_of_files(recipe, cell, changes)
        words = {"like": like, "mounted": mounted, "confirm_implausible": confirm_implausible}
        words |= {"accept_voltage": accept_voltage, "second_person": second_person}
        body |= {name: word for name, word in words.items() if word}
        body |= {"channel": channel, "label": label, "by": self._who(), "queue": queue, "same_cell": same_cell}
        if key:
            return StartedRun.model_validate(self._client.post("/runs", body, key))
        made = uuid.uuid4().hex
        try:
            answer = self._client.post("/runs", body, made)
        except AnswerLost:
            answer = self._client.post("/runs", body, made)
        return StartedRun.model_validate(answer)

    def status(self) -> Status:
        """Return what every channel does, and what has happened since the service started."""
        return Status.model_validate(self._client.get("/status"))

    def run(self, run_id: str) -> RunDetail:
        """Return a run as it is stored now, with its tests."""
        return RunDetail.model_validate(self._client.get(run_path(run_id)))

    def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to any other question of the REST API, as JSON is read: ``get("/channels")``."""
        return self._client.get(path, **query)

    def follow(self, run_id: str) -> Iterator[RunUpdate]:
        """Yield a run's position now and after each poll, until it has ended or is held; the last one tells that state.

        A run that has ended or is held already yields nothing. Raises NoAnswer when the service ends before the run:
        the run goes on in the tester.
        """
        if RunState(self.run(run_id).state).needs_no_supervision:
            return
        for update in self._client.live():
            if update["run_id"] != run_id:
                continue
            yield (now := update_of(update))
            if now.state.needs_no_supervision:
                return
        raise NoAnswer(f"the service at {self.url} has ended; {run_id} goes on in the tester")

    def wait(self, run_id: str, timeout_s: float | None = None) -> RunDetail:
        """Wait until a run has ended or is held, and return it; ``state`` and ``reason`` tell how it ended.

        A service that is restarted meanwhile is waited for, up to 15 minutes, then NoAnswer is raised. Raises
        TimeoutError after ``timeout_s`` of real time; the run goes on.
        """
        began_s, heard_s = time.monotonic(), 0.0
        while True:
            try:
                found = self.run(run_id)
                heard_s = time.monotonic()
                if RunState(found.state).needs_no_supervision:
                    return found
            except NoAnswer:
                # A service that has never answered is no service that is restarted.
                if not heard_s or time.monotonic() - heard_s > ABSENT_MAX_S:
                    raise
                self._client = self._found()
            if timeout_s is not None and time.monotonic() - began_s > timeout_s:
                raise TimeoutError(f"{run_id} has not ended within {timeout_s:g} s; it goes on")
            time.sleep(_ASK_EVERY_S)

    def hold(self, run_id: str, wait_s: float = CONFIRMED_WITHIN_S) -> RunStopped:
        """Stop a run's current and keep the run for ``resume``; returns as ``stop`` does."""
        return self._stopped(run_path(run_id, "hold"), wait_s)

    def resume(self, run_id: str) -> RunNow:
        """Resume a held run, with the part that is not done yet."""
        return RunNow.model_validate(self._client.post(run_path(run_id, "resume"), {"by": self._who()}))

    def stop(self, run_id: str, wait_s: float = CONFIRMED_WITHIN_S) -> RunStopped:
        """Stop a run for good, and return what is known of it.

        The stop is sent at once; its confirmation is waited for up to ``wait_s``, unless the tester does not answer.
        Only ``off`` says that the channel was seen to be off; else ``words`` says what is known and what to do by hand.
        """
        return self._stopped(run_path(run_id, "stop"), wait_s)

    def mounted(self, run_id: str) -> RunNow:
        """Say that the cell of a queued run is on its channel: the run may start."""
        return RunNow.model_validate(self._client.post(run_path(run_id, "mounted"), {"by": self._who()}))

    def acknowledge(self, run_id: str) -> RunNow:
        """Acknowledge a safety stop, after somebody has looked at the cell: its channel may be used again."""
        return RunNow.model_validate(self._client.post(run_path(run_id, "acknowledge"), {"by": self._who()}))

    def _stopped(self, path: str, wait_s: float) -> RunStopped:
        row = self._client.post(path, {"by": self._who()})
        (row,) = followed_stops(self._client, [row], lambda _: None, wait_s)
        return RunStopped.model_validate(row)

    def _found(self) -> ServiceClient:
        return ServiceClient(self._store, self._given_url, self._token)

    def _who(self) -> str:
        if by := (self._by or os.environ.get("CELLRIG_BY", "")).strip():
            return by
        try:
            return getpass.getuser()
        except (OSError, KeyError, ImportError):
            raise CannotAsk("say who orders, as Service(by=NAME)") from None
