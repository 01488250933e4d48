"""The table ``[notices]``: what is wrong in it is told with its place, and no address is ever shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from orchestrator.bench.mqtt_settings import mqtt_in
from orchestrator.bench.notice_settings import NoticeSettings, notices_in
from orchestrator.bench.service_settings import read_document
from orchestrator.notices.wording import rig_name

SECRET = "Hunter2-Hunter2"  # noqa: S105 - what must not be shown
TARGET = '[[notices.targets]]\nname = "ada"\n'
URL = 'url = "json://127.0.0.1/"\n'


def read(folder: Path, text: str) -> NoticeSettings | None:
    """Read a bench file's table."""
    file = folder / "bench.toml"
    file.write_text(text, encoding="utf-8")
    return notices_in(read_document(file), file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[notices]\n", "notices: targets: Field required"),
        ("[notices]\ntargets = []\n", "at least 1 item"),
        (TARGET, "say its address once: url_file, url_env, or url"),
        (f'{TARGET}{URL}url_env = "ADA"\n', "say its address once"),
        (f'{TARGET}url = "{SECRET}@lab"\n', "write an address of apprise"),
        (f'{TARGET}url_env = "json://{SECRET}"\n', "write the NAME of an environment variable"),
        (f"{TARGET}{URL}{TARGET}{URL}", "ada is there twice"),
        (f'{TARGET}{URL}runs = "own"\n', "needs the person"),
        (f'{TARGET}{URL}severity = "panic"\n', "saw 'panic'"),
        (f"{TARGET}{URL}level = 0\n", "targets.0.level: .*saw 0"),
        (f'{TARGET}{URL}pasword = "{SECRET}"\n', "pasword: Extra inputs"),
        (f'[notices]\nquiet_from = "22:00"\n{TARGET}{URL}', "give both, or neither"),
        (f'[notices]\nquiet_from = "22:00"\nquiet_to = "22:00"\n{TARGET}{URL}', "give both, or neither"),
        (f'[notices]\ntest_at = "9 am"\n{TARGET}{URL}', "write a time of day as hours and minutes"),
        (f"[notices]\nrepeat_s = nan\n{TARGET}{URL}", "repeat_s"),
        (f"[notices]\ndeadline_s = 0\n{TARGET}{URL}", "deadline_s: .*saw 0"),
        (f'notices = "json://{SECRET}"\n', "notices"),
    ],
)
def test_a_wrong_table_is_told_with_its_place_and_without_any_address(tmp_path: Path, text: str, words: str) -> None:
    """Each sentence names the file and the key; what may be a secret is not in it, nor in a trace."""
    with pytest.raises(SettingsError, match=words) as caught:
        read(tmp_path, text)
    seen = "".join(traceback.format_exception(caught.value))
    assert "bench.toml: notices" in seen
    assert SECRET not in seen


def test_a_bench_file_without_the_table_tells_nobody(tmp_path: Path) -> None:
    """Notices are switched on by their table alone."""
    assert read(tmp_path, "") is None


def test_a_target_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    """As a command names it."""
    found = read(tmp_path, f"{TARGET}{URL}")
    assert found is not None
    with pytest.raises(SettingsError, match=r"no target 'bob'.* there are ada"):
        found.target("bob")


@pytest.mark.parametrize(
    ("tables", "topics", "people"),
    [
        ('[service]\nrig = "Rack 1, cellar"\n', "Rack-1-cellar", "Rack 1, cellar"),
        # As files of before have it.
        ('[mqtt]\nrig = "lab-3"\n[notices]\nrig = "rack 3"\n', "lab-3", "rack 3"),
        ('[service]\nrig = "rack-1"\n[mqtt]\nrig = "lab-3"\n', "lab-3", "rack-1"),
    ],
)
def test_one_setting_names_the_rig(tmp_path: Path, tables: str, topics: str, people: str) -> None:
    """For people and in topics; a name that an older file has in its own table goes before, there alone."""
    file = tmp_path / "bench.toml"
    file.write_text(tables + ("" if "[mqtt]" in tables else "[mqtt]\n") + TARGET + URL, encoding="utf-8")
    document = read_document(file)
    feed, notices = mqtt_in(document), notices_in(document, file)
    assert feed is not None
    assert notices is not None
    assert (feed.rig_name, rig_name(notices)) == (topics, people)
