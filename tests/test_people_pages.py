"""The pages of people work as forms, without scripts: sign-in, set-up, people, one's own page, the log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from orchestrator.dashboard.log_words import act_code
from orchestrator.dashboard.words import Words
from orchestrator.people.audit_history import DONE_AT_ONCE
from orchestrator.people.person import Role
from orchestrator.people.rights import RIGHTS
from tests.people_rig import COOKIE, NAMES, ORIGIN, PASSWORD, PeopleWeb, open_people_web


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[PeopleWeb]:
    """Give web with people of each role, before a control that does not answer."""
    async with open_people_web(tmp_path) as web:
        yield web


def form_browser(web: PeopleWeb) -> httpx.AsyncClient:
    """Return a browser without scripts, on a page of the service."""
    headers = {"origin": ORIGIN, "accept-language": "en"}
    return httpx.AsyncClient(transport=web.transport, base_url=ORIGIN, headers=headers)


async def signed_in(web: PeopleWeb, role: Role) -> httpx.AsyncClient:
    """Return the browser of a person who has signed in by the page."""
    browser = form_browser(web)
    reply = await browser.post("/sign-in", data={"name": NAMES[role], "password": PASSWORD, "next": "/log"})
    assert (reply.status_code, reply.headers["location"]) == (303, "/log")
    return browser


async def sent(browser: httpx.AsyncClient, page: str, action: str, **values: object) -> httpx.Response:
    """Send a form of a page, with the token that stands in it."""
    shown = (await browser.get(page)).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', shown)
    assert csrf is not None
    assert f'action="{action}"' in shown
    return await browser.post(action, data={"csrf": csrf[1], **values})


def text_of(reply: httpx.Response) -> str:
    """Return what a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", reply.text)).split())


async def test_sign_in_leads_to_the_page_that_was_asked_for_and_nowhere_else(web: PeopleWeb) -> None:
    """A page of this service, or the first one: never an address of somebody else."""
    for to, leads in (("/runs?state=running", "/runs?state=running"), ("//evil.example", "/"), ("https://x", "/")):
        browser = form_browser(web)
        shown = await browser.get("/sign-in", params={"next": to})
        assert f'name="next" value="{leads}"' in shown.text
        reply = await browser.post("/sign-in", data={"name": "otto", "password": PASSWORD, "next": to})
        assert (reply.status_code, reply.headers["location"]) == (303, leads)


async def test_link_from_elsewhere_leads_who_is_signed_in_to_its_page(web: PeopleWeb) -> None:
    """It comes without the cookie: the sign-in sends the browser round once more by itself, and then lets it pass."""
    browser, other = await signed_in(web, Role.VIEWER), form_browser(web)
    elsewhere = {"sec-fetch-site": "cross-site"}
    asked = await other.get("/sign-in?next=/runs/R000007?x=cycle", headers=elsewhere)
    (again,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]*)"', asked.text)
    passed = await browser.get(unescape(again), headers={"sec-fetch-site": "same-origin"})
    assert (passed.status_code, passed.headers["location"]) == (303, "/runs/R000007?x=cycle")
    shown = await other.get(unescape(again), headers=elsewhere)
    assert (shown.status_code, "refresh" in shown.text) == (200, False)


async def test_wrong_sign_in_says_so_in_the_language_of_the_browser(web: PeopleWeb) -> None:
    """The form comes back with the sentence and the name, never with the password; in Chinese too."""
    for language, words in (("en", "Name and password do not fit"), ("zh-CN", "姓名与密码不符")):
        browser = form_browser(web)
        headers = {"accept-language": language}
        reply = await browser.post("/sign-in", data={"name": "otto", "password": "my wrong words"}, headers=headers)
        assert reply.status_code == 401
        assert words in text_of(reply)
        assert 'value="otto"' in reply.text
        assert "my wrong words" not in reply.text
        assert "set-cookie" not in reply.headers


async def test_set_up_link_makes_the_first_admin_by_its_page(web: PeopleWeb) -> None:
    """Two passwords that differ are refused; then the admin is made and signed in; the link serves no second time."""
    code, browser = web.people.set_ups.new_code(), form_browser(web)
    assert "You become the admin" in text_of(await browser.get("/set-up", params={"code": code}))
    form = {"code": code, "name": "Ada L.", "password": PASSWORD, "again": "other words of mine"}
    assert "not the same" in text_of(await browser.post("/set-up", data=form))
    reply = await browser.post("/set-up", data={**form, "again": PASSWORD})
    assert reply.status_code == 303
    assert "Ada L., admin" in text_of(await browser.get("/me"))
    assert "older than a day" in text_of(await browser.get("/set-up", params={"code": code}))


async def test_admin_adds_changes_and_removes_people(web: PeopleWeb) -> None:
    """A password is shown once; a role is changed; a removal needs its tick; the last admin stays."""
    admin = await signed_in(web, Role.ADMIN)
    added = await sent(admin, "/people", "/act/people", name="<b>mia</b>", role="viewer")
    assert "cannot be a name" in text_of(added)
    added = await sent(admin, "/people", "/act/people", name="小王", role="viewer")
    (made,) = re.findall(r'<code class="secret">([a-z0-9-]{19})</code>', added.text)
    assert made not in (await admin.get("/people")).text
    assert (await web.browser().post("/api/v1/sign-in", json={"name": "小王", "password": made})).status_code == 200
    reply = await sent(admin, "/people", "/act/people/role", name="小王", role="operator")
    assert reply.headers["location"] == "/people?done=role"
    assert "The role is changed" in text_of(await admin.get("/people?done=role"))
    assert (await sent(admin, "/people", "/act/people/remove", name="小王")).status_code == 422
    assert (await sent(admin, "/people", "/act/people/remove", name="小王", sure="yes")).status_code == 303
    assert "小王" not in (await admin.get("/people")).text
    refused = await sent(admin, "/people", "/act/people/remove", name="anna", sure="yes")
    assert "last admin" in text_of(refused)
    assert (await sent(admin, "/people", "/act/people/role", name="otto", role="emperor")).status_code == 422
    assert "nobody called" in text_of(await sent(admin, "/people", "/act/people/password", name="nobody"))


async def test_person_changes_what_is_his_on_his_own_page(web: PeopleWeb) -> None:
    """Password, language, a token and the end of a session; signing out ends the session of this browser."""
    browser, other = await signed_in(web, Role.OPERATOR), await signed_in(web, Role.OPERATOR)
    new = {"old": PASSWORD, "new": "other words of mine", "again": "other words of mine"}
    assert "does not fit" in text_of(await sent(browser, "/me", "/act/me/password", **{**new, "old": "x"}))
    assert (await sent(browser, "/me", "/act/me/password", **new)).status_code == 303
    assert (await other.get("/me")).status_code == 303
    made = await sent(browser, "/me", "/act/me/token", label="script", role="operator", days="7")
    (token,) = re.findall(r'<code class="secret">(cellrig-[\w-]{43})</code>', made.text)
    program = {"authorization": f"Bearer {token}", "origin": ""}
    assert (await form_browser(web).get("/api/v1/me", headers={"authorization": program["authorization"]})).is_success
    above = await sent(browser, "/me", "/act/me/token", label="script", role="admin", days="7")
    assert "at most the role" in text_of(above)
    assert (await sent(browser, "/me", "/act/me/language", language="zh")).status_code == 303
    assert 'lang="zh"' in (await browser.get("/me")).text
    assert (await sent(browser, "/me", "/act/sign-out")).headers["location"] == "/sign-in"
    assert (await browser.get("/me")).headers["location"] == "/sign-in?next=/me"


async def test_browser_of_a_token_changes_nothing_of_its_person(web: PeopleWeb) -> None:
    """A wall display that an admin has signed in as viewer makes no token, ends no session, and changes no password."""
    token = web.people.tokens.make("anna", "wall", Role.VIEWER, 30)
    wall = form_browser(web)
    assert (await wall.post("/sign-in", data={"name": "", "password": token.text})).status_code == 303
    shown = (await wall.get("/me")).text
    assert "/act/me/" not in shown
    (person,) = [web.people.sessions.find(wall.cookies[COOKIE.name])]
    assert person is not None
    csrf = web.people.csrf_token(person.session_id or "")
    for what in ("token", "password", "session-end"):
        form = {"csrf": csrf, "label": "x", "role": "admin", "days": "9"}
        assert (await wall.post(f"/act/me/{what}", data=form)).status_code == 403
    order = {"label": "x", "role": "viewer", "days": 9}
    headers = {"x-cellrig": "1"}
    assert (await wall.post("/api/v1/me/tokens", json=order, headers=headers)).status_code == 403


async def test_log_says_who_did_what_and_that_its_chain_holds(web: PeopleWeb) -> None:
    """Newest first, by person and kind and day; a broken chain is said above the entries that are not proven."""
    admin = await signed_in(web, Role.ADMIN)
    await sent(admin, "/people", "/act/people", name="mia", role="viewer")
    await signed_in(web, Role.VIEWER)
    shown = text_of(await admin.get("/log"))
    assert "Chain checked up to" in shown
    assert re.search(r"Signed in .*Person added: person mia, role viewer done .*Signed in", shown)
    assert "Person added: person mia" not in text_of(await admin.get("/log?person=vera"))
    assert "Person added: person mia" in text_of(await admin.get("/log?kind=person_add&person=anna"))
    assert "Nothing fits" in text_of(await admin.get("/log?day=2001-02-03"))
    assert (await admin.get("/log?day=never&below=x&person=%00")).status_code == 200
    with web.people.file.change() as change:
        change.write("UPDATE entry SET person = 'otto' WHERE number = 2")
    web.clock.put_on(3600)
    broken = await admin.get("/log")
    assert "not as it was written, from entry 2 on" in text_of(broken)
    assert broken.text.count("not proven") == 2


async def test_log_pages_through_what_is_older(web: PeopleWeb) -> None:
    """A hundred entries a page, and a way to the older ones that keeps what was wanted."""
    admin = await signed_in(web, Role.ADMIN)
    for number in range(130):
        with web.people.log.recorded(web.act("anna", "note", text=f"note {number}")):
            pass
    shown = await admin.get("/log?kind=note")
    (older,) = re.findall(r'href="(/log\?[^"]*)" rel="next"', shown.text)
    assert "note 129" in shown.text
    assert "note 29 " not in text_of(shown)
    assert "note 29 " in text_of(await admin.get(unescape(older)))


async def test_hostile_text_in_a_log_is_shown_as_text(web: PeopleWeb) -> None:
    """Markup, quotes and marks that turn the direction stand on the page as they are, and run nothing."""
    admin, hostile = await signed_in(web, Role.ADMIN), "<script>alert(1)</script>\"'\u202e"
    with web.people.log.recorded(web.act(hostile, hostile, run=hostile)):
        pass
    shown = (await admin.get("/log", params={"person": hostile})).text
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert "\u202e" not in shown


def test_every_act_of_the_log_has_a_word() -> None:
    """Whatever the table of rights and the changes of people write into the log is told in both languages."""
    acts = {right.act for right in RIGHTS if right.act} | DONE_AT_ONCE
    source = Path("orchestrator/people/changes.py")
    acts |= set(re.findall(r'by\.act\("(\w+)"', (Path(__file__).parent.parent / source).read_text("utf-8")))
    assert len(acts) > 25
    assert [act for act in acts if act_code(act) == "log.act_other"] == []
    assert Words.load().has("log.act_other")
