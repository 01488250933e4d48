"""The guard before what browsers ask: each of its answers, refusals too, says what a browser may load and run."""

from __future__ import annotations

from orchestrator.api.access import Guard, Message, Receive, Scope, Send
from orchestrator.dashboard.pages import HEADERS

_SAFETY = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())


class SafeGuard(Guard):
    """A guard whose every answer has the headers that keep a browser from harm, unless the answer has its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or refuse it with a sentence."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                has = {name.lower() for name, _ in headers}
                missing = [pair for pair in _SAFETY if pair[0] not in has]
                message = {**message, "headers": [*headers, *missing]}
            await send(message)

        await super().__call__(scope, receive, sending)
