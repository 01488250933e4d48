"""Simulated source meters in a process of their own, for ``benchmarks.decisions``: prints the address of each.

``python -m benchmarks.smu_units MODEL COUNT [--split] [--late SECONDS]``
"""

from __future__ import annotations

import argparse
import asyncio

from simulators.faults import Fault, Spoil
from simulators.smu import Quirks
from simulators.smu.serve import SmuOptions, serve_smu


def _announce(address: str) -> None:
    print(address, flush=True)


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("count", type=int)
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--late", type=float, default=0.0)
    options = parser.parse_args()
    faults = [Fault(Spoil.LATE, times=None, seconds=options.late)] if options.late else []
    served = SmuOptions(model=options.model, channels=options.count)
    quirks = Quirks(split_replies=options.split)
    asyncio.run(serve_smu(served, port=0, announce=_announce, quirks=quirks, faults=faults))


if __name__ == "__main__":
    main()
