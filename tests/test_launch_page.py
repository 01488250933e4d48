"""The pages of a start without scripts: form, check, start, repeat, and several tests from a list."""

from __future__ import annotations

import asyncio
import html as html_text
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.dashboard.order_form import LaunchForm
from orchestrator.dashboard.pasted_orders import LINES_MAX, pasted
from orchestrator.dashboard.words import Words
from protocols.loading import parse_cell
from protocols.program import ConstantCurrent
from tests.api_client import Client
from tests.launch_rig import Pages, hidden, pages_of

CHOSEN = {"recipe": "li-li-0.2", "cell": "lot7-31", "facts": "coated-li-li", "channel": "21-1-3"}
CURRENT = "set:recipe.steps[2].steps[1].current|recipe.steps[2].steps[2].current"
USED = {"recipe": "li-li-0.2", "cell": "coated-li-li", "channel": "21-1-5", "label": "lot7-12", "by": "bob"}


@pytest.fixture
async def pages(client: Client) -> AsyncIterator[Pages]:
    """Give the pages over a service."""
    async with pages_of(client) as found:
        yield found


async def filled(pages: Pages, **change: str) -> dict[str, str]:
    """Give a form as the page that was checked has it, with its key and its check."""
    form = {**CHOSEN, **change}
    html = await pages.get(f"/launch?{urlencode(form)}")
    return {**form, "act": "start", "key": hidden(html, "key"), "check_id": hidden(html, "check_id")}


async def test_form_is_checked_and_started_and_says_what_came_of_it(pages: Pages) -> None:
    """Values, limits, times and the course stand on the page before; behind the start the run and its cell."""
    html = await pages.get(f"/launch?{urlencode(CHOSEN)}")
    for told in (
        "0.157\xa0mA = 0.2\xa0mA/cm²",
        "25 d 0 h",
        "\N{MINUS SIGN}0.55\xa0V to +0.55\xa0V",
        "<svg",
        "Start on 21-1-3",
    ):
        assert told in html
    where = await pages.post("/act/launch", await filled(pages))
    assert where == "/launch?started=R000001"
    assert "R000001 is started: li-li-0.2 for lot7-31 on 21-1-3." in await pages.get(where)
    (run,) = pages.client.service.runs
    assert (run.request.channel, run.request.label, run.request.program.cell.name) == (
        "21-1-3",
        "lot7-31",
        "coated-li-li",
    )


async def test_double_click_and_reload_start_once(pages: Pages) -> None:
    """The same form sent twice at once, and again minutes later, is one run and leads to the same place."""
    form = await filled(pages)
    both = await asyncio.gather(pages.post("/act/launch", form), pages.post("/act/launch", form))
    await asyncio.sleep(300)
    assert {*both, await pages.post("/act/launch", form)} == {"/launch?started=R000001"}
    assert len(pages.client.service.runs) == 1


async def test_channel_taken_meanwhile_is_told_on_the_page_and_nothing_waits(pages: Pages) -> None:
    """Between check and start another person starts there: 409, a sentence that stays, and no run in a queue."""
    form = await filled(pages)
    await pages.client.post("/runs", {**USED, "channel": "21-1-3"}, 201)
    html = html_text.unescape(await pages.post("/act/launch", form, 409))
    assert "21-1-3 is busy with R000001 (lot7-12)" in html
    assert "nothing was ordered" in html
    assert 'name="act" value="start"' not in html
    chinese = html_text.unescape(await pages.post("/act/launch?lang=zh", form, 409))
    assert "未启动" in chinese
    assert "21-1-3 正在测试 lot7-12" in chinese
    assert len(pages.client.service.runs) == 1


async def test_form_that_was_changed_behind_its_check_is_not_started(pages: Pages) -> None:
    """Another current than was checked is refused with a sentence; without a check the form is checked first."""
    form = await filled(pages)
    html = html_text.unescape(await pages.post("/act/launch", form | {CURRENT: "0.1 mA/cm2"}, 409))
    assert "this is not what was checked" in html
    where = await pages.post("/act/launch", {**form, "check_id": ""})
    assert "key" not in parse_qs(urlsplit(where).query)
    assert where.startswith("/launch?recipe=li-li-0.2")
    assert pages.client.service.runs == []


async def test_doubtful_value_is_confirmed_only_by_naming_it(pages: Pages) -> None:
    """20 mA/cm2 needs its value typed: without it and with another one nothing starts; then the person confirms it."""
    form = await filled(pages, **{CURRENT: "20 mA/cm2"})
    for typed in ("", "2 mA/cm2", "yes"):
        html = await pages.post("/act/launch", form | {"confirm:0": typed}, 409)
        assert "Not started: type the value below" in html
    assert pages.client.service.runs == []
    await pages.post("/act/launch", form | {"confirm:0": "20 mA/cm²"})
    assert pages.client.service.runs[0].request.confirmed_by == "operator"


async def test_reasons_stand_in_place_of_the_button_in_both_languages(pages: Pages) -> None:
    """A wrong kind and a busy channel: told by code and values in English and Chinese, and no button."""
    run = await pages.client.post("/runs", USED, 201)
    wrong = urlencode({**CHOSEN, "recipe": "lfp-200mA-g", "channel": "21-1-5"})
    english, chinese = [html_text.unescape(await pages.get(f"/launch?{wrong}&lang={lang}")) for lang in ("en", "zh")]
    assert "lfp-200mA-g is for lfp cells, coated-li-li is li-li." in english
    assert f"21-1-5 runs lot7-12 ({run['run_id']}) until about" in english
    assert "lfp-200mA-g 用于 lfp 电池" in chinese
    assert "21-1-5 正在测试 lot7-12" in chinese
    assert 'id="start"' not in english + chinese


async def test_used_cell_needs_a_word_and_then_starts(pages: Pages) -> None:
    """A channel with the cell of an ended run asks which cell is there; with the word the test starts at once."""
    await pages.client.post("/runs", USED, 201)
    await asyncio.sleep(120)
    await pages.client.stopped("/runs/R000001/stop")
    html = html_text.unescape(await pages.get(f"/launch?{urlencode({**CHOSEN, 'channel': '21-1-5'})}"))
    assert "lot7-12 (R000001) is still on 21-1-5. Say which cell is there now." in html
    assert 'name="word" value="mounted"' in html
    form = await filled(pages, channel="21-1-5", word="mounted")
    assert await pages.post("/act/launch", form) == "/launch?started=R000002"
    assert pages.client.service.runs[-1].request.label == "lot7-31"


async def test_repeat_with_half_the_current_is_one_field_and_a_cell(pages: Pages) -> None:
    """The recipe of the run is filled in with its values; one changed field halves the current of both half-cycles."""
    first = await pages.client.post("/runs", USED | {"channel": "21-1-1"}, 201)
    html = await pages.get(f"/launch?like={first['run_id']}&channel=21-1-3")
    assert f"Repeat {first['run_id']} with" in html
    assert 'value="0.2 mA/cm2"' in html
    assert hidden(html, "like_recipe") == "li-li-0.2"
    assert "0.157\xa0mA" in html
    assert hidden(html, "check_id") == "", "no cell is named yet"
    like = {"like": first["run_id"], "like_recipe": "li-li-0.2", "facts": "like", CURRENT: "0.1 mA/cm2"}
    form = await filled(pages, **like)
    await pages.post("/act/launch", form)
    run = pages.client.service.runs[-1]
    steps = run.request.program.cycling[0].steps
    currents_a = [step.current_a for step in steps if isinstance(step, ConstantCurrent) and step.until.time_s == 3600]
    assert currents_a == [pytest.approx(sign * 0.1e-3 * 0.7854, rel=1e-3) for sign in (1, -1)]
    assert run.request.label == "lot7-31"


async def test_new_name_has_the_sizes_used_last_unless_cells_are_weighed(pages: Pages) -> None:
    """Of foils the sizes of the last cell are filled in; of weighed electrodes a person says them."""
    await pages.client.post("/runs", USED, 201)
    foil = await pages.get(f"/launch?{urlencode({**CHOSEN, 'facts': ''})}")
    assert '<option value="lot7-12" selected>' in foil
    assert hidden(foil, "check_id")
    await pages.client.post(
        "/runs", {**USED, "recipe": "lfp-200mA-g", "cell": "coated-lfp", "channel": "21-1-6", "label": "F1"}, 201
    )
    weighed = html_text.unescape(
        await pages.get(f"/launch?{urlencode({**CHOSEN, 'recipe': 'lfp-200mA-g', 'facts': ''})}")
    )
    assert "No cell lot7-31 is known. Say its sizes first." in weighed
    assert not hidden(weighed, "check_id")


async def test_new_cell_is_made_of_its_fields(pages: Pages) -> None:
    """Kind, disc and mass in the form are a cell file that is kept with the run; the name is known from then on."""
    fields = {"new_kind": "li-li", "new_diameter": "10", "new_working": "Li: foil #1", "facts": "new"}
    form = await filled(pages, **fields)
    await pages.post("/act/launch", form)
    (run,) = pages.client.service.runs
    assert run.request.program.cell.area_cm2 == pytest.approx(0.7854)
    assert run.request.files is not None
    assert parse_cell(run.request.files.cell.text).working_electrode == "Li: foil #1"
    assert "lot7-31" in [item["name"] for item in await pages.client.get("/cells?used=true")]


async def test_hostile_text_stays_text(pages: Pages) -> None:
    """Markup in every field is shown as it is typed, and does not leave its place."""
    evil = '"><script>alert(1)</script>'
    names = ("recipe", "cell", "label", "channel", "facts", "like", "new_working", CURRENT)
    html = await pages.get(f"/launch?{urlencode(dict.fromkeys(names, evil))}")
    assert "<script>alert" not in html
    listed = await pages.post("/act/launch/list", {"lines": f"{evil}\t{evil}\t{evil}", "facts": evil}, 200)
    assert "<script>alert" not in listed


async def test_list_starts_those_that_can_run_and_tells_the_others_first(pages: Pages) -> None:
    """Of four pasted lines two start; an unknown recipe and a busy channel stand first, with their reasons."""
    await pages.client.post("/runs", USED, 201)
    text = "cell;recipe;channel\nlot7-41;li-li-0.2;21-1-3\nlot7-42;li-li-0.9;21-1-4\nlot7-43;li-li-0.2;21-1-5\n"
    form = {"lines": f"{text}lot7-44;li-li-0.2;21-1-6", "facts": "coated-li-li"}
    html = await pages.post("/act/launch/list", form, 200)
    assert "Start the 2 that can run" in html
    assert html.index("There is no recipe li-li-0.9") < html.index("lot7-41</td>")
    # A browser sends a form with other ends of lines than a script.
    start = form | {"lines": form["lines"].replace("\n", "\r\n"), "act": "start"}
    start |= {name: hidden(html, name) for name in ("digest", "key", "chosen", "fresh", "checked")}
    done, again = [await pages.post("/act/launch/list", start, 200) for _ in range(2)]
    assert "2 started, 2 not." in done
    assert "2 started, 2 not." in again
    started = [(run.request.channel, run.request.label) for run in pages.client.service.runs]
    assert started == [("21-1-5", "lot7-12"), ("21-1-3", "lot7-41"), ("21-1-6", "lot7-44")]


async def test_list_that_was_changed_behind_its_check_is_shown_again(pages: Pages) -> None:
    """Another line than was looked at is not started, and the page says so."""
    form = {"lines": "li-li-0.2\tlot7-41\t21-1-3", "facts": "coated-li-li"}
    html = await pages.post("/act/launch/list", form, 200)
    start = {name: hidden(html, name) for name in ("digest", "key", "chosen", "fresh", "checked")} | {"act": "start"}
    changed = {**form, **start, "lines": "li-li-0.2\tlot7-41\t21-1-4"}
    assert "another one than was checked" in await pages.post("/act/launch/list", changed, 409)
    assert pages.client.service.runs == []


async def test_recipe_that_got_a_new_version_behind_the_check_of_a_list_is_not_started(pages: Pages) -> None:
    """What a line says in mA and hours is what is started, or nothing: the page says that it is another one now."""
    charge = "{step: constant_current, direction: charge, current: 0.2 mA/cm2, until: {time: 1 h, voltage: 0.5 V}}"
    text = f"name: mine\ntitle: Mine\nfor: [li-li]\nrecord: {{every: 30 s}}\nsteps:\n  - {charge}\n"
    await pages.client.post("/recipes/mine", {"text": text, "base_version": 0, "by": "ada"}, 201)
    form = {"lines": "mine\tlot7-41\t21-1-3\nli-li-0.2\tlot7-42\t21-1-4", "facts": "coated-li-li"}
    html = await pages.post("/act/launch/list", form, 200)
    names = ("digest", "key", "chosen", "fresh", "checked")
    start = form | {name: hidden(html, name) for name in names} | {"act": "start"}
    longer = {"text": text.replace("0.2 mA", "0.4 mA"), "base_version": 1, "by": "bob"}
    await pages.client.post("/recipes/mine", longer, 201)
    done = await pages.post("/act/launch/list", start, 200)
    assert "this is not what was checked" in done
    assert [run.request.label for run in pages.client.service.runs] == ["lot7-42"]


_CELLS = st.text("aZ0-_. '=()\u4e2d\u00b2", max_size=12)


@given(
    st.lists(st.tuples(_CELLS, _CELLS, _CELLS, _CELLS), max_size=12), st.sampled_from(["\t", ";", ","]), st.booleans()
)
def test_pasted_table_gives_back_its_values(rows: list[tuple[str, ...]], separator: str, has_head: bool) -> None:
    """Whatever separates the columns, with a first line of names or without: each filled line has its values."""
    names = ("recipe", "cell", "channel", "label")
    text = "\n".join(separator.join(row) for row in ([names, *rows] if has_head else rows))
    assume(has_head or not rows or tuple(it.strip().casefold() for it in rows[0]) != names)
    wanted = [tuple(it.strip() for it in row) for row in rows if any(it.strip() for it in row)]
    read = pasted(text)
    assert [tuple(line.values.get(name, "") for name in names) for line in read.lines] == wanted[:LINES_MAX]
    for line, row in zip(read.lines, wanted, strict=True):
        assert bool(line.problem) == (not all(row[:3]))


@given(st.text(max_size=400))
def test_any_pasted_text_is_read(text: str) -> None:
    """Nothing that is pasted raises anything; lines are told by their number in the text."""
    numbers = [line.number for line in pasted(text).lines]
    assert numbers == sorted(set(numbers))


def test_columns_come_in_any_order_and_too_many_are_told() -> None:
    """A first line in Chinese names the columns; a line with one more column is wrong, and so is one without a cell."""
    read = pasted("通道,电池,工步方案\n21-1-3,lot7-1,li-li-0.2\n21-1-4,lot7-2,li-li-0.2,x\n21-1-5,,li-li-0.2")
    assert read.lines[0].values == {"channel": "21-1-3", "cell": "lot7-1", "recipe": "li-li-0.2"}
    assert [line.problem for line in read.lines] == ["", "list.too_many", "list.no_cell"]
    assert pasted("\n".join(["a\tb\tc"] * 65)).is_too_long


def test_values_of_another_recipe_are_not_set() -> None:
    """The fields of a recipe that was chosen before are no values of the one that is chosen now."""
    told = {"recipe": "li-li-0.4", "fields_of": "li-li-0.2", CURRENT: "0.1 mA/cm2"}
    assert LaunchForm.of(told).sets == {}
    assert LaunchForm.of(told | {"fields_of": "li-li-0.4"}).sets == {CURRENT.removeprefix("set:"): "0.1 mA/cm2"}


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=12))
def test_any_form_is_an_order_or_none(given_form: dict[str, str]) -> None:
    """Whatever is sent: the order has only keys that orders have, and values that are not empty."""
    order = LaunchForm.of(given_form).order({"coated-li-li"})
    known = {"recipe", "like", "channel", "cell", "label", "cell_yaml", "cell_file", "set", "mounted", "same_cell"}
    assert set(order) <= known
    assert all(order.values())


def test_every_reason_that_has_words_has_them_in_both_languages() -> None:
    """The codes of channels and of what is missing are in the table."""
    words = Words.load()
    for code in ("busy", "busy_until", "claimed", "used_cell", "silent", "tripped", "undecided", "unknown", "missing"):
        assert words.has(f"channel.{code}")
