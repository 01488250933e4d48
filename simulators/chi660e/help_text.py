"""The text of ``chi660e-sim --help``."""

from __future__ import annotations

from simulators.chi660e.settings import documented

_HEAD = """\
usage: chi660e-sim /runmacro:FILE.mcr

Stands in for the vendor's CHI660E program: runs a macro on a simulated cell, writes the files that the macro saves,
and closes if the macro ends in `forcequit:yesiamsure`. It prints nothing; errors are pop-ups, where it waits until it
is ended from outside.

environment:
  CHI660E_SIM_CFG     a TOML file of settings, see below
  CHI660E_SIM_SCREEN  a file to write open pop-ups to: a JSON list of {"title", "text"}
  CHI660E_SIM_BENCH   host:port of a bench's control socket: measure the cell its leads are on, in its time.
                      Without it: a cell of the program's own, in real time.
  CHI660E_SIM_TOKEN   who has started this process, set by the bench

settings, all optional, with what holds without them:
"""


def usage() -> str:
    """Return the text."""
    return _HEAD + "".join(f"{line}\n" for line in documented())
