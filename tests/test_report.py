"""A report says what is in the store, all of it, in a page and a PDF that need nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from pypdf import PdfReader

from orchestrator.analysis.replicates import not_comparable, statistics
from orchestrator.analysis.summary import summarize
from orchestrator.cli.analysis_tables import text_tables
from orchestrator.cli.report import write_report
from orchestrator.events import EventKind
from orchestrator.importing.importing import import_file
from orchestrator.importing.read_run import ImportOptions
from orchestrator.report.blocks import Block, Chapter, Heading, Picture, Pictures, Report, Words, facts, table, thinned
from orchestrator.report.blocks_html import page
from orchestrator.report.blocks_pdf import pdf
from orchestrator.report.group_by import GroupBy
from orchestrator.report.journal_page import style
from orchestrator.report.run_report import ReportOrder, comparison, contents_of, group_of, report
from orchestrator.store import Store, open_store
from orchestrator.store.origins import Origin, Origins
from orchestrator.tables.run_data import RunData
from protocols.document import Document
from protocols.loading import cell_document
from protocols.program import Program
from tests.command_line import cellrig, refused
from tests.import_rig import half_cycles, imported
from tests.run_maker import CELL, CUTS_S, PROGRAM, START_UNIX_S, RunMaker, cycling, program_of

SHORT = program_of(cycling(2))


def made(store: Store, program: Program = SHORT, cuts_s: tuple[float, ...] = (), state: str = "completed") -> str:
    """Put a run into a store that has come to an end."""
    run_id = RunMaker(store, program).run(cuts_s)
    store.set_run_state(run_id, state, "program finished" if state == "completed" else "a person", START_UNIX_S + 9e4)
    return run_id


def reported(store: Store, *run_ids: str) -> Report:
    """Give the report on runs."""
    return report(store, ReportOrder(run_ids), text_tables)


def compared(store: Store, *run_ids: str) -> str:
    """Give the letters of the comparison of runs, without its pictures."""
    chapter = comparison(store, [contents_of(store, run_id) for run_id in run_ids], GroupBy.CELL)
    blocks: list[Block] = [block for block in chapter.blocks if not isinstance(block, Pictures)]
    return page(Report("cellrig report", "k", "t", (Chapter("c", blocks),))).decode()


def words_of(document: bytes) -> str:
    """Give the letters of a page, as a reader sees them."""

    class Letters(HTMLParser):
        found = ""
        hidden = ("style", "svg")
        depth = 0

        def handle_starttag(self, tag: str, _: object) -> None:
            self.depth += tag in self.hidden

        def handle_endtag(self, tag: str) -> None:
            self.depth -= tag in self.hidden

        def handle_data(self, data: str) -> None:
            self.found += "" if self.depth else f" {data}"

    letters = Letters()
    letters.feed(document.decode())
    return " ".join(letters.found.split())


def words_of_pdf(document: bytes) -> list[str]:
    """Give the letters of each page of a PDF."""
    return [" ".join(each.extract_text().split()) for each in PdfReader(BytesIO(document)).pages]


def test_page_needs_nothing_else_and_runs_nothing(store: Store) -> None:
    """No script, no request, no file: only places in itself are named, and a label is no markup."""
    run_id = made(store)
    with store.transaction() as connection:
        connection.execute("UPDATE run SET label = '<script>alert(1)</script>'")
    with style():
        text = page(reported(store, run_id)).decode()
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert re.findall(r'\b(?:href|src)="(?!#)', text) == []
    assert re.findall(r"url\((?!#)|@import", text) == []
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(ids)
    assert text.count("<svg") == text.count("<figcaption") >= 3


def test_report_tells_every_interruption_and_the_limits(store: Store) -> None:
    """Each cut is told with what was not recorded and why; limits are those of the program, in page and PDF alike."""
    run_id = made(store, PROGRAM, CUTS_S)
    limits = PROGRAM.cycling[0].limits
    with style():
        found = reported(store, run_id)
        told, pages = words_of(page(found)), " ".join(words_of_pdf(pdf(found)))
    for words in (told, pages):
        assert words.count("the tester lost its power") >= 2 * len(store.deviations(run_id)) == 6
        for volts in (limits.host.low_v, limits.tester.high_v, limits.absolute.low_v):
            assert f" {volts:g} " in words
        assert "1 h 23 min" in words
        assert PROGRAM.sha256 in words
        assert "time / h" in pages
        assert "nobody measured it" in words


def test_cell_is_told_as_its_file_says(store: Store) -> None:
    """Both electrodes, the electrolyte and what people wrote as metadata; without the file what the program knows."""
    run_id, other, old = (made(store) for _ in range(3))
    Origins(store).add(run_id, Origin(cell=cell_document("coated-lfp")))
    Origins(store).add(old, Origin(cell=Document("old.yaml", "name: of another version")))
    with style():
        told, *without = (words_of(page(reported(store, each))) for each in (run_id, other, old))
    assert "electrolyte PEO-LiTFSI, about 2.4e-4 S/cm" in told
    assert "working electrode LiFePO4 on Al foil counter electrode Li foil, coated (DCPL)" in told
    assert "case CR2032" in told
    assert not [words for words in without if "counter electrode" in words]


def test_letters_of_pictures_that_no_font_has_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report had boxes for them and said nothing, where ``cellrig plot`` does; cuneiform is in no usual font."""
    pictures = []
    for name in ("\U00012000", "\U00012001\U00012000", "A17"):
        figure = Figure(figsize=(2, 1))
        figure.suptitle(name)
        pictures.append(Picture(name, figure, "c", "c"))
    made_report = Report("cellrig report", "k", "t", (Chapter("c", [Pictures(tuple(pictures))]),))
    with style():
        write_report(made_report, (tmp_path / "a.html",), None, 72)
    said = capsys.readouterr().err.replace("\n", " ")
    assert "cellrig: no font of this machine has \U00012000\U00012001: boxes stand for them" in said


def test_verdict_stands_with_the_numbers_it_was_found_by(store: Store) -> None:
    """A finding is told with its run time and its evidence, each with its unit."""
    run_id = made(store)
    data = '{"action": "complete", "time_s": 180.0, "before_ohm": 640.6094, "after_ohm": 3.69, "current_ma": -0.157}'
    store.add_event(run_id, EventKind.CELL_SHORTED, "shorted since 0.05 h", START_UNIX_S + 180, data_json=data)
    seen = '{"verdict": "soft short", "cycle": 1, "present": false}'
    store.add_event(run_id, EventKind.SOFT_SHORT, "soft short, first seen in cycle 1", START_UNIX_S, data_json=seen)
    with style():
        told = words_of(page(reported(store, run_id)))
    assert "present" not in told
    assert "0.050 h cell shorted shorted since 0.05 h before 640.6 ohm, after 3.69 ohm, current -0.157 mA" in told


def test_a_run_with_nothing_in_it_is_reported_as_such(store: Store) -> None:
    """A run that was refused has no test: its report says so, draws nothing, and has its program and limits."""
    run_id = RunMaker(store, SHORT).run_id
    with style():
        found = reported(store, run_id)
        told, pages = words_of(page(found)), words_of_pdf(pdf(found))
    assert "nothing was recorded" in told
    assert "There are no records to draw." in told
    assert "No half-cycle has passed yet" in told
    assert found.pictures == ()
    assert all(pages)


def test_replicates_have_mean_deviation_and_n_and_runs_without_the_number_are_named(store: Store) -> None:
    """Of runs of one cell and recipe the table says n, mean and deviation; nobody's missing number is made up."""
    found = statistics({"R1": 1.0, "R2": 2.0, "R3": None, "R4": float("nan"), "R5": 3.0})
    assert (found.n, found.mean, found.deviation, found.without) == (3, 2.0, 1.0, ("R3", "R4"))
    assert statistics({"R1": 4.0}).deviation is None
    assert statistics({"R1": None}).mean is None
    runs = [made(store) for _ in range(3)]
    assert not_comparable([RunData(store, run_id) for run_id in runs]) == []
    told = words_of(compared(store, *runs).encode())
    assert "Replicates: made, made" in told
    assert "overpotential, cycle 2 / mV 3 200.0" in told
    assert "not comparable" not in told


def test_runs_that_are_not_comparable_are_not_averaged_in_silence(store: Store) -> None:
    """Another recipe, area or end, or a simulated one among real ones, is said above the numbers."""
    larger = replace(SHORT, cell=replace(CELL, area_cm2=1.2))
    other = replace(SHORT, recipe_sha256="1" * 64)
    runs = [made(store), made(store, larger), made(store, other), made(store, state="stopped")]
    reasons = " ".join(not_comparable([RunData(store, run_id) for run_id in runs]))
    for reason in ("different recipes", "different areas: 1 to 1.2 cm2", "R000004 is stopped", "(11111111)"):
        assert reason in reasons
    assert 'class="warning">These runs are not comparable as they are: different recipes' in compared(store, *runs)


def test_runs_from_files_of_other_programs_have_no_recipe_to_differ_in(store: Store, tmp_path: Path) -> None:
    """Their recipes are not known: the names of two files were called different recipes, the cells of no reality."""
    runs = []
    for name, current_a in (("a.csv", 0.001), ("b.csv", 0.002)):
        lines = [f"{5 * n},{3 + n / 100},{current_a if n < 10 else -current_a}" for n in range(20)]
        (tmp_path / name).write_text("\n".join(("Test Time / s,Voltage / V,Current / A", *lines, "")))
        runs.append(str(imported(store, tmp_path / name, started_unix_s=1.7e9).run_id))
    (reason,) = not_comparable([RunData(store, run_id) for run_id in runs])
    assert reason == f"recipes that are not known: {runs[0]}, {runs[1]} from files of other programs"
    with style():
        told = words_of(page(reported(store, *runs)))
    assert f"cellrig, report on stored runs; from files of other programs: {runs[0]}, {runs[1]}" in told
    assert "not known whether simulated" not in told


def test_run_that_was_imported_again_is_no_replicate_of_itself(store: Store, tmp_path: Path) -> None:
    """A cell whose records are there twice is said to be one cell, and no deviation of nothing is believed."""
    path = half_cycles(tmp_path / "a.bdf.csv")
    runs = [imported(store, path).run_id]
    (again,) = import_file(store, path, ImportOptions(), by="", progress=lambda _done, _all: None, again=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / path.name).write_text(path.read_text().replace("-0.0009", "-0.0008"))
    runs = [*runs, again.run_id, imported(store, other / path.name).run_id]
    reasons = not_comparable([RunData(store, run_id) for run_id in runs])
    assert "the same records, of one cell: R000001 and R000002" in reasons
    assert not any("same records" in one for one in not_comparable([RunData(store, run_id) for run_id in runs[1:]]))
    assert "the same records, of one cell: R000001 and R000002" in compared(store, *runs)


def test_groups_are_by_cell_or_by_label_without_its_number(store: Store) -> None:
    """``bare 12`` and ``bare_3`` are one group by label; the cell's file and recipe are one by cell."""
    summary = replace(summarize(store, made(store)), label="bare 12")
    assert group_of(summary, GroupBy.LABEL) == group_of(replace(summary, label="bare_3"), GroupBy.LABEL) == "bare"
    assert group_of(summary, GroupBy.CELL) == "made, made"


def test_more_runs_than_can_be_told_apart_are_compared_in_numbers(store: Store) -> None:
    """Thirty runs have a row each and no picture together, which is said."""
    runs = [made(store, program_of(cycling(1))) for _ in range(30)]
    told = words_of(compared(store, *runs).encode())
    assert all(f" {run_id} made" in told for run_id in runs)
    assert "30 runs cannot be told apart" in told


def test_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """A page, a PDF and a PNG have no date and no random name; an older report is replaced, another file is not."""
    with open_store(tmp_path / "s.db") as store:
        made(store)
    bytes_of = []
    for _ in range(2):
        done = cellrig(
            "report",
            "R000001",
            "--store",
            "s.db",
            "--pdf",
            "--png",
            "p",
            "--dpi",
            72,
            "-o",
            "r.html",
            "--no-fits",
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[:2] == ["r.html", "r.pdf"]
        files = [tmp_path / name for name in done.stdout.split()]
        bytes_of.append([path.read_bytes() for path in files])
    assert bytes_of[0] == bytes_of[1]
    assert bytes_of[0][2].startswith(b"\x89PNG")
    (tmp_path / "mine.html").write_text("mine")
    (tmp_path / "mine.pdf").write_bytes(b"%PDF-1.7 mine")
    refused(cellrig("report", "R000001", "--store", "s.db", "-o", "mine.html", cwd=tmp_path), 1, "no report page")
    refused(cellrig("report", "R000001", "--store", "s.db", "-o", "mine.pdf", cwd=tmp_path), 1, "no report")
    refused(cellrig("report", "R000001", "--store", "s.db", "-o", "mine.txt", cwd=tmp_path), 2, ".html")


def test_pdf_has_whole_rows_a_head_on_each_page_and_captions_by_their_pictures() -> None:
    """A table of 150 rows goes over pages: each row is on one of them, below its heads; Chinese is in it, no tag is."""
    rows = [(f"row{n}", f"begin{n} " + "long words of a sentence that is wrapped " * 3 + f"end{n}") for n in range(150)]
    chapter = Chapter(
        "电池 <b>& Li/Li", [Heading("h"), Words("w"), facts(("name", "x" * 300)), table(("place", "what"), rows)]
    )
    pages = words_of_pdf(pdf(Report("cellrig report", "kicker", "title Ω ± °C", (chapter,))))
    assert len(pages) > 3
    assert "title Ω ± °C" in pages[0]
    assert "<b>& Li/Li" in pages[0]
    assert "电池" in pages[0]
    for n in range(150):
        (mine,) = [words for words in pages if f"begin{n} " in words]
        assert f"end{n}" in mine.split()
        assert "place what" in mine
    assert [f"page {n}" in words for n, words in enumerate(pages, 1)] == [True] * len(pages)


def test_value_and_unit_stand_in_one_line_of_a_pdf() -> None:
    """However long the other columns are: the hour of a finding stood a line below its number."""
    rows = [("58.348\N{NO-BREAK SPACE}h", "soft short suspected", "what was seen of it " * 20, "its evidence " * 20)]
    chapter = Chapter("c", [table(("at", "verdict", "what was seen", "evidence"), rows)])
    (sheet,) = PdfReader(BytesIO(pdf(Report("g", "k", "t", (chapter,))))).pages
    assert "58.348 h" in [" ".join(line.split()) for line in sheet.extract_text().splitlines()]


def test_a_row_longer_than_a_page_goes_on_on_the_next() -> None:
    """What an instrument says at length is neither cut nor the end of the report."""
    text = " ".join(f"word{n}" for n in range(3000))
    pages = words_of_pdf(pdf(Report("g", "k", "t", (Chapter("c", [table(("a", "b"), [("1", text)])]),))))
    found = set(" ".join(pages).split())
    assert {f"word{n}" for n in range(3000)} <= found


def test_title_that_two_pages_share_is_whole_and_one_line_of_the_outline() -> None:
    """A chapter's title may be of any length: its words are all there, and its outline has it once."""
    title = " ".join(f"word{n}" for n in range(900))
    document = pdf(Report("g", "k", "t", (Chapter(title, [Words("w")]),)))
    assert set(title.split()) <= set(" ".join(words_of_pdf(document)).split())
    assert len(PdfReader(BytesIO(document)).outline) == 1


def test_short_words_of_a_table_are_not_parted() -> None:
    """A label such as ``bare-1`` was parted behind its hyphen; a path may be, and sentences are."""
    rows = [("bare-1", "two words", "/a/path/that/is/long/enough-to-be-parted", "3.2")]
    text = page(Report("g", "k", "t", (Chapter("c", [table(("label", "b", "c", "d"), rows, (3,))]),))).decode()
    classes = dict(re.findall(r'<td data-head="(.)[^"]*"(?: class="(\w+)")?>', text))
    assert classes == {"l": "word", "b": "", "c": "", "d": "number"}


def test_long_tables_are_thinned_evenly_and_say_so() -> None:
    """The first and the last row stay; the note has how many there were."""
    kept, note = thinned(list(range(1000)), "cycles")
    assert (len(kept), kept[0], kept[-1]) == (16, 0, 999)
    assert "16 of 1000 cycles" in note
    assert thinned([1, 2], "cycles") == ([1, 2], "")
