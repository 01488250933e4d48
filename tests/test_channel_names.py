"""Channels have free names on a bench: what a name may hold, who may have it, and how many are told in a sentence."""

from pathlib import Path

import pytest

from drivers.errors import SettingsError
from drivers.tester_kind import CHANNEL_NAME
from orchestrator.bench.settings import BenchSettings, load_bench
from orchestrator.bench.simulated import simulated_bench, simulated_chi_settings
from orchestrator.clock.virtual import run_virtual
from orchestrator.rack.direct_stop import stop_directly
from tests.packages import install_toy
from tests.toy_tester import ToySettings


def toys(*names: str, tester: str = "toy") -> ToySettings:
    """Give a toy with these channels."""
    return ToySettings(name=tester, cells=dict.fromkeys(names, "coated-li-li"))


@pytest.mark.parametrize("name", ["left", "A1", "21-1-3", "7", "x" * 24, "-"])
def test_name_of_letters_digits_and_dashes_is_free(name: str) -> None:
    """A bench with that channel finds its tester."""
    assert BenchSettings(tester=(toys(name),)).tester_of(name).name == "toy"


@pytest.mark.parametrize("name", ["", "x" * 25, "A 1", "A_1", "A/1", "Ä1", "1²", "A1\n"])
def test_name_that_no_address_or_label_can_hold_is_refused(name: str) -> None:
    """The sentence says whose it is and what a name may hold."""
    with pytest.raises(ValueError, match=r"'toy' names a channel .*letters, digits and dashes, 24 at most"):
        BenchSettings(tester=(toys("good", name),))


@pytest.mark.parametrize("twin", ["left", "Left", "LEFT"])
def test_two_testers_share_no_name_whatever_its_capitals(twin: str) -> None:
    """Names are spoken and typed: Left and left are one."""
    said = f"channel {twin} of 'second' and channel left of 'first' have one name"
    with pytest.raises(ValueError, match=said):
        BenchSettings(tester=(toys("left", tester="first"), toys("A1", twin, tester="second")))


def test_potentiostat_that_is_a_channel_shares_no_name_either(tmp_path: Path) -> None:
    """Its channel is named like it."""
    chi = simulated_chi_settings(tmp_path, "CHI")
    with pytest.raises(ValueError, match="channel CHI of 'CHI' and channel chi of 'toy' have one name"):
        BenchSettings(tester=(toys("chi"),), potentiostat=chi)


def test_potentiostats_own_channel_is_stopped_by_no_other_process(tmp_path: Path) -> None:
    """What an earlier process started there only the vendor's program knows; a person is sent to it."""
    bench = BenchSettings(tester=(toys("left"),), potentiostat=simulated_chi_settings(tmp_path, "chi660e"))
    with pytest.raises(SettingsError, match="it is stopped in the vendor's program"):
        run_virtual(stop_directly(bench, tmp_path / "lab.db", "chi660e", "ada"))


def test_wire_leads_to_a_channel_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelled name at a switch would bring no cell, or the wrong one."""
    monkeypatch.syspath_prepend(str(install_toy(tmp_path)))
    text = '[[tester]]\nkind = "toy"\ncells = { left = "coated-li-li" }\n[potentiostat]\nprogram = "/chi.exe"\n'
    text += f'jobs = "{tmp_path.as_posix()}"\n[multiplexer]\nkind = "chi684"\nchannels = {{ 1 = "NAME" }}\n'
    file = tmp_path / "bench.toml"
    file.write_text(text.replace("NAME", "left"), encoding="utf-8")
    assert load_bench(file).multiplexer is not None
    file.write_text(text.replace("NAME", "lift"), encoding="utf-8")
    with pytest.raises(SettingsError, match="port 1 has channel 'lift', and no tester here has that"):
        load_bench(file)


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (("left", "A1"), "left, A1"),
        (("A1", "A2"), "A1, A2"),
        (("A1", "A2", "A3", "B3"), "A1 to A3, B3"),
        (("1", "2", "3", "5"), "1 to 3, 5"),
        (("A9", "A10", "A11"), "A9 to A11"),
        (("A1", "A3", "A5"), "A1, A3, A5"),
    ],
)
def test_channels_are_listed_shortly(names: tuple[str, ...], listed: str) -> None:
    """Three in a row are first and last; free names stand as they are."""
    with pytest.raises(SettingsError, match=f"it has {listed}$"):
        BenchSettings(tester=(toys(*names),)).tester_of("nowhere")


def test_simulated_bench_has_names_of_the_rule() -> None:
    """Two units of eight, two source meters, and the potentiostat."""
    names = [name for tester in simulated_bench().with_channels for name in tester.channel_names()]
    assert (len(names), names[0], names[-1]) == (19, "21-1-1", "chi660e")
    assert all(CHANNEL_NAME.fullmatch(name) for name in names)
