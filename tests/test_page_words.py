"""The words of the pages: one table, each code in both languages with the same values."""

from __future__ import annotations

import re
from contextlib import aclosing
from html import unescape
from pathlib import Path

import pytest

from orchestrator.dashboard.assets import FOLDER
from orchestrator.dashboard.pages import NAVIGATION, TEMPLATES
from orchestrator.dashboard.states import STATES
from orchestrator.dashboard.words import LANGUAGES, Words, WordsError, placeholders
from orchestrator.events.told_codes import values_of_codes
from orchestrator.people.person import Role
from orchestrator.states import RunState
from tests.people_rig import NAMES, open_people_rig

WORDS = Words.load()
# Words that are ours, and no technician's; English only.
FORBIDDEN = re.compile(r"\b(armed|preflight|envelope|finding|latched|adopt\w*|undecided|intent\w*)\b", re.IGNORECASE)
# The name of the product, and units.
_NO_WORDS = {"cellrig", "cm²", "mA", "mAh", "mg", "mm"}
_CODE = r"""\bt\(\s*["']([a-z_.]+)["']"""


@pytest.mark.parametrize("code", WORDS.codes)
def test_text_is_in_both_languages(code: str) -> None:
    """Each text names the same values in both, uses no word of ours, and is at most 250 signs long."""
    texts = {lang: WORDS.text(lang, code) for lang in LANGUAGES}
    assert placeholders(texts["en"]) == placeholders(texts["zh"])
    values = dict.fromkeys(placeholders(texts["en"]), "7")
    for lang, text in texts.items():
        assert 0 < len(WORDS.say(lang, code, **values)) <= 250
        assert "!" not in text
    assert FORBIDDEN.search(texts["en"]) is None


def test_every_state_has_its_own_word_and_icon() -> None:
    """Each state of a run has a word of at most 11 letters; what looks alike is alike."""
    assert {state.value for state in RunState} <= set(STATES)
    assert all(len(WORDS.text("en", f"state.{state}")) <= 11 for state in STATES)
    icons = [STATES[state.value].icon for state in RunState]
    assert len(set(icons)) == len(icons)
    assert len({WORDS.text("zh", f"state.{state.value}") for state in RunState}) == len(icons)
    drawn = (TEMPLATES / "icons.svg").read_text("utf-8")
    assert [look.icon for look in STATES.values() if f'id="i-{look.icon}"' not in drawn] == []


def test_codes_that_pages_use_are_in_the_table() -> None:
    """A template or script asks for no code that is not there, and the navigation neither."""
    asked = {entry.code for entry in NAVIGATION}
    for file in (*TEMPLATES.glob("*.html"), *FOLDER.glob("*.js")):
        asked |= set(re.findall(_CODE, file.read_text("utf-8")))
    assert sorted(code for code in asked if not code.endswith((".", "_")) and not WORDS.has(code)) == []


def test_templates_have_no_text_of_their_own() -> None:
    """What stands between the tags of a template comes out of the table: the name of the product and units excepted."""
    for file in TEMPLATES.glob("*.html"):
        html = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", file.read_text("utf-8"), flags=re.DOTALL)
        # Attributes that a macro gives stand outside of a tag.
        text = re.sub(r"<[^>]*>|&\w+;|[\w-]+=\"[^\"]*\"|data-\w+|\bhidden\b", " ", html)
        assert set(re.findall(r"[^\W\d_]{2,}", text)) - _NO_WORDS == set(), file.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["a"]\nen = "x"', "a needs en and zh"),
        ('["a"]\nen = "x"\nzh = " "', "a has an empty text"),
        ('["a"]\nen = "{n}"\nzh = "{m}"', "names other values"),
        ('["a"]\nen = "{n"\nzh = "x"', "one.toml: a: "),
    ],
)
def test_wrong_words_are_named(tmp_path: Path, text: str, words: str) -> None:
    """A file that lacks a language, a value or a brace is refused with its name and the code."""
    (tmp_path / "one.toml").write_text(text, "utf-8")
    with pytest.raises(WordsError, match=words):
        Words.of([tmp_path / "one.toml"])


def test_code_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Two files with the same code are named both."""
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_text('["a"]\nen = "x"\nzh = "x"', "utf-8")
    with pytest.raises(WordsError, match=r"two\.toml: a is in one\.toml already"):
        Words.of([tmp_path / "one.toml", tmp_path / "two.toml"])


def test_every_reason_that_calls_a_person_is_told_in_both_languages() -> None:
    """A code of a rule, of any state in which a person is wanted, has a text whose values the rule gives."""
    given: dict[str, frozenset[str]] = {}
    for end, values in values_of_codes():
        given[end] = given.get(end, frozenset()) | values
    heads = {"tripped", "held", "hands", "unseen", "unknown", "done", "stopped", "failed"}
    told = {code: code.partition(".") for code in WORDS.codes if code.partition(".")[0] in heads}
    assert {end for _, _, end in told.values()} >= set(given) - {"soak", "unstored"}
    for code, (_, _, end) in told.items():
        if end in given:
            assert placeholders(WORDS.text("en", code)) <= given[end], code
    assert all(WORDS.has(f"need.{head}") for head in ("tripped", "held", "hands", "unseen", "unknown", "queued"))


# Names, units, files and what browsers are called: no words of ours.
_DATA = re.compile(
    r"\b(cellrig|UTC|simulated-[\w-]+|coated-[\w-]+|bare-[\w-]+|conditioned-[\w-]+|[\w-]*li-(li|cu)[\w.-]*|lfp[\w.-]*"
    r"|Etc|mA|mAh|mg|cm|mm|csv|CSV|png|svg|pdf|Python|httpx|python-httpx)\b|\b(?=\w*\d)[0-9a-f]+\b|\d[\w.:-]*"
)
_PAGES = (
    *("/rack", "/rack?view=table", "/rack?ask=rack_stop", "/launch?channel=21-1-3", "/launch/list"),
    *("/runs", "/compare", "/log", "/people", "/me"),
)


async def test_pages_in_a_language_of_signs_alone_show_no_word_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a table in which each word is a sign, pages show no word but data."""
    lines = [f'["{code}"]\nen = "{_signs(code)}"\nzh = "{_signs(code)}"' for code in WORDS.codes]
    (tmp_path / "signs.toml").write_text("\n".join(lines), "utf-8")
    signs = Words.of([tmp_path / "signs.toml"])
    # The table is read once for a process: no other way leads to a third language.
    monkeypatch.setattr(Words, "load", lambda: signs)
    found: dict[str, set[str]] = {}
    async with open_people_rig(tmp_path) as rig, aclosing(await rig.signed_in(Role.ADMIN)) as browser:
        for path in _PAGES:
            html = (await browser.get(path, headers={"accept-language": "en"})).text
            # Events of the rig are told as they were stored.
            html = re.sub(r'<ul class="events">.*?</ul>', " ", html, flags=re.DOTALL)
            html = re.sub(r"<(script|style|pre|title|option|datalist)\b.*?</\1>", " ", html, flags=re.DOTALL)
            shown = [
                *re.findall(r'(?:aria-label|placeholder|alt|title)="([^"]*)"', html),
                re.sub(r"<[^>]*>", " ", html),
            ]
            text = unescape(" ".join(shown))
            left = set(re.findall(r"[^\W\d_]{2,}", _DATA.sub(" ", text))) - set(NAMES.values())
            if left:
                found[path] = left
    assert found == {}


def _signs(code: str) -> str:
    """Return the text of a code in the language of signs: each word is one, values stay."""
    return re.sub(r"(\{\w*\})|[^\W\d_]+", lambda found: found[1] or "§", WORDS.text("en", code)).replace('"', "§")


def test_scripts_have_no_text_of_their_own() -> None:
    """What a script writes into a page comes out of the table: no literal with a word is shown."""
    shown = re.compile(
        r"""(?:textContent|innerText|title|placeholder|alt)\s*\+?=\s*["'`]([^"'`$]*[A-Za-z]{2,}[^"'`]*)["'`]"""
        r"""|"aria-label",\s*["']([^"']+)["']|\.append\(["']([^"']*[A-Za-z]{2,}[^"']*)["']"""
    )
    for file in FOLDER.glob("*.js"):
        assert [found[0] for found in shown.finditer(file.read_text("utf-8"))] == [], file.name
