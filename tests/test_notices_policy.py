"""Who is told what, and when: severity, channel, person, escalation, repeats, quiet hours, digests."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events import Severity
from orchestrator.notices.delivery_status import Status
from orchestrator.notices.policy import Policy
from orchestrator.notices.quiet_hours import daily_test_is_due, is_quiet
from orchestrator.notices.values import Message, Notice, Outcome, Reason
from orchestrator.notices.wording import body_of

ADA_PHONE = {"name": "ada-phone", "person": "ada", "url": "json://127.0.0.1/a", "severity": "alarm"}
ADA_MAIL = {"name": "ada-mail", "person": "ada", "url": "json://127.0.0.1/b", "severity": "notice"}
BOSS = {"name": "boss", "url": "json://127.0.0.1/c", "severity": "alarm", "level": 2}


def policy(*targets: dict[str, Any], **settings: Any) -> Policy:  # noqa: ANN401 - settings of the table
    """Give the policy of some targets: those above unless told otherwise."""
    document = {"targets": list(targets) or [ADA_PHONE, ADA_MAIL, BOSS]} | settings
    return Policy(NoticeSettings.model_validate(document))


def notice(number: int, severity: Severity = Severity.ALARM, **facts: Any) -> Notice:  # noqa: ANN401 - its fields
    """Give a notice of run R000001 on 21-1-3, unless told otherwise."""
    given = {"kind": "limit exceeded", "run_id": "R000001", "channel": "21-1-3"} | facts
    return Notice(number, severity=severity, sentence=f"sentence {number}", at_unix_s=1e9, **given)


def routes(messages: list[Message]) -> list[tuple[str, ...]]:
    """Give the routes of messages."""
    return [message.route for message in messages]


def sent(told: Policy, now_s: float, *, quiet: bool = False) -> list[Message]:
    """Give what is due, and let its first target take each."""
    messages = told.due(now_s, quiet=quiet)
    for message in messages:
        told.delivered(message)
    return messages


def numbers(messages: list[Message]) -> list[int]:
    """Give the numbers of the notices in messages."""
    return [entry.notice.number for message in messages for entry in message.entries]


def test_an_alarm_is_sent_at_once_to_a_persons_targets_in_their_order() -> None:
    """The phone first and the mail behind it in one route; the second level hears nothing yet."""
    told = policy()
    told.tell(notice(1), 0.0)
    assert routes(told.due(0.0)) == [("ada-phone", "ada-mail")]


def test_what_is_no_alarm_waits_for_its_kin_and_goes_where_its_severity_is_wanted() -> None:
    """Two warnings within ten seconds are one message, to the target that takes warnings."""
    told = policy()
    told.tell(notice(1, Severity.WARNING), 0.0)
    told.tell(notice(2, Severity.NOTICE), 5.0)
    assert told.due(9.9) == []
    (message,) = told.due(10.0)
    assert message.route == ("ada-mail",)
    assert numbers([message]) == [1, 2]
    assert message.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("target", "facts", "is_told"),
    [
        ({"channels": ["21-1-*"]}, {"channel": "21-1-3"}, True),
        ({"channels": ["22-*"]}, {"channel": "21-1-3"}, False),
        ({"channels": ["22-*"]}, {"channel": None, "run_id": None}, True),
        ({"runs": "own"}, {"person": "ada"}, True),
        ({"runs": "own"}, {"person": "bob"}, False),
        ({"runs": "own"}, {"channel": None, "run_id": None}, True),
        ({"severity": "alarm"}, {}, False),
    ],
)
def test_a_target_hears_of_its_channels_and_runs_only(
    target: dict[str, Any], facts: dict[str, Any], is_told: bool
) -> None:
    """Channels by pattern, runs by who has ordered them; what concerns the whole rig is for everybody."""
    told = policy(ADA_MAIL | target)
    told.tell(notice(1, Severity.WARNING, **facts), 0.0)
    assert bool(told.due(60.0)) is is_told


def test_an_alarm_that_is_for_nobody_goes_to_everybody() -> None:
    """Rules that leave a channel out by mistake do not leave its trip untold."""
    told = policy(ADA_MAIL | {"channels": ["22-*"]})
    told.tell(notice(1), 0.0)
    assert routes(told.due(0.0)) == [("ada-mail",)]


def test_an_alarm_that_nobody_acknowledges_climbs_a_level_and_is_repeated_by_every_target() -> None:
    """After its time the next level is called; each repeat goes to each target by itself, as one may lie."""
    told = policy(escalate_after_s=600, repeat_s=900)
    told.tell(notice(1), 0.0)
    sent(told, 0.0)
    assert sent(told, 599.0) == []
    (climbed,) = sent(told, 600.0)
    assert climbed.route == ("boss",)
    assert climbed.entries[0].reason is Reason.ESCALATION
    repeats = sent(told, 900.0)
    assert sorted(routes(repeats)) == [("ada-mail",), ("ada-phone",), ("boss",)]
    assert {entry.reason for message in repeats for entry in message.entries} == {Reason.REPEAT}
    assert len(sent(told, 1800.0)) == 3


def test_an_acknowledged_alarm_is_told_no_more() -> None:
    """Neither repeated nor escalated; a later alarm of the same run is a new one."""
    told = policy(escalate_after_s=600, repeat_s=900)
    told.tell(notice(1), 0.0)
    sent(told, 0.0)
    assert [incident.key for incident in told.close(lambda it: it.key == "R000001")] == ["R000001"]
    assert [message for now_s in range(1, 4000, 100) for message in sent(told, float(now_s))] == []
    told.tell(notice(2), 4000.0)
    assert numbers(sent(told, 4000.0)) == [2]


def test_a_level_that_nobody_takes_calls_the_next_at_once() -> None:
    """When phone and mail both refuse, nobody waits for ten minutes; when all refuse, the alarm is undelivered.

    Faults H07.
    """
    told = policy()
    told.tell(notice(1), 0.0)
    (first,) = told.due(0.0)
    told.failed(first, 3.0)
    (second,) = told.due(3.0)
    assert second.route == ("boss",)
    assert not told.undelivered
    told.failed(second, 5.0)
    assert [incident.key for incident in told.undelivered] == ["R000001"]
    again = told.due(40.0)
    assert sorted(routes(again)) == [("ada-phone", "ada-mail"), ("boss",)]
    told.delivered(again[0])
    assert not told.undelivered


def test_a_target_that_failed_lately_is_tried_behind_the_others() -> None:
    """The next alarm goes to the mail first, as long as the phone rests, and to the phone again afterwards."""
    told = policy()
    told.note(Outcome("ada-phone", Status.FAILED, 1.0), 0.0)
    told.tell(notice(1), 10.0)
    assert routes(sent(told, 10.0)) == [("ada-mail", "ada-phone")]
    told.tell(notice(2), 31.0)
    assert routes(sent(told, 31.0)) == [("ada-phone", "ada-mail")]


@pytest.mark.parametrize("severity", [Severity.ALARM, Severity.WARNING])
def test_a_thousand_events_in_a_minute_become_digests(severity: Severity) -> None:
    """At most six messages reach a person in any minute, and every event is in one of them."""
    told = policy(ADA_MAIL, repeat_s=86_400)
    at_s: list[float] = []
    found: list[Message] = []
    for tick in range(1800):
        now_s = tick * 0.1
        if tick < 600:
            for number in range(tick * 1000 // 600, (tick + 1) * 1000 // 600):
                told.tell(notice(number + 1, severity, run_id=f"R{number:06}", channel=f"21-1-{number % 64}"), now_s)
        for message in sent(told, now_s):
            at_s.append(now_s)
            found.append(message)
    assert sorted(numbers(found)) == list(range(1, 1001))
    assert all(len([s for s in at_s if begin <= s < begin + 60]) <= 6 for begin in range(120))
    if severity is Severity.ALARM:
        assert at_s[0] < 0.2


def test_quiet_hours_hold_back_warnings_and_never_a_trip() -> None:
    """A warning of the night comes in the morning, with all others of the night; an alarm comes at once."""
    told = policy(ADA_MAIL, repeat_s=86_400)
    for number in (1, 2):
        told.tell(notice(number, Severity.WARNING), 0.0)
    told.tell(notice(3), 0.0)
    assert numbers(sent(told, 100.0, quiet=True)) == [3]
    assert sent(told, 20_000.0, quiet=True) == []
    assert numbers(sent(told, 20_001.0)) == [1, 2]


def test_a_target_without_quiet_hours_gets_warnings_at_night() -> None:
    """A mail box wakes nobody: a person's phone is silent and the mail is not."""
    told = policy(ADA_PHONE | {"severity": "warning"}, ADA_MAIL | {"quiet_hours": False})
    told.tell(notice(1, Severity.WARNING), 0.0)
    assert routes(sent(told, 100.0, quiet=True)) == [("ada-mail",)]


@pytest.mark.parametrize(
    ("at", "begin", "end", "expected"),
    [
        (time(23), time(22), time(7), True),
        (time(6, 59), time(22), time(7), True),
        (time(7), time(22), time(7), False),
        (time(12), time(12), time(13), True),
        (time(13), time(12), time(13), False),
        (time(3), None, None, False),
    ],
)
def test_quiet_hours_may_reach_over_midnight(at: time, begin: time | None, end: time | None, expected: bool) -> None:
    """Their end is not quiet any more."""
    assert is_quiet(datetime.combine(date(2026, 11, 27), at), begin, end) is expected


def test_the_daily_test_is_due_once_a_day_and_late_rather_than_never() -> None:
    """Before its time it is not due; a service that was away then sends it when it is back the same day."""
    noon, day = datetime(2026, 11, 27, 12, tzinfo=UTC), date(2026, 11, 27)
    assert not daily_test_is_due(noon, time(13), None)
    assert daily_test_is_due(noon, time(9), None)
    assert daily_test_is_due(noon, time(9), date(2026, 11, 26))
    assert not daily_test_is_due(noon, time(9), day)
    assert not daily_test_is_due(noon, None, None)


def test_a_message_that_was_refused_is_tried_again_later_and_later() -> None:
    """After 30 s, then a minute, then two: a warning is not lost because a mail server restarts."""
    told = policy(ADA_MAIL)
    told.tell(notice(1, Severity.WARNING), 0.0)
    tried = []
    for now_s in range(400):
        for message in told.due(float(now_s)):
            tried.append(now_s)
            told.failed(message, float(now_s))
    assert tried == [10, 40, 100, 220]


def test_after_a_quiet_minute_alarms_are_messages_of_their_own_again() -> None:
    """The pace of a flood ends with it: four alarms a second apart are four messages, before it and a minute later."""
    told = policy(ADA_MAIL, repeat_s=86_400)
    at_s = []
    for begin_s in (0.0, 100.0):
        for second in range(6):
            told.tell(notice(int(begin_s) + second + 1), begin_s + second)
            at_s += [begin_s + second for _ in sent(told, begin_s + second)]
    assert at_s == [0.0, 1.0, 2.0, 3.0, 100.0, 101.0, 102.0, 103.0]


def test_of_too_many_waiting_notices_the_oldest_are_counted_and_not_told() -> None:
    """A night of floods in the quiet hours is one message that says how much it leaves out."""
    told = policy(ADA_MAIL)
    for number in range(1, 2501):
        told.tell(notice(number, Severity.WARNING), 0.0)
    (message,) = told.due(100.0)
    assert (len(message.entries), message.left_out) == (2000, 500)
    assert "2480 more" in body_of(message, "rack-1")
