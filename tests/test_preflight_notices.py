"""Before a run it is told whether people can be told: by the newest test message of the notices."""

from __future__ import annotations

import json

import pytest

from orchestrator.checks import Outcome
from orchestrator.events import EventKind
from orchestrator.preflight.machine_checks import told_people_check
from orchestrator.store import Store


@pytest.mark.parametrize(
    ("delivered", "failed", "age_s", "outcome", "words"),
    [
        (["phone", "mail"], {}, 3600.0, Outcome.PASS, "was taken by phone, mail"),
        (["phone"], {"mail": "late"}, 3600.0, Outcome.WARN, "was not taken by mail"),
        ([], {"mail": "late"}, 3600.0, Outcome.WARN, "no alarm would reach anybody"),
        (["phone"], {}, 26 * 3600.0, Outcome.PASS, "was taken by phone"),
        (["phone"], {}, 26 * 3600.0 + 1, Outcome.WARN, "was the last one"),
    ],
)
def test_the_newest_test_message_tells_whether_people_can_be_told(
    store: Store, delivered: list[str], failed: dict[str, str], age_s: float, outcome: Outcome, words: str
) -> None:
    """Taken by all, by some, by none, or long ago; older tests count no more."""
    for at_unix_s, taken in ((1.7e9, ["others"]), (1.8e9, delivered)):
        data = json.dumps({"delivered": taken, "failed": failed})
        store.add_event(None, EventKind.NOTICES_TESTED, "tested", at_unix_s, data)
    check = told_people_check(store, 1.8e9 + age_s)
    assert check.outcome is outcome
    assert words in check.sentence


def test_a_rig_that_has_never_sent_a_test_message_is_a_warning(store: Store) -> None:
    """Who has just written ``[notices]`` reads how to see whether it works; a test that kept no targets told nobody."""
    check = told_people_check(store, 1.8e9)
    assert check.outcome is Outcome.WARN
    store.add_event(None, EventKind.NOTICES_TESTED, "tested", 1.8e9)
    assert "no alarm would reach anybody" in told_people_check(store, 1.8e9).sentence
    assert "cellrig notices test" in check.to_do
