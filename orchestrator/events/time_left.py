"""The time left of a run and its end in words, the same in sentences, on progress bars and in lines.

>>> left_words(43_200.0, None, EndBasis.MEASURED)
'about 12 h left'
>>> left_words(43_200.0, None, EndBasis.BOUND)
'at most about 12 h left, less if it shorts'
"""

from __future__ import annotations

from orchestrator.clock.durations import duration_words
from orchestrator.clock.local_time import local_time
from orchestrator.events.values import RunUpdate
from orchestrator.states import EndBasis

# Less is the time between two looks, or a step that takes longer than those before it.
_SOON_S = 1.0
_NO_END = "no known end"


def left_words(left_s: float | None, end_unix_s: float | None, known_by: EndBasis) -> str:
    """Say how long a run still works, when it ends, and if it is not its own steps that tell, what does."""
    if left_s is None:
        return _NO_END
    if left_s < _SOON_S:
        return "about to end"
    left = f"about {duration_words(left_s)} left"
    end = "" if end_unix_s is None else local_time(end_unix_s)
    match known_by:
        case EndBasis.BOUND:
            by = f" (by {end})" if end else ""
            return f"at most {left}{by}, less if it shorts"
        case EndBasis.CONDITION:
            by = f" (by {end})" if end else ""
            return f"at most {left}{by}, less if a condition of its recipe holds"
        case EndBasis.FORECAST:
            return f"{left} by the forecast" + (f" (ends {end})" if end else "")
        case _:
            return left + (f" (ends {end})" if end else "")


def left_of(update: RunUpdate) -> str:
    """Say how long a run still works; of simulated time, which passes at another speed, without the date of its end."""
    end_unix_s = None if update.simulated else update.expected_end_unix_s
    return left_words(update.time_left_s, end_unix_s, update.end_known_by)


def part_done(time_s: float, left_s: float | None) -> float | None:
    """Return the part of a run that is done, from 0 to 1, by the time that it took and the time left; None without."""
    if left_s is None:
        return None
    return time_s / (time_s + left_s) if time_s + left_s > 0 else 0.0
