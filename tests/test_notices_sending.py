"""Messages go to real servers by processes of their own: a bad target costs its deadline, and nobody else anything."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.notices.addresses import NoAddress, address_of
from orchestrator.notices.delivery_status import Status
from orchestrator.notices.sending import Letter, deliver, mail
from orchestrator.notices.warm_program import CAN_FORK, Answers, Untaken, Waiting, WarmProgram
from tests.notice_servers import endpoint, mail_server

SECRET = "Hunter2-Hunter2"  # noqa: S105 - what must not be shown
LETTER = Letter("[ALARM] rack-1: 21-1-3: limit exceeded", "4.112 V, limit 4.1 V")


# Of targets that answer by themselves, also on a machine that has too much to do.
_PATIENT_S = 60.0


def settings(deadline_s: float, **urls: str) -> NoticeSettings:
    """Give settings with a target for each address."""
    targets: list[dict[str, Any]] = [{"name": name, "url": url} for name, url in urls.items()]
    return NoticeSettings.model_validate({"targets": targets, "deadline_s": deadline_s})


@pytest.mark.real_time
async def test_each_target_is_told_by_its_status_whatever_the_others_do() -> None:
    """One that works among dead, refusing, rate-limiting and unknown ones; no detail shows a secret of an address.

    Faults H07.
    """
    async with endpoint() as there:
        urls = {path: there.url(path, SECRET) for path in ("works", "refuses", "limits")}
        urls |= {"dead": f"json://user:{SECRET}@127.0.0.1:9/", "unknown": "nosuch://somewhere"}
        rules = settings(_PATIENT_S, **urls)
        outcomes = {it.target: it for it in await asyncio.gather(*(deliver(rules, name, LETTER) for name in urls))}
    assert {name: it.status for name, it in outcomes.items()} == {
        "works": Status.DELIVERED,
        "refuses": Status.FAILED,
        "limits": Status.FAILED,
        "dead": Status.FAILED,
        "unknown": Status.NO_ADDRESS,
    }
    assert ("works", LETTER.title) in [(path, body["title"]) for path, body in there.got]
    assert "apprise knows no service" in outcomes["unknown"].detail
    assert not [it for it in outcomes.values() if SECRET in it.detail]


@pytest.mark.real_time
@pytest.mark.usefixtures("none_left")
async def test_a_target_that_drips_costs_its_deadline_and_leaves_no_process() -> None:
    """A byte every 0.1 s never ends the waits of a client: the program that was started for it is killed."""
    async with endpoint() as there:
        outcome = await deliver(settings(2.0, drips=there.url("drips")), "drips", LETTER)
    assert outcome.status is Status.LATE
    assert 2.0 <= outcome.took_s < 20.0


@pytest.mark.real_time
@pytest.mark.skipif(not CAN_FORK, reason="processes cannot be forked here")
@pytest.mark.usefixtures("none_left")
async def test_a_program_that_is_kept_ready_forks_for_each_message_and_is_started_anew_when_it_dies() -> None:
    """A dripping target holds up none that works; after the program is killed the next message starts another."""
    async with endpoint() as there, WarmProgram() as program:
        rules = settings(_PATIENT_S, works=there.url("works"), drips=there.url("drips"), refuses=there.url("refuses"))
        dripping = asyncio.ensure_future(deliver(rules, "drips", LETTER, 1.5, program.ask))
        works, refuses = [await deliver(rules, name, LETTER, None, program.ask) for name in ("works", "refuses")]
        assert [works.status, refuses.status] == [Status.DELIVERED, Status.FAILED]
        assert not dripping.done() or dripping.result().took_s >= 1.5
        assert (await dripping).status is Status.LATE
        assert program.pid is not None
        os.kill(program.pid, signal.SIGKILL)
        # Also where it is not seen yet that it is gone.
        assert (await deliver(rules, "works", LETTER, 20.0, program.ask)).status is Status.DELIVERED


@pytest.mark.real_time
@pytest.mark.skipif(not CAN_FORK, reason="processes cannot be forked here")
@pytest.mark.usefixtures("none_left")
async def test_a_program_that_is_stopped_is_replaced_and_its_message_is_delivered() -> None:
    """A stopped one takes no message: it is killed in time for another one to deliver it; every later one is too."""
    async with endpoint() as there, WarmProgram(taken_s=0.3) as program:
        rules = settings(_PATIENT_S, works=there.url("works"))
        await deliver(rules, "works", LETTER, None, program.ask)
        stopped = program.pid
        assert stopped is not None
        os.kill(stopped, signal.SIGSTOP)
        outcome = await deliver(rules, "works", LETTER, 20.0, program.ask)
        assert (outcome.status, program.pid != stopped) == (Status.DELIVERED, True)
    assert len(there.got) == 2


async def test_lines_that_are_no_answers_hold_up_none() -> None:
    """Words, numbers, lists, strangers and a line without an end are passed over; the end is the end of all waiting."""
    said = asyncio.StreamReader(limit=100)
    answers = Answers()
    one, other = answers.waiting.setdefault(1, Waiting()), answers.waiting.setdefault(2, Waiting())
    said.feed_data(b'Hello\n17\n[1]\n{"number": [1]}\n{"number": 9}\n' + b"x" * 300 + b"\n")
    said.feed_data(b'{"number": 1}\n{"number": 1, "status": "delivered", "detail": ""}\n')
    said.feed_eof()
    await answers.read(said)
    assert one.answer.result()["status"] == "delivered"
    assert isinstance(other.answer.exception(), Untaken)


def _children() -> set[str]:
    """Give the processes that this one has started and that are still there, where the system tells."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return set(listed.read_text().split()) if listed.exists() else set()


@pytest.fixture
def none_left() -> Iterator[None]:
    """See that a test leaves no process. Those of tests before it, as a server that forks services, are not its own."""
    before = _children()
    yield
    assert _children() - before == set()


@pytest.mark.real_time
async def test_a_page_is_mailed_as_html_and_as_a_file_and_others_get_its_text() -> None:
    """The mail has the page, its text and the page as an attachment; an endpoint gets the text alone."""
    async with mail_server() as (port, got), endpoint() as there:
        address = f"mailto://127.0.0.1:{port}?from=rig@lab.example&to=ada@lab.example"
        rules = settings(_PATIENT_S, mail=address, hook=there.url("works"))
        page = "<html><body><h1>Two cells need hands</h1></body></html>"
        outcomes = await mail(rules, ("mail", "hook"), "Morning", "Two cells need hands.", page)
    assert [it.status for it in outcomes] == [Status.DELIVERED, Status.DELIVERED]
    (received,) = got
    parts: list[Message] = list(received.walk())
    assert received["subject"] == "Morning"
    kinds = [part.get_content_type() for part in parts]
    assert "text/plain" in kinds
    assert kinds.count("text/html") == 2
    assert "cellrig.html" in [part.get_filename() for part in parts]
    assert [body["message"] for _, body in there.got] == ["Two cells need hands."]


def test_an_address_is_read_from_a_file_that_only_its_owner_may_read(tmp_path: Path) -> None:
    """Remarks are left out; a file that others may read, or with no address or two, is refused without its contents."""
    file = tmp_path / "ada.url"
    file.write_text(f"# the phone of ada\njson://user:{SECRET}@127.0.0.1/\n")
    file.chmod(0o600)
    rules = NoticeSettings.model_validate({"targets": [{"name": "ada", "url_file": str(file)}]})
    (target,) = rules.targets
    assert address_of(target) == f"json://user:{SECRET}@127.0.0.1/"
    for text, mode, words in (
        (f"json://{SECRET}", 0o644, "chmod 600"),
        (f"json://{SECRET}\njson://{SECRET}\n", 0o600, "2 lines"),
        ("", 0o600, "0 lines"),
    ):
        file.write_text(text)
        file.chmod(mode)
        if os.name == "posix" or mode == 0o600:
            with pytest.raises(NoAddress, match=words) as caught:
                address_of(target)
            assert SECRET not in str(caught.value)


def test_an_address_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is named."""
    rules = NoticeSettings.model_validate({"targets": [{"name": "ada", "url_env": "ADA_URL"}]})
    monkeypatch.delenv("ADA_URL", raising=False)
    with pytest.raises(NoAddress, match="ADA_URL is not set"):
        address_of(rules.targets[0])
    monkeypatch.setenv("ADA_URL", " json://127.0.0.1/ ")
    assert address_of(rules.targets[0]) == "json://127.0.0.1/"
