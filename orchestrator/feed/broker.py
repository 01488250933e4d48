"""The connection to the broker, through aiomqtt, which is imported here alone.

A client is made anew for each connection: one that is entered again after a loss takes a refusal for a connection, and
delivers later what has raised (docs/decisions/0023). A broker's answer says only that it had the message.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import aiomqtt

from drivers.errors import SettingsError
from orchestrator.bench.mqtt_settings import MqttSettings
from orchestrator.feed.messages import Message

# How long an answer of the broker is waited for, in seconds.
ANSWER_S = 5.0
# Messages of one kind that wait for an answer at a time.
AT_ONCE = 10
# MQTT's keep-alive, as a part of ours: a broker calls a client silent after 1.5 of it, and mosquitto looks for
# such only every 5 s. By the default its last will then comes within 1.5 of our keep-alives.
_SILENT_AFTER = 0.6
# The library's own words are told here, in sentences.
_SILENT = logging.getLogger("orchestrator.feed.paho")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class BrokerClient(aiomqtt.Client):
    """The library's client, which watches no socket that is closed before its turn.

    The library asks the loop to watch a socket by its number, a moment later. By then a connection that breaks may have
    closed it, and another socket may have its number.
    """

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ANN401 - the library's
        """Have the loop call the library when something can be written."""
        del userdata
        self._loop.call_soon_threadsafe(self._watch_writing, client, sock)

    def _watch_writing(self, client: Any, sock: Any) -> None:  # noqa: ANN401 - the library's
        if sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._write, client)

    def _write(self, client: Any) -> None:  # noqa: ANN401 - the library's
        try:
            client.loop_write()
        except Exception as err:  # noqa: BLE001 - whatever it is, the connection is broken, and whoever waits hears it
            if not self._disconnected.done():
                self._disconnected.set_exception(err)


class BrokerLost(Exception):
    """The broker does not take messages; the message says why."""


class Client(Protocol):
    """What is used of the library's client."""

    @property
    def messages(self) -> AsyncIterator[object]:
        """What the broker sends; its end is the loss of the connection, as MqttError."""

    async def publish(self, topic: str, payload: bytes, qos: int, retain: bool, *, timeout: float) -> None:  # noqa: ASYNC109 - the library's
        """Send a message and wait for its answer. Raises MqttError."""


class Link:
    """An open connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, message: Message) -> None:
        """Send a message, and wait for the broker's answer (at QoS 0: until it has left). Raises BrokerLost."""
        try:
            # Not the library's own time-out: the ``wait_for`` of Python 3.11 loses a cancellation that comes with the
            # answer, and the service would wait for this task at its end.
            async with asyncio.timeout(ANSWER_S):
                await self._client.publish(
                    message.topic, message.payload, message.qos, message.retain, timeout=math.inf
                )
        except TimeoutError as err:
            raise BrokerLost(f"no answer to a message within {ANSWER_S:g} s") from err
        except aiomqtt.MqttError as err:
            raise BrokerLost(f"a message cannot be sent: {err}") from err

    async def publish_all(self, messages: Sequence[Message]) -> tuple[int, BrokerLost | None]:
        """Send messages in their order, some at a time.

        Return how many from the first on were answered, and if that are not all, why.
        """
        answered = 0
        for first in range(0, len(messages), AT_ONCE):
            batch = messages[first : first + AT_ONCE]
            results = await asyncio.gather(*(self.publish(it) for it in batch), return_exceptions=True)
            for result in results:
                if isinstance(result, BrokerLost):
                    return answered, result
                if isinstance(result, BaseException):
                    raise result
                answered += 1
        return answered, None

    async def lost(self) -> None:
        """Wait until the connection is lost, and raise BrokerLost. What the broker sends is thrown away."""
        try:
            async for _ in self._client.messages:
                pass
        except aiomqtt.MqttError as err:
            # The library has no more to say of a connection that ended than "Unspecified error".
            raise BrokerLost("the connection was lost") from err


# Connects by settings, a client id and a last will.
Connect = Callable[[MqttSettings, str, Message], AbstractAsyncContextManager[Link]]


@asynccontextmanager
async def connected(settings: MqttSettings, client_id: str, will: Message) -> AsyncIterator[Link]:
    """Connect, and disconnect in order at the end of the block. Raises BrokerLost; SettingsError for wrong files."""
    client = BrokerClient(
        settings.host,
        settings.broker_port,
        username=settings.user,
        password=settings.password(),
        identifier=client_id,
        will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain),
        keepalive=max(1, int(_SILENT_AFTER * settings.keep_alive_s)),
        timeout=ANSWER_S,
        tls_context=_tls(settings),
        # Without it single messages of a burst are 40 ms late.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        # Nothing is subscribed to; what comes all the same is not kept.
        max_queued_incoming_messages=1,
        logger=_SILENT,
    )
    # The library warns of more; there are several kinds.
    client.pending_calls_threshold = 10 * AT_ONCE
    try:
        async with client:
            yield Link(client)
    except aiomqtt.MqttError as err:
        raise BrokerLost(f"no connection: {err}") from err


def _tls(settings: MqttSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_certificate)
        if settings.client_certificate is not None:
            context.load_cert_chain(settings.client_certificate, settings.client_key)
    except (OSError, ssl.SSLError) as err:
        files = ", ".join(str(it) for it in (settings.ca_certificate, settings.client_certificate) if it is not None)
        raise SettingsError(f"mqtt: the certificates {files} cannot be used: {err}; check paths and rights") from err
    return context
