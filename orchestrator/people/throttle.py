"""Slows down who asks too much, or guesses: by name in the file of people, by address and by person in memory.

Memory and file are bounded: what is remembered of the longest ago is forgotten first.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from orchestrator.people.accounts import failure_key
from orchestrator.people.errors import TooManyAttempts
from orchestrator.people.people_file import PeopleFile

# Failed sign-ins of a name that cost no waiting; then 1, 2, 4 ... s, and from the tenth on a quarter of an hour.
_FREE, _LOCKED_AFTER = 3, 10
_LONGEST_S, _LOCK_S = 60.0, 900.0
_FORGOTTEN_S = 24 * 3600.0
_MOST_NAMES, _MOST_KEYS = 10_000, 4096


class Buckets:
    """Lets each key have ``burst`` at once and ``rate_hz`` after that. ``clock`` in s, of any beginning."""

    def __init__(self, rate_hz: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate_hz, self._burst, self._clock = rate_hz, burst, clock
        self._kept: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def kept(self) -> int:
        """The number of keys that are remembered."""
        return len(self._kept)

    def take(self, key: str) -> float:
        """Take one; return 0 if there was one, else the seconds until there is."""
        now = self._clock()
        left, since = self._kept.pop(key, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - since) * self._rate_hz)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._rate_hz
        self._kept[key] = (left - 1 if wait_s == 0 else left), now
        if len(self._kept) > _MOST_KEYS:
            self._kept.popitem(last=False)
        return wait_s

    def give_back(self, key: str) -> None:
        """Give back one that was taken."""
        if key in self._kept:
            left, since = self._kept[key]
            self._kept[key] = min(self._burst, left + 1), since


class SignInDelay:
    """The waiting time of a name after failed sign-ins. It grows, and becomes a lock that ends by itself."""

    def __init__(self, file: PeopleFile, clock: Callable[[], float]) -> None:
        self._file, self._clock = file, clock

    def reserve(self, name: str) -> None:
        """Count an attempt, before it is known what becomes of it. Raises TooManyAttempts, FileUnusable."""
        key, now = failure_key(name), self._clock()
        with self._file.change() as change:
            rows = change.rows("SELECT attempts, last_unix_s FROM failure WHERE folded = ?", key)
            attempts, last = (rows[0]["attempts"], rows[0]["last_unix_s"]) if rows else (0, now)
            # A clock that was set back locks nobody for longer.
            if (wait_s := delay_s(attempts) - max(0.0, now - last)) > 0:
                locked = " (this name is locked after too many; 'cellrig people unlock NAME' on the rig's machine)"
                raise TooManyAttempts(
                    f"too many sign-ins have failed: try again in {wait_s:.0f} s{locked * (attempts >= _LOCKED_AFTER)}",
                    wait_s,
                    "people_error.locked" if attempts >= _LOCKED_AFTER else "people_error.wait",
                )
            if attempts == 0:
                change.write("DELETE FROM failure WHERE last_unix_s < ?", now - _FORGOTTEN_S)
                sql = "DELETE FROM failure WHERE folded IN (SELECT folded FROM failure ORDER BY last_unix_s DESC"
                change.write(f"{sql} LIMIT -1 OFFSET {_MOST_NAMES - 1})")
            change.write("INSERT OR REPLACE INTO failure VALUES (?, ?, ?)", key, attempts + 1, now)

    def forget(self, name: str) -> bool:
        """Forget the failures of a name; return whether there were any. Raises FileUnusable."""
        with self._file.change() as change:
            return change.write("DELETE FROM failure WHERE folded = ?", failure_key(name)) > 0

    def locked_for_s(self, name: str) -> float:
        """Return how long a name is still locked, 0 if it is not. Raises FileUnusable."""
        rows = self._file.rows("SELECT attempts, last_unix_s FROM failure WHERE folded = ?", failure_key(name))
        if not rows or rows[0]["attempts"] < _LOCKED_AFTER:
            return 0.0
        since_s = max(0.0, self._clock() - float(rows[0]["last_unix_s"]))
        return max(0.0, delay_s(int(rows[0]["attempts"])) - since_s)


def delay_s(attempts: int) -> float:
    """Return how long after the last of so many failures the next attempt may be made, in s.

    >>> [delay_s(n) for n in (0, 2, 3, 4, 9, 10)]
    [0.0, 0.0, 1.0, 2.0, 60.0, 900.0]
    """
    if attempts < _FREE:
        return 0.0
    return _LOCK_S if attempts >= _LOCKED_AFTER else min(_LONGEST_S, float(2 ** (attempts - _FREE)))


def address_key(address: str) -> str:
    """Return what counts as one address: of IPv6 the network of a household, which has as many as it likes."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
