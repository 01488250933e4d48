"""The macros that the CHI660E driver writes: golden texts, and that nothing from outside becomes a command."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.chi660e.macro import check_label, encode, harmless, lines, number
from drivers.errors import CannotRun
from protocols.current_sign import Direction
from protocols.techniques import (
    CurrentStep,
    CurrentSteps,
    CyclicVoltammetry,
    HeldVoltage,
    Impedance,
    LinearSweep,
    OpenCircuit,
    ReversedCurrent,
    Technique,
    VoltageSteps,
)
from tests.chi_simulated import settings
from tests.transcripts import FOLDER

PLATING = CurrentSteps((CurrentStep(5e-4, 3600.0), CurrentStep(-5e-4, 3600.0)), 0.5, -0.5, cycles=10)
REVERSED = ReversedCurrent(5e-4, 5e-4, 3600.0, 3600.0, 0.5, -0.5, half_cycles=20, first=Direction.DISCHARGE)
SWEEPS = CyclicVoltammetry(0.0, 0.5, -0.5, 0.1, sensitivity_a_per_v=1e-4)

GOLDEN: dict[str, tuple[Technique, str, str, dict[str, Any], int | None]] = {
    "eis": (Impedance(1e6, 0.1), "j0006", "cell A7", {}, None),
    "eis-port": (
        Impedance(1e5, 1.0, bias_v=3.4, quiet_s=5.0),
        "j0007",
        "",
        {"single_frequency": False, "chi684_channels": 8},
        3,
    ),
    "ocv": (OpenCircuit(600.0, low_v=-1.0), "j0001", "cell A7 OCP", {}, None),
    "istep": (PLATING, "li01", "", {}, None),
    "cp": (REVERSED, "li02", "", {}, None),
    "cv": (SWEEPS, "j0002", "", {}, None),
}


def commands(text: str) -> list[tuple[str, str]]:
    """Read a macro as the program does: a comment ends a line, case and blanks do not count (section 4.1)."""
    found = []
    for line in re.split(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text):
        plain = "".join(re.split("[;#]", line)[0].split()).casefold()
        if plain:
            key, *value = re.split("[:=]", plain, maxsplit=1)
            found.append((key, "".join(value)))
    return found


@pytest.mark.parametrize("name", GOLDEN)
def test_macro_is_the_golden_one(name: str) -> None:
    """A technique becomes exactly the lines composed from the reference."""
    technique, job, note, changes, port = GOLDEN[name]
    golden = (FOLDER / f"chi-driver-{name}.macro").read_text("ascii").splitlines()
    assert list(lines(technique, job, note, settings(**changes), port)) == [x for x in golden if x[:1] != "#"]


def test_file_begins_with_the_length_of_its_text() -> None:
    """Four bytes of length, CRLF lines, and a last line that is ended, or the program stays open."""
    data = encode(lines(PLATING, "li01", "", settings()), settings())
    (length,) = struct.unpack("<I", data[:4])
    assert length == len(data) - 4
    assert data.endswith(b"forcequit: yesiamsure\r\n")
    assert data.count(b"\n") == data.count(b"\r\n")


def test_file_in_the_form_of_hardpotato_begins_with_its_constant() -> None:
    """The other public form has a constant, an empty line and plain line feeds."""
    other = settings(macro_prefix="hardpotato", macro_line_end="lf")
    data = encode(lines(OpenCircuit(600.0), "j1", "", other), other)
    assert data.startswith(b"C\x02\x00\x00\nfolder: C:/chi_jobs/j1\n")
    assert b"\r" not in data


def test_prefix_is_never_below_the_length() -> None:
    """A macro longer than hardpotato's constant declares its own length: what lies behind it may be cut off."""
    other = settings(macro_prefix="hardpotato", macro_line_end="lf")
    data = encode(("x" * 700,), other)
    assert struct.unpack("<I", data[:4])[0] == len(data) - 4 > 579


@given(st.text(max_size=80))
def test_no_note_adds_a_command(note: str) -> None:
    """Whatever a note holds, the program sees the same commands, and one note at most."""
    plain = commands("\r\n".join(lines(PLATING, "j1", "", settings())))
    noted = lines(PLATING, "j1", note, settings())
    seen = commands("\r\n".join(noted))
    assert [each for each in seen if each[0] != "note"] == plain
    assert len(noted) - len(plain) == len(seen) - len(plain) == bool(harmless(note))
    assert encode(noted, settings())[4:].isascii()


@given(st.text(max_size=70) | st.from_regex(r"[A-Za-z0-9_-]{1,64}\n?", fullmatch=True))
def test_job_is_a_plain_label_or_refused(job: str) -> None:
    """A job's name is refused, or stands where names stand and adds nothing."""
    try:
        written = lines(PLATING, job, "", settings())
    except CannotRun:
        assert not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", job) or re.fullmatch(r"(?i)con|prn|aux|nul|(com|lpt)\d", job)
        return
    assert [*written[-4:]] == ["run", f"save:{job}", f"tsave:{job}", "forcequit: yesiamsure"]
    assert [key for key, _ in commands("\n".join(written))] == [
        key for key, _ in commands("\n".join(lines(PLATING, "j1", "", settings())))
    ]


@given(st.text(max_size=40) | st.from_regex(r"[A-Z]:[/\\][\w .;#=-]{0,20}\n?", fullmatch=True))
def test_folder_is_plain_or_refused_with_its_setting_named(folder: str) -> None:
    """A folder that a macro cannot name is refused by the setting's name; any other is one line."""
    assume(folder)
    try:
        made = settings(jobs_as_program_sees_it=folder)
    except ValidationError as err:
        assert "jobs_as_program_sees_it" in str(err)  # noqa: PT017 -- either outcome is right for some text
        return
    written = lines(OpenCircuit(10.0), "j1", "", made)
    assert commands("\n".join(written))[0] == (
        "folder",
        "".join(f"{folder.rstrip('/' + chr(92))}/j1".split()).casefold(),
    )
    assert len(commands("\n".join(written))) == len(written)


@pytest.mark.parametrize("label", ["nul", "COM1", "", "a b", "a.b", "a/b", "..", "é", "a\n", "a" * 65])
def test_names_that_are_no_file_names_are_refused(label: str) -> None:
    """Devices, dots, blanks, slashes and long names never become files."""
    with pytest.raises(CannotRun):
        check_label(label)


def test_note_keeps_what_a_person_would_miss() -> None:
    """Accents fall to their letters, marks that end or comment a line to an underscore."""
    assert harmless("  Zelle Nº 7: Li\u2013Li, 0.5 mA;\r\nforcequit ") == "Zelle No 7_ LiLi, 0.5 mA_forcequit"


@pytest.mark.parametrize(("value", "text"), [(1e6, "1000000"), (1e-12, "1e-12"), (0.1 + 0.2, "0.3"), (-0.5, "-0.5")])
def test_numbers_are_plain_or_with_exponent(value: float, text: str) -> None:
    """Numbers have nine figures at most and no trailing zeros."""
    assert number(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_macro_holds_what_is_no_number(value: float) -> None:
    """NaN and infinities are never written."""
    with pytest.raises(ValueError, match="no number"):
        number(value)


def test_impedance_above_100_khz_is_always_point_by_point() -> None:
    """FT mode would cut the top off, so the setting for it holds up to 100 kHz only; the mode comes before fh."""
    fast = settings(single_frequency=False)
    assert "impft" in lines(Impedance(1e5, 1.0), "j1", "", fast)
    above = lines(Impedance(1.1e5, 1.0), "j1", "", fast)
    assert above.index("impsf") < above.index("fh=110000")


def test_signs_and_units_follow_the_settings() -> None:
    """What the reference marks as unsure is turned round by one setting each."""
    other = settings(istep_positive_is_charge=False, cp_n_is_cathodic=False, amplitude_is="rms", dummy_cell=True)
    assert {"is1=-0.0005", "is2=0.0005", "is3=0", "dummyon"} <= set(lines(PLATING, "j1", "", other))
    assert "pn=p" in lines(REVERSED, "j1", "", other)
    assert "amp=0.00707106781" in lines(Impedance(), "j1", "", other)


def test_old_program_gets_no_command_that_it_lacks() -> None:
    """One unknown command makes a program refuse the whole macro."""
    written = lines(REVERSED, "j1", "", settings(version="old"))
    assert not {"heht=0", "leht=0"} & set(written)


@pytest.mark.parametrize(
    "technique",
    [
        Impedance(),
        SWEEPS,
        replace(SWEEPS, sensitivity_a_per_v=None, scan_rate_v_per_s=0.001),
        LinearSweep(0.0, 1.0, 0.1, sensitivity_a_per_v=1e-3),
        VoltageSteps(0.0, 0.1, -0.1, 10.0, sensitivity_a_per_v=1e-3),
        HeldVoltage(0.1, 10.0, sensitivity_a_per_v=1e-3),
        REVERSED,
        replace(REVERSED, switch_at_voltage=True),
        PLATING,
        OpenCircuit(10.0),
    ],
)
def test_every_parameter_follows_tech_and_is_given_once(technique: Technique) -> None:
    """``tech`` resets all parameters, so all are given after it, and the run comes last."""
    keys = [key for key, _ in commands("\n".join(lines(technique, "j1", "", settings())))]
    assert len(keys) == len(set(keys))
    assert keys[:4] == ["folder", "fileoverride", "celloff", "tech"]
    assert keys[-5:] == ["header", "run", "save", "tsave", "forcequit"]


def test_channel_that_is_not_there_is_refused() -> None:
    """The program ignores a channel above those installed, so the driver refuses it."""
    with pytest.raises(CannotRun, match="chi684_channels"):
        lines(PLATING, "j1", "", settings(chi684_channels=8), port=9)
