"""What a person orders is what he saw: forms without scripts, links of somebody else, and answers that are kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from starlette.requests import Request

from orchestrator.analysis.trace_buckets import Trace
from orchestrator.api.run_traces import Window
from orchestrator.api.series_windows import tag_of
from orchestrator.people.person import Role
from tests.browser import chromium, serving
from tests.launch_rig import FORM, hidden
from tests.people_rig import PeopleRig, open_people_rig, open_people_web

CHANNEL = "21-1-3"
ORDER = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": CHANNEL, "label": "lot7-31", "by": "ada"}
FIELDS = ("csrf", "channel", "run", "rev", "runs")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[PeopleRig]:
    """Give a service with people, and a run."""
    async with open_people_rig(tmp_path) as rig:
        await rig.web.post("/runs", ORDER, 201)
        await until(rig, "running")
        yield rig


async def until(rig: PeopleRig, state: str) -> None:
    """Wait until the run is in a state."""
    while (await rig.web.get("/runs/R000001"))["state"] != state:  # noqa: ASYNC110 - it is asked in virtual time
        await asyncio.sleep(1)


async def asked(browser: httpx.AsyncClient, question: str, act: str) -> tuple[str, dict[str, str]]:
    """Give the page that asks before an order, and the form that answers it."""
    html = (await browser.get(f"/rack?{urlencode({'ask': question})}")).text
    return html, {name: hidden(html, name) for name in FIELDS} | {"act": act}


async def sent(browser: httpx.AsyncClient, form: dict[str, str]) -> str:
    """Send the form, and give the sentence of the page that it leads to."""
    reply = await browser.post("/act/rack", content=urlencode(form), headers=FORM)
    assert reply.status_code == 303, reply.text
    return told((await browser.get(reply.headers["location"])).text)


def told(html: str) -> str:
    """Give what a page tells of the order before; empty for nothing."""
    found = re.search(r'<p class="told" role="status">([^<]*)</p>', html)
    return unescape(found[1]) if found else ""


async def test_hold_that_came_after_the_question_is_not_ended_by_its_answer(rig: PeopleRig) -> None:
    """A form that asked about one hold resumes no other one of the same run."""
    otto = await rig.signed_in(Role.OPERATOR)
    await rig.web.post("/runs/R000001/hold", {"by": "ada"})
    await until(rig, "holding")
    _, form = await asked(otto, f"resume {CHANNEL}", "resume")
    await rig.web.post("/runs/R000001/resume", {"by": "ada"})
    await until(rig, "running")
    await rig.web.post("/runs/R000001/hold", {"by": "bob"})
    await until(rig, "holding")
    assert "has changed since you looked" in await sent(otto, form)
    assert (await rig.web.get("/runs/R000001"))["state"] == "holding"
    _, anew = await asked(otto, f"resume {CHANNEL}", "resume")
    assert await sent(otto, anew) == "Sent. Waiting for the service to confirm."
    await until(rig, "running")


async def test_stop_that_gets_no_answer_says_that_it_was_not_sent_and_what_else_stops(rig: PeopleRig) -> None:
    """A browser without scripts is not told to load a page anew: the test runs on, and the page says so."""
    otto = await rig.signed_in(Role.OPERATOR)
    _, form = await asked(otto, f"stop {CHANNEL}", "stop")
    rig.web.hang_control()
    for lang, words in (("en", "Not sent: the service does not answer."), ("zh", "\u672a\u53d1\u9001")):
        headers = FORM | {"accept-language": lang}
        reply = await otto.post("/act/rack", content=urlencode(form), headers=headers)
        assert reply.status_code == 503
        assert words in reply.text
        assert "cellrig stop --direct" in reply.text
    rig.web.hang_control(hangs=False)
    assert (await rig.web.get("/runs/R000001"))["state"] == "running"


async def test_stop_of_the_rack_without_scripts_names_the_cells_that_it_stops(rig: PeopleRig) -> None:
    """The question lists each of them, and the order has the runs that were seen."""
    otto = await rig.signed_in(Role.OPERATOR)
    html, form = await asked(otto, "rack_stop", "rack_stop")
    assert re.search(rf"<li>[^<]*{CHANNEL}[^<]*lot7-31[^<]*</li>", html)
    assert form["runs"] == "R000001"
    assert await sent(otto, form) == "Sent. Waiting for the service to confirm."


async def test_trip_is_not_acknowledged_without_the_word_that_the_cell_was_looked_at(rig: PeopleRig) -> None:
    """A browser without scripts asks for the same word as one with them."""
    otto = await rig.signed_in(Role.OPERATOR)
    _, form = await asked(otto, f"stop {CHANNEL}", "acknowledge")
    assert await sent(otto, form) == "Tick that you looked at the cell."
    assert "only a tripped run is acknowledged" in await sent(otto, form | {"looked": "1"})


async def test_link_of_somebody_else_tells_nothing_in_the_name_of_the_service(rig: PeopleRig) -> None:
    """What an order has done is told to the session that gave it, and to no other."""
    otto, vera = await rig.signed_in(Role.OPERATOR), await rig.signed_in(Role.VIEWER)
    lie = "All tests are stopped, you may go home."
    for page in ("/rack", "/runs/R000001"):
        for mark in ("", "0" * 32):
            html = (await otto.get(f"{page}?{urlencode({'told': lie, 'mark': mark, 'tab': 'notes'})}")).text
            assert "go home" not in html
    _, form = await asked(otto, f"stop {CHANNEL}", "acknowledge")
    reply = await otto.post("/act/rack", content=urlencode(form), headers=FORM)
    assert told((await otto.get(reply.headers["location"])).text)
    assert told((await vera.get(reply.headers["location"])).text) == ""


async def test_tag_of_a_window_is_that_of_one_store_and_one_set_of_records() -> None:
    """Other records of the same numbers, and records that came later for an old gap, have another tag."""
    window = Window(Trace.joined([]), 40, True, (3, 40), (0.0, 1e9), (400.0, 1e9 + 400.0))
    others = (
        replace(window, newest_s=(400.0, 2e9 + 400.0)),
        replace(window, records=39),
        replace(window, last=(3, 41)),
    )
    assert tag_of(window) not in {tag_of(other) for other in others}
    assert tag_of(window) == tag_of(replace(window))


async def test_tokens_that_are_none_are_tried_no_faster_than_other_requests(tmp_path: Path) -> None:
    """Who guesses tokens is told to wait, as who asks too much."""
    async with open_people_web(tmp_path) as web:
        guess = web.browser(authorization="Bearer cellrig-guessed")
        replies = [(await guess.get("/api/v1/rack")).status_code for _ in range(402)]
    assert (replies[0], replies[-1]) == (401, 429)


async def test_stream_from_any_revision_begins(rig: PeopleRig) -> None:
    """A number that no service has given is not one to go on from."""
    for number in ("x-" + "9" * 5000, "x-\u00b2", "-", "x--1"):
        scope = {"type": "http", "headers": [(b"last-event-id", number.encode("latin-1"))]}
        frames = rig.web.stream(Request(scope)).body_iterator
        frame = await anext(aiter(frames))
        assert isinstance(frame, bytes)
        assert frame.startswith(b"event: hello")


@pytest.mark.needs("chromium")
def test_enter_that_is_held_down_presses_one_button_once() -> None:
    """Behind a scanned cell the focus goes to the button that starts: a key that is still down does not press it."""
    html = """<!doctype html><button id="one">one</button><button id="two">two</button>
        <script type="module" src="/static/0/held_keys.js"></script>"""
    with chromium() as browser:
        page = browser.new_page()
        page.route("**/*", serving(html))
        page.goto("http://cellrig.test/")
        page.evaluate("""() => { window.pressed = []; for (const button of document.querySelectorAll("button"))
            button.onclick = () => { pressed.push(button.id); document.getElementById("two").focus(); }; }""")
        page.locator("#one").focus()
        for _ in range(3):
            page.keyboard.down("Enter")
        page.keyboard.up("Enter")
        assert page.evaluate("pressed") == ["one"]
        page.keyboard.press("Enter")
        assert page.evaluate("pressed") == ["one", "two"]


async def test_order_from_a_run_page_comes_back_to_it(rig: PeopleRig) -> None:
    """What came of it is told on the page of the run that asked; another run in the address is not taken for it."""
    otto = await rig.signed_in(Role.OPERATOR)
    text = (await otto.get(f"/rack?{urlencode({'ask': f'stop {CHANNEL}', 'back': 'R000009'})}")).text
    assert "/runs/R000009" not in text
    _, form = await asked(otto, f"stop {CHANNEL}", "acknowledge")
    reply = await otto.post("/act/rack", content=urlencode(form | {"back": "R000001"}), headers=FORM)
    assert reply.headers["location"].startswith("/runs/R000001?told=")
    outside = await otto.post("/act/rack", content=urlencode(form | {"back": "//example.org/x"}), headers=FORM)
    assert outside.headers["location"].startswith("/runs/%2F%2Fexample.org%2Fx?")
