"""``cellrig notices``: what scripts and people get of it, without a service."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from orchestrator.bench.notice_settings import NoticeSettings
from orchestrator.events import EventKind, Severity
from orchestrator.events.to_do import about_event
from orchestrator.notices.delivery_status import Status
from orchestrator.notices.policy import Policy
from orchestrator.notices.state_file import StateFile
from orchestrator.notices.values import Entry, Message, Notice, Outcome
from orchestrator.notices.wording import body_of, title_of
from tests.command_line import cellrig, refused

ROOT = Path(__file__).resolve().parent.parent
BENCH = '[notices]\nrig = "rack-1"\n[[notices.targets]]\nname = "ada"\nurl = "nosuch://127.0.0.1/"\n'


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Give the path of a store beside which two alarms are open, one of them told to nobody."""
    path = tmp_path / "cellrig.db"
    policy = Policy(NoticeSettings.model_validate(tomllib.loads(BENCH)["notices"]))
    with StateFile(path) as state:
        for number, run_id in enumerate(("R000007", None), 1):
            kind = "limit exceeded" if run_id else "space hold"
            notice = Notice(number, kind, Severity.ALARM, "4.112 V", 1.8e9, run_id, run_id and "21-1-3", "A17")
            incident = policy.tell(notice, 0.0)
            assert incident is not None
            state.keep_incident(incident, 1.8e9)
            state.keep_notice(notice, incident.number)
        (message,) = policy.due(0.0)
        state.keep_delivery(message, title_of(message, "rack-1"), Outcome("ada", Status.LATE, 10.0, "late"), 1.8e9)
        state.note_incident_told(1, 1.8e9)
        assert "cellrig notices ack R000007" in body_of(message, "rack-1")
    return path


@pytest.mark.parametrize(
    ("kind", "sentence", "to_do"),
    [
        ("state", "tripped: limit exceeded: 4.112 V", "Look at the cell, then: cellrig ack R000007"),
        ("state", "unknown: no reply to a stop", "Look at 21-1-3 on the tester, and switch it off there"),
        ("contact check failed", "no current flowed", "Look at 21-1-3: put a sound cell in, the right way round"),
        ("state", "stopped: contact check failed: no current flowed", "Look at 21-1-3: put a sound cell in"),
        ("limit exceeded", "4.112 V", "Look at the cell; 'cellrig status' says what has become"),
    ],
)
def test_notice_says_what_to_do_in_the_words_of_the_status(kind: str, sentence: str, to_do: str) -> None:
    """Only a run that has tripped is acknowledged at the rig: of any other the command would be refused."""
    alarm = Notice(1, kind, Severity.ALARM, sentence, 1.8e9, "R000007", "21-1-3", "A17")
    *_, said, repeats = body_of(Message(1, "ada", ("ada",), (Entry(alarm),)), "rack-1").splitlines()
    assert said.startswith(to_do)
    assert ("cellrig ack" in said) == sentence.startswith("tripped")
    assert repeats == "To end the repeats: cellrig notices ack R000007"


def test_warning_says_what_to_do_and_the_title_of_a_digest_what_is_gravest() -> None:
    """A run out of sight is no alarm, and somebody is to look at the tester; what is frequent is in the body."""
    unseen = Notice(1, "state", Severity.WARNING, "unseen: nothing heard", 1.8e9, "R000007", "21-1-3", "A17")
    told = tuple(Entry(Notice(n, "command", Severity.NOTICE, "start", 1.8e9, "R000008", "21-1-4")) for n in (2, 3, 4))
    message = Message(1, "ada", ("ada",), (*told, Entry(unseen)))
    assert title_of(message, "rack-1") == "[warning] rack-1: 1 warning, 3 notices on 2 channels: 1 x unseen"
    assert body_of(message, "rack-1").splitlines()[-1].startswith("See whether the tester and its computer are on")


def test_list_shows_what_is_open_and_what_was_sent(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people as two tables, for scripts as one document."""
    shown = cellrig("notices", "list", "--store", store).stdout
    for word in ("R000007", "21-1-3", "space hold", "nobody yet", "late", "limit exceeded: 4.112 V"):
        assert word in shown
    monkeypatch.setenv("COLUMNS", "80")
    narrow = cellrig("notices", "list", "--store", store).stdout
    assert max(map(len, narrow.splitlines())) <= 80
    told = json.loads(cellrig("notices", "list", "--store", store, "--json").stdout)
    assert [row["key"] for row in told["open"]] == ["R000007", "space hold"]
    assert [(row["target"], row["status"], row["notices"]) for row in told["deliveries"]] == [("ada", "late", 2)]


def test_acknowledging_names_a_run_a_channel_a_kind_or_all(store: Path) -> None:
    """What is acknowledged is open no more; what is not there is refused, and so is nothing at all."""
    assert cellrig("notices", "ack", "21-1-3", "--by", "ada", "--store", store).returncode == 0
    refused(cellrig("notices", "ack", "R000007", "--store", store), 1, "no open alarm is of R000007", "notices list")
    refused(cellrig("notices", "ack", "--store", store), 2, "say WHAT")
    done = json.loads(cellrig("notices", "ack", "--all", "--by", "ada", "--store", store, "--json").stdout)
    assert done == {"acknowledged": ["space hold"], "by": "ada"}
    assert "no alarm waits" in cellrig("notices", "list", "--store", store).stdout


def test_a_store_without_notices_has_none_and_gets_no_file(tmp_path: Path) -> None:
    """Looking makes nothing."""
    assert "no alarm waits" in cellrig("notices", "list", cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == []


def test_a_test_that_is_not_taken_is_status_one_and_says_why(tmp_path: Path) -> None:
    """An address that apprise does not know, a target that is not there, a file without the table."""
    (tmp_path / "bench.toml").write_text(BENCH)
    result = cellrig("notices", "test", "--json", cwd=tmp_path)
    assert result.returncode == 1
    (row,) = json.loads(result.stdout)["targets"]
    assert (row["target"], row["status"]) == ("ada", "no address")
    (tmp_path / "bare.toml").write_text("")
    refused(cellrig("notices", "test", "--bench", "bare.toml", cwd=tmp_path), 2, "has no table [notices]")
    refused(cellrig("notices", "test", "bob", cwd=tmp_path), 2, "no target 'bob'", "there are ada")


def test_the_bench_file_of_the_page_is_one() -> None:
    """What docs/notices.md shows is read, with every setting that it names."""
    page = (ROOT / "docs" / "notices.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    found = NoticeSettings.model_validate(tomllib.loads(text)["notices"])
    assert [target.name for target in found.targets] == ["ada-phone", "ada-mail", "lab-head"]
    target = set(type(found.targets[0]).model_fields)
    for name in target | set(type(found).model_fields) - {"targets"}:
        assert f"`{name}`" in page or f"\n{name} = " in page, name


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind.severity is Severity.ALARM])
def test_every_alarm_says_what_to_do(kind: EventKind) -> None:
    """Also a kind that is added later; only a mark of the same kind asks nobody to come."""
    run_id = None if kind.name.startswith(("SPACE", "NOTICES", "STORE")) else "R000007"
    assert about_event(kind, Severity.ALARM, run_id, "21-1-3").partition(" ")[0] in {"Look", "See", "Free", "Switch"}
    assert about_event(kind, Severity.WARNING, run_id, "21-1-3") == ""
