"""The pages of runs: what stands first, what they are asked, and that nothing of another run is on them."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from orchestrator.dashboard.sentences import Speaker
from orchestrator.events import EventKind
from orchestrator.states import RunState
from orchestrator.store import Notes, open_store
from tests.package_rig import sealed
from tests.web_rig import WebRig, open_web_rig

HOSTILE = "<script>alert(1)</script>\"'\u202e" + "x" * 30
TABS = ("", "?tab=events", "?tab=notes", "?tab=cell", "?tab=files", "?x=time", "?x=clock", "?x=capacity", "?x=nothing")


def filled(path: Path) -> None:
    """Put two runs into a store, one with a note, whose texts a browser must not take for its own."""
    with open_store(path) as store:
        for number in range(2):
            run_id = sealed(store)
            store.add_event(run_id, EventKind.STATE, f"{HOSTILE} in run {number + 1}", 1.8e9)
            Notes(store).add(run_id, f"{HOSTILE} note {number + 1}", "ada <b>", 1.8e9)


async def page(rig: WebRig, path: str, status: int = 200) -> str:
    """Give the text of a page."""
    answer = await rig.web.get(path, headers={"accept-language": "en"})
    assert answer.status_code == status, answer.text
    return answer.text


async def test_page_says_first_why_a_run_is_as_it_is(tmp_path: Path) -> None:
    """State, reason, how far it came; then the tabs as addresses; all of it without a script."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        text = (await page(rig, "/runs/R000001")).partition("<main")[2]
        places = [
            text.index(words) for words in ("R000001", "completed", "all steps done", "h of test time", "?x=time")
        ]
        assert places == sorted(places)
        assert "as=svg" in text.partition("<noscript>")[2].partition("</noscript>")[0]
        for tab in TABS:
            await page(rig, f"/runs/R000001{tab}")
        assert "there is no run" in html.unescape(await page(rig, "/runs/R000009", 404))
        chinese = await rig.web.get("/runs/R000001", headers={"accept-language": "zh"})
        assert "完成" in chinese.text


def test_changes_of_state_are_told_in_the_words_of_the_rack() -> None:
    """A state has its word and a reason its sentence, in both languages; what has no code stands as it was stored."""
    tripped = "tripped: absolute limit exceeded: 5.1 V, 0 mA at 4.95 h; the cell's absolute limits are -1 to 1 V"
    english, chinese = (Speaker(lang, "UTC", 2e9) for lang in ("en", "zh"))
    assert [english.event("state", word) for word in ("preflight", "armed")] == ["checking", "starting"]
    assert english.event("state", tripped).startswith("Stopped for safety: 5.1\u00a0V at 4.95\u00a0h")
    assert english.event("state", "stopped: a reason of no code") == "stopped: a reason of no code"
    assert chinese.event("state", "armed") == "启动中"
    assert english.event("note", tripped) == tripped


async def test_end_is_told_once_and_as_it_was_recorded_on_demand(tmp_path: Path) -> None:
    """The sentence stands first with its record to open; an end that its change of state repeats is no second event."""
    path = tmp_path / "web.db"
    short = "cell shorted: shorted since 7.97 h (cycle 4, 0.4 mA/cm2): resistance from 312 to 4.98 ohm"
    with open_store(path) as store:
        run_id = sealed(store)
        store.add_event(run_id, EventKind.ENDED, short, 1.8e9)
        store.set_run_state(run_id, RunState.COMPLETED, short, 1.8e9)
        store.add_event(run_id, EventKind.STATE, f"completed: {short}", 1.8e9)
    async with open_web_rig(path) as rig:
        text = html.unescape(await page(rig, f"/runs/{run_id}?tab=events"))
    assert text.count(short) == 1
    assert short in text.partition("<details")[2].partition("</details>")[0]
    assert text.count("Completed: the cell shorted at 7.97\u00a0h (cycle 4).") == 2


async def test_nothing_of_another_run_is_on_a_page(tmp_path: Path) -> None:
    """Events, notes and pictures are those of the run in the address."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        for mine, other in (("1", "2"), ("2", "1")):
            for tab in TABS:
                text = html.unescape(await page(rig, f"/runs/R00000{mine}{tab}"))
                assert f"in run {other}" not in text
                assert f"note {other}" not in text
                assert f"R00000{other}" not in text
            for x in ("time", "clock"):
                told = await rig.get(f"/picture?runs=R00000{mine}&x={x}")
                runs = {line["run"] for panel in told["panels"] for line in panel["lines"]}
                assert runs == {f"R00000{mine}"} == {one["run"] for one in told["runs"]}
                assert not any(f"in run {other}" in mark["words"] for mark in told["marks"])


async def test_texts_of_people_are_text_on_every_page(tmp_path: Path) -> None:
    """Markup in events, notes, filters and addresses is shown, never carried out."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        asked = [f"/runs/R000001{tab}" for tab in TABS]
        asked += [
            f"/runs?q={HOSTILE}&cell={HOSTILE}",
            f"/compare?runs={HOSTILE}",
            f"/runs/R000001?x=capacity&cycles={HOSTILE}",
        ]
        for address in asked:
            assert "<script>alert" not in await page(rig, address)
        assert "&lt;script&gt;alert" in await page(rig, "/runs/R000001?tab=notes")


async def test_list_of_runs_is_searched_and_filtered_by_its_address(tmp_path: Path) -> None:
    """Words of any name, state, recipe and cell; what means nothing is said and left out."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        for query, runs in (
            ("", 2), ("?q=R000002", 1), ("?q=made completed", 0), ("?q=steps done", 2), ("?state=ended", 2),
            ("?state=open", 0), ("?recipe=made", 2), ("?recipe=other", 0), ("?cell=made", 2),
            ("?since=1", 0), ("?q=%25", 0),
        ):  # fmt: skip
            text = await page(rig, f"/runs{query}")
            assert text.count('name="runs"') == runs, query
        assert "means nothing" in await page(rig, "/runs?state=flying")


async def test_compared_runs_stand_in_one_picture_whose_address_is_the_page(tmp_path: Path) -> None:
    """Chips, table and the query of the picture name the same runs; one that is not there is told."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        text = html.unescape(await page(rig, "/compare?runs=R000001,R000002&runs=R000007&x=time"))
        assert 'data-query="runs=R000001&runs=R000002&x=time"' in text
        assert "Not in this store: R000007" in text
        assert text.count("chip-out") == 2
        told = await rig.get("/picture?runs=R000001&runs=R000002&x=time")
        assert [one["run"] for one in told["runs"]] == ["R000001", "R000002"]
        many = "&".join(f"runs=R{n:06}" for n in range(1, 15))
        assert "At most 12" in await page(rig, f"/compare?{many}")
        await rig.get(f"/picture?{many}", 422)
        await rig.get("/picture?runs=R000001&runs=R000001", 422)
        await rig.get("/picture?runs=R000009", 404)
        assert "No run is chosen" in await page(rig, "/compare")


@pytest.mark.real_time
async def test_series_that_is_known_is_not_sent_again(tmp_path: Path) -> None:
    """The tag of the newest record answers If-None-Match, from what is kept and from what is made anew."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        address = "/api/v1/runs/R000001/series?x=time"
        first = await rig.web.get(address)
        tag = first.headers["etag"]
        for asked in (address, f"{address}&points=50"):
            again = await rig.web.get(asked, headers={"if-none-match": tag})
            assert (again.status_code, again.content) == (304, b"")
        assert (await rig.web.get(address)).content == first.content


@pytest.mark.real_time
async def test_file_of_one_cycle_comes_under_its_name(tmp_path: Path) -> None:
    """Web has it made by a child, sends it, and keeps nothing of it; a CSV of a picture has its unit row."""
    path = tmp_path / "web.db"
    filled(path)
    async with open_web_rig(path) as rig:
        file = await rig.web.get("/api/v1/runs/R000001/file?as=csv&cycles=2")
        assert file.status_code == 200, file.text
        assert 'filename="R000001-cycle-2.csv"' in file.headers["content-disposition"]
        cycles = {line.split(",")[5] for line in file.text.splitlines()[1:]}
        assert cycles == {"2"}
        table = await rig.web.get("/api/v1/picture?runs=R000001&as=csv")
        assert table.text.splitlines()[:2] == ["run,curve,time,voltage,current", ",,h,V,mA"]
        refused = await rig.web.get("/api/v1/runs/R000001/file?as=csv&cycles=99")
        assert (refused.status_code, "it has" in refused.text) == (422, True)
        assert await rig.get("/runs/R000001/file/progress?as=csv") == {"done": 0, "of": 0}
