"""What the pages and the code say of one another leads somewhere: files, links, headings, sections, fault numbers."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REFERENCES = {
    name: ROOT / "docs" / "reference" / f"{name}.md" for name in ("neware-ct4008", "chi660e", "smu-and-ovens")
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The references speak of other people's files, decisions of the tree as it was when they were made.
OF_TODAY = [page for page in PAGES if page.parent.name not in {"reference", "decisions"}]
FOLDERS = ("cellrig", "protocols", "drivers", "orchestrator", "simulators", "benchmarks", "tests")
NUMBER = r"\d+(?:\.\d+)?"
MENTION = re.compile(
    rf"\breference,?(?: (?P<name>neware-ct4008|chi660e|smu-and-ovens))?,?(?: sections?)? "
    rf"(?P<places>(?:{NUMBER}|appendix [AB])(?:(?:, | and | to |, and )(?:section )?(?:{NUMBER}|appendix [AB]))*)"
)
# Two simulators name sections in brackets, and say so at their head.
BRACKETS = re.compile(rf"\[({NUMBER}(?:, [^\]]*)?)\]")
FAULT = re.compile(r"\b[A-I]\d\d\b")


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


@cache
def _prose(module: Path) -> str:
    """Give a module's docstrings and comments, each as one line."""
    text = module.read_text("utf-8")
    pieces = re.findall(r'"""(.*?)"""', text, re.DOTALL)
    # Comment lines that follow one another are one sentence or more; so is what stands behind code.
    pieces += [re.sub(r"\n\s*# ?", " ", block) for block in re.findall(r"(?:^[ \t]*# .*\n)+", text, re.MULTILINE)]
    pieces += re.findall(r"\S  # (.*)", text)
    return "\n".join(" ".join(piece.split()) for piece in pieces)


def _sections(page: Path) -> set[str]:
    """Give what a reference's numbers may name: headings, and the numbered points under a heading without parts."""
    found: set[str] = set()
    current = ""
    for line in page.read_text("utf-8").splitlines():
        if heading := re.match(rf"#+ (?:(appendix [AB])|({NUMBER}))\b", line, re.IGNORECASE):
            current = (heading[1] or heading[2]).lower()
            found.add(current)
        elif point := re.match(r"(\d+)\. ", line):
            found.add(f"{current}.{point[1]}")
    return found


SECTIONS = {name: _sections(page) for name, page in REFERENCES.items()}


def _mentions(module: Path) -> Iterator[tuple[str, str]]:
    """Give which section of which reference a module speaks of. Where it names none, its own name tells which."""
    prose = _prose(module)
    own = "chi660e" if re.search(r"(?:^|[/_])chi", _id(module)) else "neware-ct4008"
    for found in MENTION.finditer(prose):
        for place in re.findall(rf"{NUMBER}|appendix [AB]", found["places"]):
            yield found["name"] or own, place.lower()
    if module.parent in {ROOT / "simulators" / "neware", ROOT / "simulators" / "chi660e"}:
        for bracket in BRACKETS.finditer(prose):
            for place in re.findall(NUMBER, bracket[1]):
                yield own, place


def test_references_have_their_sections() -> None:
    """All references are read here by their headings; a change of form would make the other claims hollow."""
    assert {"2.2", "4.5", "7.3", "appendix b"} <= SECTIONS["neware-ct4008"]
    assert {"4.4", "9.2", "11", "14.9"} <= SECTIONS["chi660e"]
    assert {"1.10", "18", "22", "28"} <= SECTIONS["smu-and-ovens"]


def test_every_section_that_code_names_is_in_the_reference() -> None:
    """Who follows a number from the code finds what it stands on."""
    mentions = [(_id(module), *mention) for module in _modules() for mention in _mentions(module)]
    assert len(mentions) > 100
    assert [mention for mention in mentions if mention[2] not in SECTIONS[mention[1]]] == []


def test_every_fault_that_code_names_is_on_the_page_of_faults() -> None:
    """A number such as A05 in a sentence of the code is explained in docs/faults.md."""
    known = set(FAULT.findall((ROOT / "docs" / "faults.md").read_text("utf-8")))
    named = {fault: _id(module) for module in _modules() for fault in FAULT.findall(_prose(module))}
    assert len(named) > 40
    assert {fault: module for fault, module in named.items() if fault not in known} == {}


def test_code_points_to_nothing_that_is_not_shipped() -> None:
    """No sentence of the code sends its reader to a plan or a page that is not in the repository."""
    astray = {}
    for module in _modules():
        prose = _prose(module)
        pages = [page for page in re.findall(r"docs/[\w./-]+\.md", prose) if not (ROOT / page).is_file()]
        if found := pages + re.findall(r"\b(?:design|faults),? (?:section )?\d|\b(?:house|screen|style)\.md\b", prose):
            astray[_id(module)] = found
    assert astray == {}


def test_floors_of_the_pages_are_those_that_are_enforced() -> None:
    """CONTRIBUTING's table and the map of the architecture have each room on the floor that its contract gives it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["id"] == "floors-of-the-orchestrator"]
    # One in brackets is kept for a room that is not there yet.
    floors = [floor.split(" | ") for floor in layers if not floor.startswith("(")]
    rows = re.findall(r"^\| \d+ \| (`.*?`) \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    assert [re.findall(r"`(\w+)`", row) for row in rows] == floors
    drawn = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition(" orchestrator/ ")[2].splitlines()
    lines = iter([" " * 15 + drawn[0], *drawn[1:]])
    for floor in floors:
        # A floor of many rooms takes several lines.
        shown: list[str] = []
        while len(shown) < len(floor):
            shown += next(lines)[:66].split()
        assert shown == floor


@pytest.mark.parametrize("page", OF_TODAY, ids=_id)
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    """A page names a module by its path, or a test by its file's name, and the file is there."""
    missing = [
        name
        for name in re.findall(r"`([\w./-]+\.(?:py|sh))`", page.read_text("utf-8"))
        if not (ROOT / name).is_file() and not (ROOT / "tests" / name).is_file()
    ]
    assert missing == []


@pytest.mark.parametrize("page", OF_TODAY, ids=_id)
def test_every_folder_that_a_page_names_exists(page: Path) -> None:
    """A page that speaks of one of the project's folders speaks of one that is there."""
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)}|docs|findings)/(?:[\w-]+/)*)`", page.read_text("utf-8"))
    assert [name for name in named if not (ROOT / name).is_dir()] == []


def _anchors(page: Path) -> set[str]:
    """Give the anchors that a Markdown viewer makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", *(ROOT / "findings").glob("*.md")], ids=_id)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative link's file is there, and so is the heading that it names."""
    astray = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text("utf-8")):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            astray.append(f"{target}#{anchor}")
    assert astray == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    """A page that no page leads to is not found; decisions are found by their folder."""
    reached = {ROOT / "README.md"}
    frontier = [ROOT / "README.md"]
    while frontier:
        page = frontier.pop()
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            file = (page.parent / target).resolve()
            if file.suffix == ".md" and file.is_file() and file not in reached:
                reached.add(file)
                frontier.append(file)
    assert [_id(page) for page in PAGES if page not in reached and page.parent.name != "decisions"] == []


def test_code_in_docstrings_stands_in_double_backticks() -> None:
    """One dialect: a name or a command quoted in a docstring or comment has two backticks on either side."""
    single = re.compile(r"(?<![`\\])`[^`\n]+`(?!`)")
    found = {}
    for module in _modules():
        text = module.read_text("utf-8")
        # Most files hold none at all, and need no parsing; help of the command line is shown as it stands.
        if not single.search(text) or module.parent.name == "cli":
            continue
        docstrings = [
            node.value.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ]
        comments = re.findall(r"^\s*# .*", text, re.MULTILINE)
        if quoted := [piece for piece in (*docstrings, *comments) if single.search(piece)]:
            found[_id(module)] = quoted
    assert found == {}
