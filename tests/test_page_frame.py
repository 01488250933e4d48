"""The frame of the pages: headers, static files, language, and pages that a browser may reach."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import pytest

from orchestrator.dashboard.app import new_pages
from orchestrator.dashboard.assets import FOLDER, UPLOT, Assets, WrongAsset, uplot_file
from orchestrator.dashboard.pages import NAVIGATION, TEMPLATES, accepted_language
from tests.api_client import TOKEN
from tests.web_rig import open_web_rig

SCRIPT_BYTES = 60_000
LONGEST_MODULE = 250
_SCRIPT = r"static\(['\"](\w+\.js)['\"]\)"
AS_A_PERSON = {"authorization": "Basic " + b64encode(f"ada:{TOKEN}".encode()).decode()}


async def test_every_answer_has_the_headers_that_keep_a_browser_from_harm(tmp_path: Path) -> None:
    """Pages, files, JSON and errors say what a browser may load: nothing from elsewhere, no inline script."""
    asset = Assets.load().address("base.css")
    async with open_web_rig(tmp_path / "web.db") as rig:
        for path, status in ((asset, 200), ("/", 307), ("/nothing", 404), ("/api/v1/runs", 200), ("/health", 200)):
            answer = await rig.web.get(path)
            assert answer.status_code == status, path
            assert answer.headers["content-security-policy"].startswith("default-src 'self';")
            assert answer.headers["x-content-type-options"] == "nosniff"
        refused = await rig.web.get("/rack", headers={"authorization": "Bearer no"})
        assert refused.status_code == 401
        assert refused.headers["content-security-policy"].startswith("default-src 'self';")
        api = await rig.web.get("/docs")
        assert api.headers["content-security-policy"].startswith("default-src 'none'")


async def test_browser_reaches_pages_with_the_token_as_its_password(tmp_path: Path) -> None:
    """It is asked for it at a page and gets it with it; what is measured and ordered it does not get that way."""
    async with open_web_rig(tmp_path / "web.db") as rig:
        del rig.web.headers["authorization"]
        asked = await rig.web.get("/nothing")
        assert (asked.status_code, asked.headers["www-authenticate"].partition(" ")[0]) == (401, "Basic")
        assert (await rig.web.get("/nothing", headers=AS_A_PERSON)).status_code == 404
        assert (await rig.web.get("/api/v1/runs", headers=AS_A_PERSON)).status_code == 401


async def test_file_of_this_version_is_kept_and_asked_again_by_its_tag(tmp_path: Path) -> None:
    """A browser may keep a file under its version; one of another version is asked for again, and is not sent twice."""
    async with open_web_rig(tmp_path / "web.db") as rig:
        mine = await rig.web.get(Assets.load().address("live.js"))
        assert mine.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert mine.headers["content-type"].startswith("text/javascript")
        other = await rig.web.get("/static/0/live.js", headers={"if-none-match": mine.headers["etag"]})
        assert (other.status_code, other.headers["cache-control"], other.content) == (304, "no-cache", b"")
        assert (await rig.web.get("/static/0/..%2Fpages.py")).status_code == 404


async def test_page_is_in_the_language_that_was_chosen(tmp_path: Path) -> None:
    """The address wins over the cookie, and that over the browser; the answer keeps what the address chose."""
    async with open_web_rig(tmp_path / "web.db") as rig:
        ask = rig.web.get
        assert '<html lang="en"' in (await ask("/nothing")).text
        chinese = await ask("/nothing", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})
        assert '<html lang="zh"' in chinese.text
        assert "此地址没有页面。" in chinese.text
        chosen = await ask("/nothing?lang=zh&theme=dark")
        assert 'lang="zh" data-theme="dark"' in chosen.text
        assert "cellrig_lang=zh" in "".join(chosen.headers.get_list("set-cookie"))
        rig.web.cookies.set("cellrig_lang", "zh")
        assert '<html lang="zh"' in (await ask("/nothing")).text
        assert '<html lang="en"' in (await ask("/nothing?lang=en")).text


@pytest.mark.parametrize(
    ("header", "lang"),
    [("", "en"), ("de", "en"), ("zh", "zh"), ("en;q=0.5, zh-TW", "zh"), ("zh;q=0, de", "en"), ("zh;q=x,en", "en")],
)
def test_language_of_a_browser(header: str, lang: str) -> None:
    """The one that it prefers of ours, English if it knows neither."""
    assert accepted_language(header) == lang


def test_pages_have_no_inline_script_or_style() -> None:
    """Templates load scripts and styles by address only: the policy lets nothing else run."""
    for file in TEMPLATES.glob("*.html"):
        text = file.read_text("utf-8")
        assert re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text) is None, file.name
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), file.name


def test_own_scripts_are_small() -> None:
    """Each module has at most 250 lines, those of one page together at most 60 kB; none names another host."""
    scripts = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.js")}
    assert [name for name, text in scripts.items() if text.count("\n") > LONGEST_MODULE] == []
    assert [name for name, text in scripts.items() if re.search(r"https?://(?!www\.w3\.org)", text)] == []
    frame = set(re.findall(_SCRIPT, (TEMPLATES / "base.html").read_text("utf-8")))
    for template in TEMPLATES.glob("*.html"):
        wanted, loaded = frame | set(re.findall(_SCRIPT, template.read_text("utf-8"))), set[str]()
        while wanted:
            loaded.add(name := wanted.pop())
            wanted |= set(re.findall(r"[\"']\./(\w+\.js)[\"']", scripts.get(name, ""))) - loaded
        assert sum(len(scripts[name].encode()) for name in loaded & set(scripts)) <= SCRIPT_BYTES, template.name


def test_uplot_is_served_as_it_was_released(tmp_path: Path) -> None:
    """What the installed package carries is uPlot 1.6.31; a file with a letter more is refused, and a missing one."""
    assert set(UPLOT) <= set(Assets.load().files)
    source, sha256 = UPLOT["uplot.js"]
    with pytest.raises(WrongAsset, match="cannot be read"):
        uplot_file(source, sha256, tmp_path)
    (tmp_path / source).write_bytes(uplot_file(source, sha256) + b" ")
    with pytest.raises(WrongAsset, match="is not uPlot as it was released"):
        uplot_file(source, sha256, tmp_path)


def test_navigation_shows_only_pages_that_are_there() -> None:
    """Each page that is built has its entry in the header, and no entry leads nowhere."""
    there = new_pages().state.paths
    assert "/rack" in there
    assert {path for path in there if path.count("/") == 1 and not path.startswith("/act")} >= _in_navigation()


async def test_header_leads_to_the_pages(tmp_path: Path) -> None:
    """What the header of a page links to is answered."""
    async with open_web_rig(tmp_path / "web.db") as rig:
        rack = await rig.web.get("/rack")
        nav = rack.text[rack.text.index("<nav") : rack.text.index("</nav>")]
        linked = re.findall(r'href="([^"]+)"', nav)
        assert set(linked) == _in_navigation()
        assert [path for path in linked if (await rig.web.get(path)).status_code == 404] == []


def _in_navigation() -> set[str]:
    there = new_pages().state.paths
    return {entry.path for entry in NAVIGATION if entry.path in there and entry.least_role == "viewer"}
