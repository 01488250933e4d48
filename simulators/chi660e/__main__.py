"""The program: ``chi660e-sim /runmacro:FILE.mcr`` runs a macro and closes at the macro's command to exit.

Like the vendor's it prints nothing and its exit code says nothing: what it has to say it shows in pop-ups, where it
waits until somebody ends it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from simulators.chi660e.checking import Refused, check
from simulators.chi660e.instrument_link import BenchGone, BenchLink, Link, OwnLink
from simulators.chi660e.macro import BadPrefix, read_macro
from simulators.chi660e.saving import Saver
from simulators.chi660e.screen import Screen
from simulators.chi660e.session import Session
from simulators.chi660e.settings import Settings, read_settings

_SWITCH = "/runmacro:"
_CRASHED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the macro that the arguments name; return the exit status, which means nothing."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if any(argument in ("--help", "-h") for argument in given):
        from simulators.chi660e.help_text import usage

        sys.stdout.write(usage())
        return 0
    try:
        settings = read_settings(os.environ.get("CHI660E_SIM_CFG"))
        address = os.environ.get("CHI660E_SIM_BENCH")
        link: Link = BenchLink(address, os.environ.get("CHI660E_SIM_TOKEN", "")) if address else OwnLink(settings)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"chi660e-sim: {error}\n")
        return 2
    try:
        return _Program(link, settings, local=not address).run(_macro_path(given))
    except BenchGone:
        return 0


class _Program:
    """The window that a person would see."""

    def __init__(self, link: Link, settings: Settings, *, local: bool) -> None:
        self._link = link
        self._settings = settings
        self._saver = Saver(settings, link, local=local)
        self._screen = Screen(os.environ.get("CHI660E_SIM_SCREEN"))

    def run(self, path: str | None) -> int:
        """Start up, run the macro, and close if it asks for that."""
        faults = self._settings.faults
        if faults.crash == "start":
            return _CRASHED
        if faults.hang == "start" or path is None:
            self._link.hang()
        self._link.call("sleep", seconds=self._settings.timing.start_up_s)
        try:
            if faults.link_failed or not self._link.linked:
                raise Refused("Error", "Link Failed")
            self._link.call("off")
            closes = self._run_macro(path or "")
        except Refused as popup:
            self._show(popup.title, popup.text)
            return 0
        except BadPrefix as error:
            if self._settings.bad_prefix == "crash":
                return _CRASHED
            self._show("Microsoft Visual C++ Runtime Library", f"Runtime Error! Program: chi660e.exe. {error}")
            return 0
        if not closes or faults.hang == "end":
            self._link.hang()
        return 0

    def _run_macro(self, path: str) -> bool:
        try:
            with open(path, "rb") as file:  # noqa: PTH123 -- pathlib costs start-up time
                data = file.read()
        except OSError as error:
            raise Refused("Warning", f"Cannot open {path}: {error.strerror}") from error
        lines = read_macro(data, self._settings)
        check(lines, self._settings)
        return Session(self._link, self._settings, self._saver).run(lines)

    def _show(self, title: str, text: str) -> None:
        """Open a pop-up and wait for a click that never comes."""
        self._screen.show(title, text)
        self._link.hang("popup", title=title, text=text)


def _macro_path(arguments: Sequence[str]) -> str | None:
    """Return the macro's path out of ``/runmacro:"PATH"``, quotes or not; None without the switch."""
    for argument in arguments:
        bare = argument.strip('"')
        if bare.lower().startswith(_SWITCH):
            return bare[len(_SWITCH) :].strip('"')
    return None


if __name__ == "__main__":
    raise SystemExit(main())
