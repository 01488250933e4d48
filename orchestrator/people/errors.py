"""The errors of people and their rights, each a sentence for whoever asked.

::

    PeopleError
    +-- WrongInput         a name, a password, a role or an end date that cannot be
    +-- NoSuchPerson       no person, session or token of that name
    +-- NotAllowed         it would leave the rig without an admin, or raise a token above its person
    +-- NotRecognised      name and password do not fit, or a link is used or too old
    +-- TooManyAttempts    ask again after ``retry_after_s``
    +-- FileUnusable       the file of people cannot be read or written
"""

from __future__ import annotations


class PeopleError(Exception):
    """What was asked cannot be done; the message says why, and what to do. ``status`` is that of an HTTP answer.

    ``code`` and ``values`` say the same to a page in the language of its reader; without a code the message stands.
    """

    status = 409

    def __init__(self, sentence: str, code: str = "", **values: object) -> None:
        super().__init__(sentence)
        self.code, self.values = code, values


class WrongInput(PeopleError):
    """A value is none that can be kept."""

    status = 422


class NoSuchPerson(PeopleError):
    """There is no person, session or token of that name."""

    status = 404


class NotAllowed(PeopleError):
    """It would leave the rig without an admin, or give more rights than there are to give."""


class NotRecognised(PeopleError):
    """Name and password do not fit, or a link does not count any more."""

    status = 401


class TooManyAttempts(PeopleError):
    """Too much was asked; ``retry_after_s`` tells when it is worth asking again."""

    status = 429

    def __init__(self, sentence: str, retry_after_s: float, code: str = "people_error.wait") -> None:
        super().__init__(sentence, code, seconds=max(1, round(retry_after_s)))
        self.retry_after_s = retry_after_s


class FileUnusable(PeopleError):
    """The file of people cannot be read or written."""

    status = 503
