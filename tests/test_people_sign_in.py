"""People sign in, and what they order has their name: sessions, cookies, tokens, and the log of it."""

import asyncio
from pathlib import Path

import httpx
import pytest

from orchestrator.api.signed_in import Cookie
from orchestrator.people.changes import Asker
from orchestrator.people.errors import PeopleError
from orchestrator.people.passwords import Passwords
from orchestrator.people.people import From, People
from orchestrator.people.person import MACHINE, Role
from orchestrator.people.throttle import Buckets, address_key
from tests.people_rig import CHEAP, COOKIE, EPOCH_UNIX_S, PASSWORD, open_people, open_people_rig, open_people_web, said
from tests.rig import CHANNEL


async def test_person_signs_in_orders_and_signs_out(tmp_path: Path) -> None:
    """Orders carry the person's name, and another name is refused; after signing out nothing is left."""
    async with open_people_rig(tmp_path) as rig:
        browser = await rig.signed_in(Role.OPERATOR)
        assert (await said(await browser.get("/api/v1/me")))["name"] == "otto"
        reply = await browser.post(f"/api/v1/channels/{CHANNEL}/stop", json={})
        assert reply.status_code == 200, reply.text
        assert ("otto", "channel_stop", None) in rig.log()
        assert ("otto", "channel_stop", 200) in rig.log()
        reply = await browser.post(f"/api/v1/channels/{CHANNEL}/stop", json={"by": "anna"})
        assert "signed in as otto" in (await said(reply, 403))["error"]
        assert (await browser.post("/api/v1/sign-out")).status_code == 204
        assert (await browser.get("/api/v1/me")).status_code == 401


async def test_secret_of_a_session_is_new_at_each_sign_in(tmp_path: Path) -> None:
    """What a browser brings is never what it keeps, and what it had before serves no more: no session is planted."""
    async with open_people_web(tmp_path) as rig:
        browser = rig.browser(cookie=f"{COOKIE.name}=planted")
        reply = await browser.post("/api/v1/sign-in", json={"name": "OTTO ", "password": PASSWORD})
        first = reply.cookies[COOKIE.name]
        assert first != "planted"
        told = reply.headers["set-cookie"].lower()
        assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in told.split(";")}
        again = rig.browser(cookie=f"{COOKIE.name}={first}")
        second = (await again.post("/api/v1/sign-in", json={"name": "otto", "password": PASSWORD})).cookies[COOKIE.name]
        assert rig.people.sessions.find(first) is None
        assert rig.people.sessions.find("planted") is None
        assert rig.people.sessions.find(second) is not None


def test_cookie_is_for_tls_only_where_the_service_has_tls() -> None:
    """Behind TLS the cookie has a name that browsers take by TLS and of this host only; each port has its own."""
    assert Cookie(8765, is_secure=True).setting("x", 60).startswith("__Host-cellrig-8765=x; Path=/;")
    assert Cookie(8765, is_secure=True).setting("x", 60).endswith("; Secure")
    assert Cookie(8765, is_secure=False).name != Cookie(8766, is_secure=False).name


async def test_session_ends_when_it_is_not_used_and_when_it_is_old(tmp_path: Path) -> None:
    """Half a day without a request ends it; a week ends it however much it is used."""
    async with open_people_web(tmp_path) as rig:
        idle, used = await rig.signed_in(Role.VIEWER), await rig.signed_in(Role.VIEWER)
        for hour in range(1, 24 * 7):
            rig.clock.put_on(3600)
            assert (await used.get("/api/v1/me")).status_code == 200, hour
            if hour == 11:
                assert (await idle.get("/api/v1/me")).status_code == 200
            if hour == 23:
                assert (await idle.get("/api/v1/me")).status_code == 401
        rig.clock.put_on(3600)
        assert (await used.get("/api/v1/me")).status_code == 401


async def test_use_of_a_session_is_kept_over_a_restart_of_web(tmp_path: Path) -> None:
    """When it was used last is in the file within a minute, and what has ended is gone from it."""
    async with open_people_web(tmp_path) as rig:
        browser, idle = await rig.signed_in(Role.VIEWER), await rig.signed_in(Role.VIEWER)
        assert (await idle.get("/api/v1/me")).status_code == 200
        tending = asyncio.ensure_future(rig.people.tend())
        rig.clock.put_on(11 * 3600)
        await asyncio.sleep(60)
        assert (await browser.get("/api/v1/me")).status_code == 200
        rig.clock.put_on(2 * 3600)
        await asyncio.sleep(60)
        with open_people(tmp_path / "people.db") as later:
            (kept,) = later.sessions.of("vera")
            assert kept.seen_unix_s - EPOCH_UNIX_S > 10 * 3600
        tending.cancel()


async def test_change_of_password_or_role_ends_what_was_open(tmp_path: Path) -> None:
    """A new password ends all other sessions and gives this one another secret; another role ends all of them."""
    async with open_people_rig(tmp_path) as rig:
        one, other, admin = [await rig.signed_in(role) for role in (Role.OPERATOR, Role.OPERATOR, Role.ADMIN)]
        before = one.cookies[COOKIE.name]
        new = {"old": PASSWORD, "new": "other words of my own"}
        assert (await one.post("/api/v1/me/password", json={**new, "old": "guessed"})).status_code == 401
        assert (await one.post("/api/v1/me/password", json={**new, "new": "short"})).status_code == 422
        assert (await one.post("/api/v1/me/password", json=new)).status_code == 204
        assert one.cookies[COOKIE.name] != before
        assert rig.people.sessions.find(before) is None
        assert (await one.get("/api/v1/me")).status_code == 200
        assert (await other.get("/api/v1/me")).status_code == 401
        assert (await admin.post("/api/v1/people/otto/role", json={"role": "viewer"})).status_code == 204
        assert (await one.get("/api/v1/me")).status_code == 401
        assert (await admin.post("/api/v1/people/otto/password", json={"password": PASSWORD})).status_code == 200
        demoted = await rig.signed_in(Role.OPERATOR)
        assert (await demoted.post("/api/v1/rack/stop", json={})).status_code == 403


async def test_sessions_and_tokens_are_listed_and_ended_one_by_one(tmp_path: Path) -> None:
    """A person sees where he is signed in and with what, and ends one without the others."""
    async with open_people_web(tmp_path) as rig:
        here, there = await rig.signed_in(Role.OPERATOR), await rig.signed_in(Role.OPERATOR)
        program = rig.program(Role.OPERATOR)
        listed = await said(await here.get("/api/v1/me/sessions"))
        (other,) = [session["id"] for session in listed if not session["mine"]]
        assert (await here.delete(f"/api/v1/me/sessions/{other}")).status_code == 204
        assert (await there.get("/api/v1/me")).status_code == 401
        assert (await here.delete(f"/api/v1/me/sessions/{other}")).status_code == 404
        (token,) = await said(await here.get("/api/v1/me/tokens"))
        assert (await program.get("/api/v1/runs")).status_code == 200
        vera = await rig.signed_in(Role.VIEWER)
        assert (await vera.delete(f"/api/v1/me/tokens/{token['id']}")).status_code == 404
        assert (await here.delete(f"/api/v1/me/tokens/{token['id']}")).status_code == 204
        assert (await program.get("/api/v1/runs")).status_code == 401
        assert (await here.get("/api/v1/me")).status_code == 200


async def test_token_has_no_more_rights_than_its_person_has_now(tmp_path: Path) -> None:
    """It ends on its day, is never above its person, and sinks with him; it makes no tokens and no people."""
    async with open_people_rig(tmp_path) as rig:
        operator = await rig.signed_in(Role.OPERATOR)
        order = {"label": "script", "role": "admin", "days": 1}
        assert (await operator.post("/api/v1/me/tokens", json=order)).status_code == 409
        program, admin = rig.program(Role.OPERATOR, days=2), rig.program(Role.ADMIN)
        reply = await program.post("/api/v1/rack/stop", json={})
        assert reply.status_code == 200
        assert ("otto", "rack_stop", 200) in rig.log()
        assert (await admin.post("/api/v1/people", json={"name": "x", "role": "admin"})).status_code == 403
        assert (await admin.get("/api/v1/people")).status_code == 200
        rig.people.accounts.set_role("otto", Role.VIEWER)
        assert (await program.post("/api/v1/rack/stop", json={})).status_code == 403
        assert (await program.get("/api/v1/runs")).status_code == 200
        rig.clock.put_on(2 * 24 * 3600)
        assert (await program.get("/api/v1/runs")).status_code == 401


async def test_wall_display_signs_in_with_a_token(tmp_path: Path) -> None:
    """A token in the place of a password begins a session that lasts as long as the token, and ends with it."""
    async with open_people_web(tmp_path) as rig:
        token = rig.people.tokens.make("anna", "wall", Role.VIEWER, 30)
        wall = rig.browser()
        me = await said(await wall.post("/api/v1/sign-in", json={"name": "", "password": token.text}))
        assert (me["name"], me["role"]) == ("anna", "viewer")
        rig.clock.put_on(20 * 24 * 3600)
        assert (await wall.get("/api/v1/me")).status_code == 200
        rig.people.tokens.remove("anna", token.name)
        assert (await wall.get("/api/v1/me")).status_code == 401


async def test_guessing_is_slowed_down_and_locked_by_name(tmp_path: Path) -> None:
    """The waiting time grows; a locked name is let in again after a quarter of an hour, or at once by an unlock."""
    async with open_people_web(tmp_path) as rig:
        browser, waits = rig.browser(), []
        for _ in range(10):
            while (status := await _tried(browser, "anna", "wrong")) == 429:
                rig.clock.put_on(1)
                waits.append(1)
            assert status == 401
            waits.append(0)
        assert sum(waits) == 1 + 2 + 4 + 8 + 16 + 32 + 60
        assert await _tried(browser, "anna", PASSWORD) == 429
        assert rig.people.delay.locked_for_s("anna") == 900
        assert await _tried(browser, "otto", PASSWORD) == 200
        assert rig.people.changes.unlock(Asker(MACHINE), "ANNA")
        assert await _tried(browser, "anna", PASSWORD) == 200
        assert await _tried(browser, "anna", "wrong") == 401


async def test_many_names_from_one_address_are_slowed_down(tmp_path: Path) -> None:
    """Who tries one password with many names is stopped by his address, and nobody else is."""
    async with open_people_web(tmp_path) as rig:
        browser = rig.browser()
        tried = [await _tried(browser, f"name {number}", "12345") for number in range(30)]
        assert tried == [401] * 20 + [429] * 10
        assert (await rig.people.sign_in("otto", PASSWORD, From("192.0.2.99"))).text
        rig.clock.put_on(30)
        assert await _tried(browser, "otto", PASSWORD) == 200


def test_what_is_remembered_of_strangers_is_bounded() -> None:
    """Of ten thousand addresses the newest four thousand are kept; a network of IPv6 counts as one."""
    buckets = Buckets(1.0, 1.0, lambda: 0.0)
    for number in range(10_000):
        assert buckets.take(f"192.0.{number}") == 0
    assert buckets.take("192.0.9999") > 0
    assert buckets.take("192.0.1") == 0
    assert buckets.kept == 4096
    assert address_key("2001:db8::1") == address_key("2001:db8::2") == "2001:db8::/64"
    assert address_key("fe80::1%eth0") == "fe80::/64"
    assert address_key("192.0.2.1") != address_key("192.0.2.2")


async def test_guesses_at_once_are_counted_before_they_are_judged(tmp_path: Path) -> None:
    """A hundred guesses in the same moment are no more than those that one after the other would be free."""
    async with open_people_web(tmp_path) as rig:
        browser = rig.browser()
        tried = await asyncio.gather(*(_tried(browser, "anna", f"guess {number}") for number in range(15)))
        assert tried.count(401) == 3
        assert tried.count(429) == 12


async def test_name_that_there_is_not_is_answered_as_one_that_there_is(tmp_path: Path) -> None:
    """Words, status and work are the same: a password is hashed in both cases."""
    async with open_people_web(tmp_path) as rig:
        browser = rig.browser()
        answers = [
            (await browser.post("/api/v1/sign-in", json={"name": name, "password": "wrong words here"}))
            for name in ("anna", "nobody", "", "\u0000", "a" * 256)
        ]
        assert len({(reply.status_code, reply.text) for reply in answers}) == 1
        kept = CHEAP.hash(PASSWORD)
        assert not CHEAP.fits("wrong words here", None)
        assert CHEAP.fits(PASSWORD, kept)
        assert not CHEAP.fits(PASSWORD, "no hash")


async def test_hash_of_an_older_cost_is_renewed_at_the_sign_in(tmp_path: Path) -> None:
    """What is kept is argon2id with a salt of its own, at the cost of today."""
    async with open_people_web(tmp_path) as rig:
        before = rig.people.accounts.hash_of("otto") or ""
        assert before.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        assert before != rig.people.accounts.hash_of("anna")
        with People(tmp_path / "people.db", passwords=Passwords(rounds=2, memory_kib=8)) as dearer:
            assert (await dearer.sign_in("otto", PASSWORD, From("127.0.0.1"))).text
        assert (rig.people.accounts.hash_of("otto") or "").startswith("$argon2id$v=19$m=8,t=2,p=1$")
        assert Passwords().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_stream_ends_with_the_session_that_opened_it(tmp_path: Path) -> None:
    """Who is signed out sees no more frames after some seconds, also in a window that stays open."""
    async with open_people_rig(tmp_path) as rig:
        browser = await rig.signed_in(Role.VIEWER)
        lines = asyncio.ensure_future(browser.get("/api/v1/live"))
        await asyncio.sleep(60)
        assert not lines.done()
        assert (await browser.post("/api/v1/sign-out")).status_code == 204
        reply = await asyncio.wait_for(lines, 60)
        assert reply.text.count("\n") > 3


async def test_person_who_asks_too_much_waits_and_may_still_stop(tmp_path: Path) -> None:
    """Requests have a rate for each person; stops have none, and neither has the token of this machine."""
    async with open_people_rig(tmp_path) as rig:
        browser, other = await rig.signed_in(Role.OPERATOR), await rig.signed_in(Role.VIEWER)
        statuses = [(await browser.get("/api/v1/me")).status_code for _ in range(410)]
        assert statuses == [200] * 400 + [429] * 10
        assert (await browser.post(f"/api/v1/channels/{CHANNEL}/stop", json={})).status_code == 200
        assert (await other.get("/api/v1/me")).status_code == 200
        assert {(await rig.machine().get("/api/v1/me")).status_code for _ in range(410)} == {200}
        await asyncio.sleep(1)
        assert (await browser.get("/api/v1/me")).status_code == 200


async def test_set_up_link_serves_once_and_for_a_day(tmp_path: Path) -> None:
    """The first admin comes from the machine; a link that was used, is older, or was made anew serves nobody."""
    async with open_people_web(tmp_path) as rig:
        old, browser = rig.people.set_ups.new_code(), rig.browser()
        code = rig.people.set_ups.new_code()
        order = {"code": old, "name": "First Admin", "password": PASSWORD}
        assert (await browser.post("/api/v1/set-up", json=order)).status_code == 401
        assert (await browser.post("/api/v1/set-up", json={**order, "code": code, "password": "x"})).status_code == 422
        me = await said(await browser.post("/api/v1/set-up", json={**order, "code": code}))
        assert (me["name"], me["role"]) == ("First Admin", "admin")
        assert (await browser.get("/api/v1/people")).status_code == 200
        assert (await browser.post("/api/v1/set-up", json={**order, "code": code})).status_code == 401
        late = rig.people.set_ups.new_code()
        rig.clock.put_on(24 * 3600)
        assert (await rig.browser().post("/api/v1/set-up", json={**order, "code": late})).status_code == 401


async def test_rig_always_has_an_admin(tmp_path: Path) -> None:
    """The last one is neither removed nor demoted, by nobody; of two one may go."""
    async with open_people_web(tmp_path) as rig:
        admin = await rig.signed_in(Role.ADMIN)
        refused = await said(await admin.post("/api/v1/people/anna/role", json={"role": "operator"}), 409)
        assert "last admin" in refused["error"]
        assert (await admin.delete("/api/v1/people/anna")).status_code == 409
        assert (await admin.post("/api/v1/people/vera/role", json={"role": "admin"})).status_code == 204
        assert (await admin.delete("/api/v1/people/anna")).status_code == 204
        assert (await admin.get("/api/v1/me")).status_code == 401


async def test_what_is_about_one_person_is_given_to_no_other(tmp_path: Path) -> None:
    """Answers out of the store are kept for all clients; those about people are not."""
    async with open_people_web(tmp_path) as rig:
        otto, vera = await rig.signed_in(Role.OPERATOR), await rig.signed_in(Role.VIEWER)
        for _ in range(2):
            assert (await said(await otto.get("/api/v1/me")))["name"] == "otto"
            assert (await said(await vera.get("/api/v1/me")))["name"] == "vera"
            assert (await said(await rig.machine().get("/api/v1/me")))["how"] == "machine"


async def test_claim_has_the_name_of_its_person(tmp_path: Path) -> None:
    """A channel is claimed and released in a person's own name only; the token of this machine names whom it likes."""
    async with open_people_rig(tmp_path) as rig:
        otto = rig.program(Role.OPERATOR)
        claimed = f"/api/v1/channels/{CHANNEL}/claim"
        assert (await otto.post(claimed, json={"owner": "anna", "duration_s": 60})).status_code == 403
        channel = await said(await otto.post(claimed, json={"duration_s": 60}))
        assert channel["claim"]["owner"] == "otto"
        assert (await otto.delete(f"{claimed}?owner=anna")).status_code == 403
        assert (await said(await otto.delete(claimed)))["claim"] is None
        machine = await rig.web.post(f"/channels/{CHANNEL}/claim", {"owner": "night script", "duration_s": 60})
        assert machine["claim"]["owner"] == "night script"


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        ("", PASSWORD, "no name"),
        ("a/b", PASSWORD, "no name"),
        ("...", PASSWORD, "no name"),
        ("OTTO", PASSWORD, "already"),
        ("mia", "short", "10 to 256"),
        ("mia", "aaaaaaaaaaaaaaaa", "guessed"),
        ("mia", "mia was here", "guessed"),
    ],
)
async def test_names_and_passwords_that_cannot_be_are_refused(
    name: str, password: str, words: str, tmp_path: Path
) -> None:
    """A name is one line of letters and digits, once; a password is long and not the name."""
    loop = asyncio.get_running_loop()
    with open_people(tmp_path / "people.db") as people, pytest.raises(PeopleError, match=words):
        await loop.run_in_executor(None, people.accounts.add, name, Role.VIEWER, password)


async def _tried(browser: httpx.AsyncClient, name: str, password: str) -> int:
    reply = await browser.post("/api/v1/sign-in", json={"name": name, "password": password})
    return reply.status_code
