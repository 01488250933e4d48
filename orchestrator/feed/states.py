"""Makes the retained messages: what each channel does, and how the feed fares; each says until when it holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from orchestrator.api import browser
from orchestrator.api.models.mqtt import MessageKind
from orchestrator.events import RunUpdate
from orchestrator.feed.messages import Message, Topics
from orchestrator.web.control_link import ControlLink, ControlSilent

# A heartbeat that is late by half of its time is no heartbeat: what is retained holds for so many of them.
VALID_BEATS = 1.5
_CHANNELS = f"{browser.API}/channels"
# More changed channels than these are asked for with all others at once.
_ONE_BY_ONE = 3
_OF_RUN = ("run_id", "label", "state", "time_s", "cycle", "step_name", "voltage_v", "samples", "time_left_s",
           "expected_end_unix_s", "simulated")  # fmt: skip


class States:
    """The states of the channels, as control tells them; the time of their validity follows from the heartbeat."""

    def __init__(self, link: ControlLink, topics: Topics, keep_alive_s: int) -> None:
        self._link, self._topics, self._keep_alive_s = link, topics, keep_alive_s
        self._sequence: dict[str, int] = {}
        self._seen: dict[str, tuple[object, ...]] = {}

    async def ask(self, channels: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Return what control says of channels, of all for None. Raises ControlSilent."""
        names = None if channels is None else sorted(channels)
        if names is None or len(names) > _ONE_BY_ONE:
            found: list[dict[str, Any]] = await self._answer(_CHANNELS)
            return [it for it in found if names is None or it["channel"] in names]
        return [await self._answer(f"{_CHANNELS}/{name}") for name in names]

    def messages(self, channels: Iterable[Mapping[str, Any]]) -> list[Message]:
        """Return the message of each channel."""
        return [self._message(channel) for channel in channels]

    def changed(self, updates: Iterable[RunUpdate]) -> set[str]:
        """Return the channels of which it must be told at once: more has changed than values and times."""
        found: set[str] = set()
        for it in updates:
            key = (it.state, it.reason, it.cycle, it.step_name)
            if self._seen.get(it.run_id) != key:
                self._seen[it.run_id] = key
                found.add(it.channel)
        return found

    async def _answer(self, target: str) -> Any:  # noqa: ANN401 - JSON
        answer = await self._link.ask("GET", target)
        if answer.status != 200:
            raise ControlSilent(f"control answers {answer.status} to {target}")
        return json.loads(answer.body)

    def _message(self, told: Mapping[str, Any]) -> Message:
        channel = str(told["channel"])
        self._sequence[channel] = sequence = self._sequence.get(channel, 0) + 1
        run = told["run"] or {}
        body = {
            "sequence": sequence,
            "channel": channel,
            "valid_until_unix_s": time.time() + VALID_BEATS * self._keep_alive_s,
            **{name: told[name] for name in ("use", "needs_person", "words", "queued")},
            **{name: run.get(name) for name in _OF_RUN},
            "reason": run.get("reason", ""),
        }
        return self._topics.message(MessageKind.STATE, channel, body)


class StatusMessages:
    """The heartbeat, the last will and the word at the end."""

    def __init__(self, topics: Topics, keep_alive_s: int, api: str) -> None:
        self._topics, self._keep_alive_s, self._api = topics, keep_alive_s, api
        self.version = _version()
        self._sequence = 0
        # As it was told last.
        self._last: dict[str, Any] = {
            "control_answers": False, "newest_event": 0, "events_waiting": 0, "samples_dropped": 0
        }  # fmt: skip

    def beat(self, *, control_answers: bool, newest_event: int, events_waiting: int, samples_dropped: int) -> Message:
        """Return a heartbeat."""
        self._last = {
            "control_answers": control_answers,
            "newest_event": newest_event,
            "events_waiting": events_waiting,
            "samples_dropped": samples_dropped,
        }
        self._sequence += 1
        return self._message(self._sequence, "")

    def end(self) -> Message:
        """Return the word at an end in order."""
        self._sequence += 1
        return self._message(self._sequence, "the service was ended in order")

    def will(self) -> Message:
        """Return the last will, which the broker publishes when the feed does not answer it any more."""
        return self._message(0, "the feed does not answer: its process, its machine or the network has failed")

    def _message(self, sequence: int, reason: str) -> Message:
        body = {
            "sequence": sequence,
            "online": not reason,
            "reason": reason,
            "keep_alive_s": self._keep_alive_s,
            # What is over stays so.
            "valid_until_unix_s": time.time() + VALID_BEATS * self._keep_alive_s,
            **self._last,
            "api": self._api,
            "cellrig": self.version,
        }
        return self._topics.message(MessageKind.STATUS, None, body)


def _version() -> str:
    try:
        return version("cellrig")
    except PackageNotFoundError:
        return ""
