"""Errors of a bench file never show a value that may be a secret, wherever in the file it was written."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import SettingsError
from orchestrator.bench.service_settings import BENCH_FILE_BYTES
from orchestrator.bench.settings import BenchSettings, load_bench
from orchestrator.bench.wrong_settings import HARMLESS

SECRET = "Hunter2-Hunter2"  # noqa: S105 - what must not be shown
TESTER = '[[tester]]\nstep_files = "/srv/steps"\nstep_files_on_bts_pc = "S:/steps"\n'
UNIT = "[[tester.units]]\ndevid = 21\nsubdevid = 1\n"


def refusal(folder: Path, text: str) -> str:
    """Give all that a person sees when a bench file is refused, with the traces of a defect."""
    file = folder / "bench.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_bench(file)
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "text",
    [
        f'{TESTER}pasword = "{SECRET}"\n{UNIT}',
        f'{TESTER}Password = "{SECRET}"\n{UNIT}',
        f'{TESTER}password = ["{SECRET}"]\n{UNIT}',
        f'{TESTER}host = "admin:{SECRET}@10.0.0.9"\n{UNIT}',
        f'{TESTER}host = "http://10.0.0.9/?password={SECRET}"\n{UNIT}',
        f'{TESTER}port = "{SECRET}"\n{UNIT}',
        f'{TESTER}username = ["{SECRET}"]\n{UNIT}',
        f'tester = "password = {SECRET}"\n',
        f'{TESTER}units = "password = {SECRET}"\n',
        f'service = "token = {SECRET}"\n{TESTER}{UNIT}',
        f'[service]\ntoken = "{SECRET}"\n{TESTER}{UNIT}',
        f'[service]\nhost = "{SECRET}@lab"\n{TESTER}{UNIT}',
        f'{TESTER}{UNIT}[potentiostat]\nprogram = "/opt/chi"\njobs = "/srv/jobs"\nenvironment = "KEY={SECRET}"\n',
        f'{TESTER}{UNIT}[potentiostat]\nprogram = "/opt/chi"\njobs = "/srv/jobs"\nenvironment.KEY = ["{SECRET}"]\n',
        f'{TESTER}{UNIT}[multiplexer]\nkind = "relay-mux"\nport = "socket://a:{SECRET}@10.0.0.9"\nidentity = "x"\n',
        f'{TESTER}password = "{SECRET}\n{UNIT}',
        f"{TESTER}password = {SECRET}\n{UNIT}",
        f'password = "{SECRET}"\n{TESTER}{UNIT}',
        f'kind = "{SECRET}"\n{TESTER}{UNIT}',
    ],
)
def test_no_error_of_a_bench_file_shows_a_secret(tmp_path: Path, text: str) -> None:
    """A misspelt key, a user in the host, a table written as text: the place is told, the value is not."""
    seen = refusal(tmp_path, text)
    assert SECRET not in seen
    assert "bench.toml" in seen


def test_a_message_that_repeats_another_keys_value_hides_it(tmp_path: Path) -> None:
    """Whatever a setting's own check says, what stands under a key that may be secret is taken out of it."""
    text = f'{TESTER}password = "Europe/Nowhere"\ntime_zone = "Europe/Nowhere"\n{UNIT}'
    seen = refusal(tmp_path, text)
    assert "unknown time zone '***'" in seen


def test_a_harmless_value_is_still_shown(tmp_path: Path) -> None:
    """Who typed a wrong number or a wrong zone sees what he typed."""
    seen = refusal(tmp_path, f'{TESTER}poll_period_s = 4\nport = 70000\ntime_zone = "Europe/Zuerich"\n{UNIT}')
    for value in ("saw 4", "saw 70000", "saw 'Europe/Zuerich'"):
        assert value in seen


def test_only_keys_that_exist_are_called_harmless() -> None:
    """The list of harmless keys holds settings of bench files, none that may be a secret, and nothing else."""
    found: set[str] = set()

    def collect(schema: object) -> None:
        if isinstance(schema, dict):
            found.update(schema.get("properties", {}))
            for inner in schema.values():
                collect(inner)
        elif isinstance(schema, list):
            for inner in schema:
                collect(inner)

    from drivers.neware.settings import NewareSettings

    collect(BenchSettings.model_json_schema())
    collect(NewareSettings.model_json_schema())
    assert found >= HARMLESS
    assert not HARMLESS & {"password", "username", "host", "token_file", "tls_key", "environment", "program_arguments"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "is a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device"),
        (lambda path: path.write_bytes(b"#" * (BENCH_FILE_BYTES + 1)), "at most 1048576 are read"),
        (lambda path: path.write_bytes(b'a = "\xe4"'), "not UTF-8"),
        (lambda path: path.write_bytes(b"a = " + b"[" * 100_000), "not valid TOML"),
        (lambda path: path.write_bytes(b"a = " + b"9" * 5000), "not valid TOML"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["folder", "pipe", "device", "too long", "not text", "too deep", "endless number", "link to itself"],
)
def test_what_is_no_bench_file_gets_a_sentence(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    """Nothing waits for a pipe's other end, reads a device without end, or ends in a trace."""
    path = tmp_path / "bench.toml"
    make(path)
    with pytest.raises(SettingsError, match=words):
        load_bench(path)


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0byte", "bench.toml/inside"])
def test_a_path_that_cannot_be_gets_a_sentence(tmp_path: Path, name: str) -> None:
    """A name too long, one with a NUL, a file as a folder."""
    (tmp_path / "bench.toml").touch()
    with pytest.raises(SettingsError, match="bench file"):
        load_bench(tmp_path / name)
