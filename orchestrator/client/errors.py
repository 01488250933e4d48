"""The errors of a client of the service: whether an order was sent, and whether it may be sent again.

::

    NotServed
    +-- CannotAsk          nobody was asked: no token, an address that gets none, or values that cannot be sent
    +-- NoAnswer           no service answers: nothing was done, and the same request may be sent again
    +-- RequestRefused     the service answers and refuses; nothing was changed
    +-- AnswerLost         an order was sent and its answer is lost: ask the service, or send it again with the same key
"""

from __future__ import annotations


class NotServed(Exception):
    """The service did not do what was asked, or is not known to have done it; the message is a sentence for people."""


class CannotAsk(NotServed):
    """No request was sent: without a token, to an address that must not be asked, or of values that cannot be sent."""


class NoAnswer(NotServed):
    """No service answers at the address, or none that proves itself: nothing was ordered."""


class RequestRefused(NotServed):
    """The service refused the request in its own words and changed nothing; ``http_status`` is that of its answer.

    ``retry_after_s``: it has too much to do, and asks for so much time; None where it does not say so.
    """

    def __init__(self, sentence: str, http_status: int, retry_after_s: float | None = None) -> None:
        super().__init__(sentence)
        self.http_status = http_status
        self.retry_after_s = retry_after_s


class AnswerLost(NotServed):
    """An order was sent and its answer is lost: whether it was carried out has to be asked."""
