"""The pages of recipes and cells without scripts: read, copied, checked, saved; hostile text stays text."""

from __future__ import annotations

import html

import pytest

from orchestrator.dashboard.cell_form import CellForm
from orchestrator.dashboard.words import LANGUAGES
from protocols.cell_quantities import quantities
from protocols.loading import cell_text, load_cell, parse_cell, recipe_text, shipped_cells
from tests.api_client import Client
from tests.launch_rig import hidden, pages_of
from tests.written_texts import CELL, FIRST, HOSTILE, saving

LFP = {
    "name": "my-lfp", "kind": "lfp", "diameter": "10", "loading": "1.4", "capacity": "0.187", "capacity_unit": "mAh",
    "working": "LiFePO4", "counter": "Li", "electrolyte": "PEO", "more": "case: CR2032",
}  # fmt: skip


async def test_shipped_recipe_is_copied_mended_and_saved_without_scripts(client: Client) -> None:
    """A copy has a name of its own; a faulty one stands in the editor again with its line; the store has the sound."""
    async with pages_of(client) as pages:
        assert "li-li-0.2" in await pages.get("/recipes?q=0.2")
        shown = await pages.get("/recipes/li-li-0.2")
        assert "Shipped with cellrig" in shown
        assert "/recipes/li-li-0.2/edit" not in shown
        page = await pages.get("/recipes/new?copy=li-li-0.2")
        text = recipe_text("li-li-0.2").replace("name: li-li-0.2", "name: li-li-0.2-copy")
        assert html.escape(text, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
        form = {"text": text.replace("times: 300", "times: many").replace("\n", "\r\n"), "of": "", "base": "0"}
        page = await pages.post("/act/recipes", {**form, "act": "save", "key": hidden(page, "key")}, 409)
        line = text.split("\n").index("    times: 300") + 1
        assert f'data-line="{line}"' in page
        assert "times: many" in page
        fine = {**form, "text": text.replace("\n", "\r\n"), "act": "save", "key": hidden(page, "key")}
        assert await pages.post("/act/recipes", fine) == "/recipes/li-li-0.2-copy?done=saved"
        told = await client.get("/recipes/li-li-0.2-copy")
        assert (told["text"], told["version"]["by"]) == (text, "operator")
        page = await pages.get("/recipes/li-li-0.2-copy?done=saved&cell=coated-li-li")
        assert "saved as version 1" in page
        assert "/launch?recipe=li-li-0.2-copy&amp;cell=coated-li-li" in page
        assert "<svg viewBox" in page


async def test_two_save_at_once_on_the_page_and_the_second_sees_the_first(client: Client) -> None:
    """His text stays in the editor, with a link to what differs; he saves it on top of what he has seen."""
    await client.post("/recipes/mine", saving(FIRST), 201)
    async with pages_of(client) as pages:
        page = await pages.get("/recipes/mine/edit")
        assert (hidden(page, "base"), hidden(page, "newest")) == ("1", "1")
        await client.post("/recipes/mine", saving(f"{FIRST}# ada\n", 1), 201)
        form = {"text": f"{FIRST}# mine\n", "of": "mine", "base": "1", "newest": "1", "act": "save", "key": "k1"}
        page = await pages.post("/act/recipes", form, 409)
        assert "ada has saved version 2 of mine meanwhile" in page
        assert "before=1&amp;after=2" in page
        assert "# mine" in page
        form |= {"newest": hidden(page, "newest"), "act": "over"}
        await pages.post("/act/recipes", form)
        page = await pages.get("/recipes/mine?before=2&after=3")
        assert "# ada" in page
        assert "# mine" in page
    assert [one["version"] for one in (await client.get("/recipes/mine/versions"))["versions"]] == [3, 2, 1]


async def test_cell_is_filled_in_and_saved_and_its_loading_follows(client: Client) -> None:
    """A diameter and a loading give area and mass; two sizes that differ are told and not saved."""
    async with pages_of(client) as pages:
        page = await pages.post("/act/cells", {**LFP, "act": "check"}, 200)
        assert "1.4 mg/cm²" in page
        assert "0.7854 cm²" in page
        differs = await pages.post("/act/cells", {**LFP, "area": "1.131", "act": "save"}, 200)
        assert "by the first it is 0.7854 cm²" in differs
        slip = await pages.post("/act/cells", {**LFP, "loading": "140", "act": "check"}, 200)
        assert 'class="doubt"' in slip
        assert await pages.post("/act/cells", {**LFP, "act": "save", "key": "k"}) == "/cells/my-lfp?done=saved"
        cell = parse_cell((await client.get("/cells/my-lfp"))["text"])
        assert cell.facts().active_mass_mg == pytest.approx(1.4 * 0.7854, rel=1e-3)
        assert dict(cell.metadata) == {"case": "CR2032"}
        page = await pages.get("/cells/my-lfp/edit")
        assert hidden(page, "base") == "1"
        for lang in LANGUAGES:
            for path in ("/cells", "/cells/my-lfp", "/cells/new", "/recipes", "/recipes/new", "/cells/coated-lfp"):
                await pages.get(f"{path}?lang={lang}")


async def test_hostile_text_stays_text(client: Client) -> None:
    """Markup in titles, metadata, names of people and faulty texts is shown as it is written, on every page."""
    escaped = "&lt;script&gt;"
    quoted = HOSTILE.replace("\u202e", "").replace('"', "'").replace("{", "").replace("}", "")
    title = f'title: "{quoted}"'
    await client.post("/recipes/mine", saving(FIRST.replace("title: Two short cycles", title), by="<b>ada</b>"), 201)
    await client.post("/cells/my-disc", saving(CELL.replace("case: CR2032", f'case: "{quoted}"')), 201)
    async with pages_of(client) as pages:
        for path in ("/recipes", "/recipes/mine", "/recipes/mine/edit", "/cells/my-disc", "/cells/my-disc/edit"):
            page = await pages.get(path)
            assert escaped in page, path
            assert "<script>alert" not in page, path
            assert "<b>ada" not in page, path
        for form in ({"text": HOSTILE, "act": "save"}, {"text": HOSTILE, "of": HOSTILE, "copied": HOSTILE}):
            page = await pages.post("/act/recipes", form, 409 if "act" in form else 200)
            assert "<script>alert" not in page
        page = await pages.post("/act/cells", {"name": HOSTILE, "more": HOSTILE, "act": "check"}, 200)
        assert "<script>alert" not in page


@pytest.mark.parametrize("name", shipped_cells())
def test_form_of_a_shipped_cell_makes_a_file_with_its_facts(name: str) -> None:
    """Nothing that the file says is lost in the form but its comments."""
    form = CellForm.of_cell(load_cell(name), name)
    made = parse_cell(form.text)
    assert quantities(made.facts()) == quantities(load_cell(name).facts())
    assert made.metadata == parse_cell(cell_text(name)).metadata
    assert made == load_cell(name)
    assert list(form.contradictions()) == []
