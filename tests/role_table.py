"""Writes the table of rights into docs/people.md: ``python -m tests.role_table``. Look at what has changed."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.people.rights import RIGHTS, Right

PAGE = Path(__file__).resolve().parent.parent / "docs" / "people.md"
BEGINS, ENDS = "<!-- rights -->\n", "<!-- end of rights -->"


def line(right: Right) -> str:
    """Return the line of a right."""
    log = f"`{right.act}`" if right.act else ""
    role = right.role.value if right.role else "everybody"
    return f"| {right.method} | `{right.template}` | {role}{', signed in' if right.needs_session else ''} | {log} |"


def table() -> str:
    """Return the table of all rights."""
    head = "| method | address | least role | in the log |\n|---|---|---|---|\n"
    return head + "\n".join(line(right) for right in RIGHTS) + "\n"


def main() -> None:
    """Write the table."""
    text = PAGE.read_text("utf-8")
    pattern = re.compile(f"(?<={re.escape(BEGINS)}).*?(?={re.escape(ENDS)})", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda _: "\n" + table() + "\n", text), "utf-8")


if __name__ == "__main__":
    main()
