"""The processes beside control: the MQTT feed and the notices, with their broker and people.

They follow control by its own interface, over connections in memory, read the store's file, and keep files of their
own. A kill closes their files first, so that nothing of the dying is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.clock.virtual import wall_time
from orchestrator.events import Event, Told
from orchestrator.feed.plan import FeedPlan
from orchestrator.feed.publishing import Feed
from orchestrator.notices.dispatcher import Dispatcher
from orchestrator.notices.state_file import StateFile
from orchestrator.serving.notices import surroundings
from orchestrator.store.disk_space import SpaceGuard
from orchestrator.web.control_link import ControlLink
from orchestrator.web.live_fan import LiveFan
from orchestrator.web.loopback_client import Exchange
from orchestrator.web.reading import Reading
from tests.api_client import TOKEN
from tests.chaos.host import Host
from tests.chaos.people import POLL_S, SETTINGS, TARGETS, People
from tests.chaos.stranger import Stranger
from tests.memory_broker import Health

_URL = "http://127.0.0.1"
# In virtual time, in which nobody waits for it, the feed asks the store less often for commits.
_LOOK_S = 5.0
_MQTT = MqttSettings(rig="night", keep_alive_s=600)
_FREE_BYTES = 10**12
# In a calm, all that was stored has come and is told after so many seconds at the latest.
_SETTLES_S = 600
_STEP_S = 10.0


class _Child:
    """One life of a process: its tasks, of which none may end by itself."""

    def __init__(self, name: str, link: ControlLink) -> None:
        self.name = name
        self.link = link
        self.fan = LiveFan(link)
        self.tasks = [asyncio.ensure_future(self.fan.run())]

    def close(self) -> None:
        """Close its files."""
        raise NotImplementedError

    def kill(self) -> None:
        """End it without a word."""
        self.close()
        for task in self.tasks:
            task.cancel()

    def look(self) -> None:
        """Check that it lives."""
        for task in self.tasks:
            if task.done():
                task.result()
                raise AssertionError(f"{self.name} ended by itself")


class _FeedChild(_Child):
    def __init__(self, link: ControlLink, store: Path, stranger: Stranger) -> None:
        super().__init__("the feed", link)
        plan = FeedPlan(_MQTT, store, _URL)
        self._feed = Feed(plan, link, self.fan, asyncio.Event(), stranger.connected, look_s=_LOOK_S)
        self.tasks.append(asyncio.ensure_future(self._feed.run()))

    def close(self) -> None:
        self._feed.close()


class _NoticesChild(_Child):
    def __init__(self, link: ControlLink, store: Path, people: People) -> None:
        super().__init__("the process of the notices", link)
        self._reading, self._state = Reading(store), StateFile(store)
        around = surroundings(link, self.fan, self._reading, people.deliver, store)
        # Of this machine's disk a night tells nothing.
        disk = SpaceGuard(store, reserve_bytes=0, free=lambda _: _FREE_BYTES)
        around = replace(around, space=partial(disk.look, 0))
        dispatcher = Dispatcher(SETTINGS, "night", self._state, around, POLL_S)
        self.tasks.append(asyncio.ensure_future(dispatcher.run()))

    def close(self) -> None:
        self._reading.close()
        self._state.close()


class Beside:
    """The feed and the notices of a host, the stranger at the broker and the people at the targets."""

    def __init__(self, seed: int, host: Host) -> None:
        self._host = host
        self._random = Random(f"beside/{seed}")
        self._heard_s: dict[int, float] = {}
        self._epoch_unix_s = wall_time() - asyncio.get_running_loop().time()
        self.stranger = Stranger(seed, self._stored_unix_s)
        self.people = People(host.store_file, self._heard_s, self._epoch_unix_s)
        self._feed: _FeedChild | None = None
        self._notices: _NoticesChild | None = None
        # Up to this event all has come.
        self._settled_to = 0

    async def hear(self, told: Told) -> None:
        """Note when an event was stored."""
        if isinstance(told, Event):
            self._heard_s.setdefault(told.id, asyncio.get_running_loop().time())

    # Their lives

    def start(self) -> None:
        """Start what does not live."""
        if self._feed is None:
            self._feed = _FeedChild(self._link(), self._host.store_file, self.stranger)
        if self._notices is None:
            self._notices = _NoticesChild(self._link(), self._host.store_file, self.people)
            self.people.live(True)

    def kill_feed(self) -> bool:
        """Kill the feed; False if it is dead."""
        child, self._feed = self._feed, None
        if child is not None:
            child.kill()
        return child is not None

    def kill_notices(self) -> bool:
        """Kill the process of the notices; False if it is dead."""
        child, self._notices = self._notices, None
        if child is not None:
            child.kill()
            self.people.live(False)
        return child is not None

    def die_with_control(self) -> None:
        """Die with control as often as not: whoever kills the whole service kills them."""
        if self._random.random() < 0.5:
            self.kill_all()

    def kill_all(self) -> None:
        """Kill both."""
        self.kill_feed()
        self.kill_notices()

    # What must hold

    def look(self) -> None:
        """Check that what lives has not ended by itself."""
        for child in (self._feed, self._notices):
            if child is not None:
                child.look()

    def mend(self) -> None:
        """Let broker and targets be well, and start what is dead."""
        self.stranger.health = Health.WELL
        for name in TARGETS:
            self.people.set_trouble(name, None)
        self.start()

    async def order(self) -> None:
        """Check in a calm that all that is stored has come and was told."""
        missing: list[str] = []
        for _ in range(round(_SETTLES_S / _STEP_S)):
            missing = self.stranger.missing(self._host.store_file, self._settled_to)
            if not (missing or self.people.missing()):
                break
            await asyncio.sleep(_STEP_S)
        assert not missing, f"the feed owes {len(missing)} messages, such as {missing[:5]}"
        self.people.check()
        self._settled_to = max((body["sequence"] for body in self.stranger.came["event"]), default=0)

    def end(self) -> None:
        """Check in the morning all that came."""
        self.stranger.check(self._host.store_file)

    def _stored_unix_s(self, event: int) -> float | None:
        heard_s = self._heard_s.get(event)
        return None if heard_s is None else self._epoch_unix_s + heard_s

    def _link(self) -> ControlLink:
        return ControlLink(TOKEN, _URL, self._connect)

    @asynccontextmanager
    async def _connect(self, host: str, port: int) -> AsyncIterator[Exchange]:
        del host, port
        process = self._host.process
        if process is None:
            raise ConnectionRefusedError("nobody listens")
        async with process.exchange() as exchange:
            yield exchange
