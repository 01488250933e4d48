"""How the simulated CHI660E reads macros: the prefix, the language, what it refuses before anything runs."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from simulators.chi660e.checking import Refused, check
from simulators.chi660e.loops import Loops
from simulators.chi660e.macro import BadPrefix, Line, parse, read_macro
from simulators.chi660e.settings import Settings, documented, read_settings
from tests.chi660e_lab import macro_bytes

NEW = Settings()
OLD = replace(NEW, version="old")


def named(text: str, settings: Settings = NEW) -> list[tuple[str, str | None]]:
    """Give names and values of a macro's text."""
    return [(line.name, line.value) for line in parse(text, settings)]


def accept(text: str, settings: Settings = NEW) -> None:
    """Check a macro's text."""
    check(parse(text, settings), settings)


def test_case_spaces_and_either_separator_do_not_matter() -> None:
    """``ei=0.5`` and ``EI : 0.5`` are equal (4.1)."""
    assert named("ei=0.5\n") == named(" E I : 0.5 \r\n") == [("ei", "0.5")]
    accept("TECH = I M P\nE I : 0 . 5\n")


def test_comments_and_blank_lines_are_skipped_and_end_stops() -> None:
    """A comment begins anywhere in a line; nothing after ``end`` is read."""
    assert named("; one\n\nqt=2 # two\nrun;three\nend\nnonsense\n") == [("qt", "2"), ("run", None)]


def test_a_paths_colon_and_spaces_belong_to_its_value() -> None:
    """Only the first separator counts; spaces inside stay, unless the setting says otherwise."""
    assert named("folder: C:/chi jobs/out\n") == [("folder", "C:/chi jobs/out")]
    assert named("folder: C:/chi jobs/out\n", replace(NEW, keeps_spaces=False)) == [("folder", "C:/chijobs/out")]


def test_prefix_is_the_length_of_the_text() -> None:
    """The exact length, a longer one and the constants of public writers are read alike (4.2)."""
    exact = read_macro(macro_bytes("tech=imp\nrun\n"), NEW)
    assert [line.name for line in exact] == ["tech", "run"]
    for constant in (b"\x63\x02\0\0\n", b"\x43\x02\0\0\n", b"\x48\x68\0\0"):
        assert [line.name for line in read_macro(constant + b"tech=imp\nrun\n", NEW)] == ["tech", "run"]


def test_too_short_a_prefix_cuts_the_text() -> None:
    """What lies beyond the declared length is not read, or it is: a setting."""
    data = struct.pack("<I", 9) + b"tech=imp\nrun\n"
    assert [line.name for line in read_macro(data, NEW)] == ["tech"]
    assert [line.name for line in read_macro(data, replace(NEW, short_prefix="ignore"))] == ["tech", "run"]


@pytest.mark.parametrize("data", [b"tech=imp\nrun\n", b"", b"\x01\0"])
def test_plain_text_has_an_absurd_prefix(data: bytes) -> None:
    """The first four letters read as a length kill the program (quirk 1)."""
    with pytest.raises(BadPrefix):
        read_macro(data, NEW)


def test_forcequit_needs_its_line_end() -> None:
    """Without a final newline the program stays open (quirk 2); a setting heals it."""
    assert named("run\nforcequit:yesiamsure") == [("run", None)]
    assert len(named("run\nforcequit:yesiamsure\n")) == 2
    assert len(named("run\nforcequit:yesiamsure", replace(NEW, needs_final_newline=False))) == 2


@pytest.mark.parametrize(
    "text",
    [
        "tech=imp\nfl=0.01\nfh=1e6\namp=0.01\nimpsf\neio\nqt=5\nimpautosens\nrun\n",
        "tech=ocpt\nst=600\nsi=1\neh=5\nel=-1\nqt=2\nrun\n",
        "tech=cp\nic=5e-4\nia=0.0005\neh=0.5\nheht=0\nel=-.5\nleht=0\ntc=3600\nta=3600\npn=n\nsi=1\ncl=20\npriot\nrun\n",
        "tech=i-t\nei=0.1\nsi=1e-06\nst=10\nsens=1e-12\nrun\n",
        "sitron\nsitroff\nmch:64\ndelay=32000\nbeep\ncellon\ndummyon\nfora:3\nnexta\n",
    ],
)
def test_macros_of_the_reference_are_accepted(text: str) -> None:
    """Names, ranges and number forms that the reference gives."""
    accept(text)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("nonsense", "Macro Error"),
        ("ehh=1", "Macro Error"),
        ("tech=zzz", "Macro Error"),
        ("stiron", "Macro Error"),
        ("ei", "Macro Error"),
        ("ei=ten", "Macro Error"),
        ("ei=1_0", "Macro Error"),
        ("ei=inf", "Macro Error"),
        ("ei=10.01", "Warning"),
        ("fl=9e-6", "Warning"),
        ("fh=4e6", "Warning"),
        ("amp=0.0009", "Warning"),
        ("qt=-1", "Warning"),
        ("mch=65", "Warning"),
        ("delay=0", "Warning"),
    ],
)
def test_one_bad_line_refuses_the_whole_macro(line: str, title: str) -> None:
    """The pop-up names the line, and it comes before anything has run."""
    with pytest.raises(Refused, match=r"Line [12]:") as refused:
        accept(f"tech=imp\n{line}\nrun\n")
    assert refused.value.title == title


def test_ranges_are_those_of_the_chosen_technique() -> None:
    """The interval of an OCPT is seconds, of a CV volts; an ISTEP's is a second at most."""
    accept("tech=ocpt\nsi=50\n")
    for technique, interval in (("cv", 0.1), ("istep", 1.5), ("cp", 33)):
        with pytest.raises(Refused, match="allowed"):
            accept(f"tech={technique}\nsi={interval}\n")


@pytest.mark.parametrize(
    "line", ["csvsave=x", "forcequit:yesiamsure", "4-e", "heht=0", "ircompon", "fora:2", "mrcon", "o1h"]
)
def test_an_old_program_refuses_what_only_the_newer_knows(line: str) -> None:
    """One newer command and the whole macro is refused (quirk 23)."""
    text = f"tech=cp\n{line}\n"
    accept(text)
    with pytest.raises(Refused, match="unknown command"):
        accept(text, OLD)


def test_an_old_program_has_its_own_ranges() -> None:
    """Older lists end at 1e5 Hz and allow 2 A."""
    with pytest.raises(Refused):
        accept("tech=imp\nfh=1e6\n", OLD)
    with pytest.raises(Refused):
        accept("tech=cp\nic=1\n")
    accept("tech=cp\nic=1\n", OLD)


def test_parameters_of_another_technique_are_accepted_or_refused() -> None:
    """Public writers send ``qt`` to an OCPT and real programs take it; a stricter one is a setting away."""
    accept("tech=ocpt\nqt=2\n")
    with pytest.raises(Refused, match="unknown command 'qt'"):
        accept("tech=ocpt\nqt=2\n", replace(NEW, foreign_parameters="refuse"))


def executed(text: str) -> list[str]:
    """Walk through a macro's jumps and give the names that its saves get, and the other commands."""
    lines, loops, seen, at = parse(text, NEW), Loops(), [], 0
    while at < len(lines):
        jump = loops.jump(lines, at)
        if jump is None:
            line = lines[at]
            seen.append(loops.numbered(line.value or "") if line.name == "save" else line.name)
        at = at + 1 if jump is None else jump
    return seen


def test_loops_repeat_and_number_their_files() -> None:
    """Names in loops are cut to five characters and numbered (quirk 4)."""
    assert executed("for:3\nsave:testing\nnext\nrun\n") == ["testi1", "testi2", "testi3", "run"]
    nested = executed("fora:2\nforb:2\nsave:cv\nnextb\nnexta\n")
    assert nested == ["cv_b1_a1", "cv_b2_a1", "cv_b1_a2", "cv_b2_a2"]


def test_subroutines_are_called_and_otherwise_passed_over() -> None:
    """``sub`` to ``ret`` runs only when it is called."""
    assert executed("call:x\nrun\nsub:x\nbeep\nret\nrun\n") == ["beep", "run", "run"]


@pytest.mark.parametrize("text", ["next\n", "ret\n", "call:y\n", "fora:2\nnextb\n"])
def test_a_jump_that_leads_nowhere_is_a_pop_up(text: str) -> None:
    """Broken loops and subroutines are told, not guessed."""
    with pytest.raises(Refused):
        executed(text)


def test_squeezed_values_have_no_spaces() -> None:
    """What is compared is without case and spaces."""
    assert Line(1, "forcequit", "Yes I am sure").squeezed == "yesiamsure"


def test_every_setting_is_explained(tmp_path: object) -> None:
    """The help names each key with its default and a sentence, and the defaults read back."""
    lines = list(documented())
    assert all(" # " in line for line in lines if line.startswith("  "))
    assert any("separator" in line for line in lines)
    assert read_settings(None) == Settings()


@pytest.mark.parametrize(
    "text",
    ["colour = 1", "version = 3", 'version = "newest"', "[timing]\nstart_up_s = true", "[faults]\nhalf = 1", "=", ""],
)
def test_bad_settings_name_the_key(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A typing error in the cfg is told, never ignored; an empty cfg is a good one."""
    path = tmp_path_factory.mktemp("cfg") / "cfg.toml"
    path.write_text(text)
    if not text:
        assert read_settings(str(path)) == Settings()
        return
    with pytest.raises(ValueError, match=r"cfg"):
        read_settings(str(path))
