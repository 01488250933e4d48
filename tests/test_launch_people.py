"""Who may start tests from the pages: an operator does, in his own name and written down; a viewer looks."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import httpx

from orchestrator.people.person import Role
from tests.launch_rig import FORM, hidden
from tests.people_rig import open_people_rig

CHOSEN = {"recipe": "li-li-0.2", "cell": "lot7-31", "facts": "coated-li-li", "channel": "21-1-3"}


async def filled(browser: httpx.AsyncClient) -> tuple[str, dict[str, str]]:
    """Give the page of a start, and its form."""
    html = (await browser.get(f"/launch?{urlencode(CHOSEN)}")).text
    form = {**CHOSEN, "act": "start"} | {name: hidden(html, name) for name in ("csrf", "key", "check_id")}
    return html, form


async def test_operator_starts_in_his_own_name_and_it_is_written_down(tmp_path: Path) -> None:
    """The form of his session starts the test; the store and the audit log have his name, each once."""
    async with open_people_rig(tmp_path) as rig:
        otto = await rig.signed_in(Role.OPERATOR)
        html, form = await filled(otto)
        assert 'id="start"' in html
        for _ in range(2):
            reply = await otto.post("/act/launch", content=urlencode(form), headers=FORM)
            assert (reply.status_code, reply.headers["location"]) == (303, "/launch?started=R000001")
        assert [run.request.label for run in rig.web.service.runs] == ["lot7-31"]
        assert ("otto", "start", 201) in rig.log()
        lines = {"csrf": form["csrf"], "lines": "li-li-0.2\tlot7-41\t21-1-5", "facts": "coated-li-li"}
        listed = (await otto.post("/act/launch/list", content=urlencode(lines), headers=FORM)).text
        start = (
            lines
            | {"act": "start"}
            | {name: hidden(listed, name) for name in ("digest", "key", "chosen", "fresh", "checked")}
        )
        done = await otto.post("/act/launch/list", content=urlencode(start), headers=FORM)
        assert "started as R000002" in done.text
        assert ("otto", "start_several", 200) in rig.log()


async def test_viewer_sees_what_would_follow_and_starts_nothing(tmp_path: Path) -> None:
    """No button on his page, and a form that he sends all the same is refused; so is one without its token."""
    async with open_people_rig(tmp_path) as rig:
        vera, otto = await rig.signed_in(Role.VIEWER), await rig.signed_in(Role.OPERATOR)
        html, form = await filled(vera)
        assert "25 d 0 h" in html
        assert 'id="start"' not in html
        assert (await vera.post("/act/launch", content=urlencode(form), headers=FORM)).status_code == 403
        _, own = await filled(otto)
        for csrf in ("", form["csrf"]):
            body = urlencode({**own, "csrf": csrf})
            assert (await otto.post("/act/launch", content=body, headers=FORM)).status_code == 403
        assert rig.web.service.runs == []
