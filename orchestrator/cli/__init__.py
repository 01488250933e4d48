"""The entry of the command line: checks that the packages beside it are cellrig's own, then opens the commands."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line; an error that a user can correct becomes one sentence on stderr and an exit status."""
    from orchestrator.cli.neighbours import foreign_package

    if problem := foreign_package():
        import sys

        sys.stderr.write(f"cellrig: {problem}\n")
        raise SystemExit(2)
    from orchestrator.cli.app import run

    run()
