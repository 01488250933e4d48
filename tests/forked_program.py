"""The program as a process of its own that need not read its libraries again: forked from one that has read them.

A service is killed, waited for and asked by its process id as any other; only the second that Python takes to begin is
spared. One test of each kind still begins the program as a user does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_READ = [
    "orchestrator.api.server",
    "orchestrator.bench.opening",
    "orchestrator.cli",
    "orchestrator.store.schema",
    "orchestrator.web.server",
]


def start(arguments: list[str], shown: Path, log: Path) -> BaseProcess:
    """Start the program with its arguments; what it prints goes into the pipe ``shown``, its errors to ``log``."""
    os.mkfifo(shown)
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_READ)
    process: BaseProcess = context.Process(target=_be, args=(arguments, shown, log))
    process.start()
    return process


def _be(arguments: list[str], shown: Path, log: Path) -> None:
    from orchestrator.cli import main

    for number, path, flags in ((1, shown, os.O_WRONLY), (2, log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, encoding="utf-8") for number in (1, 2))
    sys.argv = ["cellrig", *arguments]
    main()
