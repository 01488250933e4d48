"""``cellrig people`` and ``cellrig audit-log`` on the rig's machine, without a service."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from orchestrator.people.people import From, People
from orchestrator.people.person import Role
from orchestrator.people.private_file import anchor_path, people_path
from tests.command_line import cellrig, refused
from tests.people_rig import CHEAP


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at the least cost: the command line has no option for it."""
    monkeypatch.setattr("orchestrator.people.people.Passwords", lambda: CHEAP)


def told(*words: str, store: Path, status: int = 0) -> Any:  # noqa: ANN401 - JSON
    """Run a command of ours with ``--json`` and give what it says."""
    found = cellrig(*words, "--store", store, "--json")
    assert found.returncode == status, found.stderr
    return json.loads(found.stdout)


def test_people_are_added_changed_and_removed(tmp_path: Path) -> None:
    """Each command says what came of it; the last admin stays; everything is in the log, by the login name."""
    store = tmp_path / "rig.db"
    made = told("people", "add", "anna", "--role", "admin", store=store)["password"]
    assert told("people", "add", "otto", "--role", "operator", store=store)["name"] == "otto"
    with People(store, create=False) as people:
        assert CHEAP.fits(made, people.accounts.hash_of("anna"))
    assert told("people", "role", "otto", "viewer", store=store) == {"name": "otto", "role": "viewer"}
    refused(cellrig("people", "role", "anna", "viewer", "--store", store), 1, "anna is the last admin")
    refused(cellrig("people", "add", "OTTO", "--role", "admin", "--store", store), 1, "there is a 'OTTO' already")
    refused(cellrig("people", "password", "nobody", "--store", store), 1, "nobody called 'nobody'")
    assert told("people", "password", "otto", store=store)["password"] != made
    rows = told("people", "list", store=store)["people"]
    assert [(row["name"], row["role"], row["sessions"]) for row in rows] == [
        ("anna", "admin", 0),
        ("otto", "viewer", 0),
    ]
    assert "anna" in cellrig("people", "list", "--store", store).stdout
    assert told("people", "remove", "otto", store=store)["removed"]
    entries = told("audit-log", "show", store=store)["entries"]
    assert [(it["act"], it["how"], it["status"]) for it in entries if it["status"] == 409] == [
        ("person_add", "machine", 409),
        ("person_role", "machine", 409),
    ]
    assert told("audit-log", "show", "--person", "somebody", store=store)["entries"] == []


async def test_locked_admin_is_let_in_from_the_machine(tmp_path: Path) -> None:
    """Ten failures lock the name at the service; the command beside it opens it, while the service runs."""
    store, now = tmp_path / "rig.db", [1_795_000_000.0]
    told("people", "add", "anna", "--role", "admin", store=store)
    with People(store, passwords=CHEAP, clock=lambda: now[0], monotonic=lambda: now[0]) as people:
        for _ in range(10):
            now[0] += 60
            with pytest.raises(Exception, match="do not fit"):
                await people.sign_in("anna", "wrong", From("192.0.2.1"))
        with pytest.raises(Exception, match="cellrig people unlock NAME"):
            await people.sign_in("anna", "wrong", From("192.0.2.1"))
        assert told("people", "unlock", "anna", store=store)["had_failures"]
        with pytest.raises(Exception, match="do not fit"):
            await people.sign_in("anna", "wrong", From("192.0.2.1"))


def test_tokens_are_made_listed_and_ended(tmp_path: Path) -> None:
    """A token is shown once, with the role and the days that were asked for; its end is at once."""
    store = tmp_path / "rig.db"
    told("people", "add", "anna", "--role", "operator", store=store)
    made = told("people", "token", "anna", "--label", "wall", "--role", "viewer", "--days", "7", store=store)
    with People(store, create=False) as people:
        found = people.tokens.find(made["token"])
        assert found is not None
        assert (found.name, found.role) == ("anna", Role.VIEWER)
    (row,) = told("people", "token", "anna", store=store)["tokens"]
    assert (row["id"], row["label"], "secret" in row) == (made["id"], "wall", False)
    assert "wall" in cellrig("people", "token", "anna", "--store", store).stdout
    refused(cellrig("people", "token", "anna", "--label", "x", "--role", "admin", "--store", store), 1, "at most that")
    assert told("people", "token", "anna", "--remove", made["id"], store=store)["removed"]
    with People(store, create=False) as people:
        assert people.tokens.find(made["token"]) is None


def test_set_up_link_is_made_anew_on_the_machine(tmp_path: Path) -> None:
    """It names the service's address, or the one that is said; the link before it serves no more."""
    store = tmp_path / "rig.db"
    first = told("people", "set-up-link", store=store)["link"]
    link = told("people", "set-up-link", "--url", "https://rack.example", store=store)["link"]
    assert first.startswith("http://127.0.0.1:8765/set-up?code=")
    assert link.startswith("https://rack.example/set-up?code=")
    with People(store, create=False) as people:
        assert people.set_ups.counts(link.partition("code=")[2])
        assert not people.set_ups.counts(first.partition("code=")[2])


def test_broken_log_is_named_with_its_first_entry(tmp_path: Path) -> None:
    """Status 1 and the number of the entry; a hash that was kept elsewhere is asked for by --known."""
    store = tmp_path / "rig.db"
    refused(cellrig("audit-log", "verify", "--store", store), 1, "nobody has signed in or ordered")
    for name in ("anna", "otto"):
        told("people", "add", name, "--role", "admin", store=store)
    sound = told("audit-log", "verify", store=store)
    assert (sound["holds"], sound["entries"]) == (True, 4)
    assert cellrig("audit-log", "verify", "--known", sound["hash"], "--store", store).returncode == 0
    with People(store, create=False) as people, people.file.change() as change:
        change.write("UPDATE entry SET status = 409 WHERE number = 2")
    broken = cellrig("audit-log", "verify", "--store", store)
    assert (broken.returncode, broken.stdout.strip()) == (1, "entry 2 was changed")


@pytest.mark.skipif(os.name != "posix", reason="file rights of Windows come from the folder")
def test_files_of_people_are_for_their_owner_alone(tmp_path: Path) -> None:
    """They are made with their rights, and refused once others may read them."""
    store = tmp_path / "rig.db"
    told("people", "add", "anna", "--role", "admin", store=store)
    for path in (people_path(store), anchor_path(store)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    people_path(store).chmod(0o644)
    refused(cellrig("people", "list", "--store", store), 2, "its rights are 644", "chmod 600")
    people_path(store).chmod(0o600)
    people_path(store).write_text("no database at all, but a text that somebody has put here", "ascii")
    refused(cellrig("people", "list", "--store", store), 1, "cannot be used")
