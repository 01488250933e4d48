"""Where the jobs of a simulated CHI660E are, whose macros name no folder with a blank, a dot or a tilde."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from drivers.chi660e.settings import can_be_named
from drivers.errors import SettingsError
from orchestrator.bench.simulated import jobs_place, simulated_bench


@pytest.mark.parametrize("name", ["jane.doe", "JANE~1", "Jane Doe"])
def test_jobs_are_elsewhere_where_the_name_of_a_user_has_a_dot_or_a_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """``cellrig run --simulate`` ended with a trace there, ``cellrig serve --simulate`` with a file that stayed."""
    temporary, beside = tmp_path / name, tmp_path / "store"
    temporary.mkdir()
    beside.mkdir()
    # The folder of temporary files is the caller's, as Python keeps it.
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert not can_be_named(temporary)
    assert jobs_place(beside) == beside
    assert simulated_bench().potentiostat is not None


def test_place_that_no_macro_can_name_is_told_with_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All places are named, and the variable of the environment."""
    temporary = tmp_path / "jane.doe"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("PUBLIC", str(temporary))
    with pytest.raises(SettingsError, match=r"among .*jane.doe: its macros can name only .* set TMPDIR"):
        jobs_place()


def test_usual_place_is_kept_where_it_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves for those whose folder of temporary files is as it should be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert jobs_place(tmp_path / "store") == tmp_path
