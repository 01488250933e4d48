"""People sign in, and what they order has their name: sessions, cookies, tokens, and the log of it."""

from pathlib import Path

from orchestrator.people.person import Role
from tests.people_rig import open_people_rig, said
from tests.rig import CHANNEL


async def test_person_signs_in_orders_and_signs_out(tmp_path: Path) -> None:
    """A browser has a cookie that no script reads; orders carry the person's name; after signing out nothing is left."""
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
