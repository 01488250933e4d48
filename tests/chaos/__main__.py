"""Live through chaos nights: ``python -m tests.chaos [--seed N] [--days 30] [--nights N]``."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from collections import Counter

from tests.chaos.night import replay


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common())


def main() -> int:
    """Live through the nights asked for; 1 at the first that breaks an invariant, with the command that replays it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="8 channels under random faults")
    parser.add_argument("--seed", type=int, default=1, help="of the first night")
    parser.add_argument("--days", type=float, default=30.0, help="length of a night in simulated days")
    parser.add_argument("--nights", type=int, default=1, help="how many, with seeds that count up")
    parser.add_argument(
        "--instruments", action="store_true", help="with an oven around some channels, and two source meters"
    )
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for seed in range(asked.seed, asked.seed + asked.nights):
        try:
            night = replay(seed, asked.days, has_instruments=asked.instruments)
        except Exception:  # noqa: BLE001 - whatever it is, the seed must be told
            traceback.print_exc()
            command = f"python -m tests.chaos --seed {seed} --days {asked.days:g}"
            command += " --instruments" if asked.instruments else ""
            sys.stderr.write(f"\nseed {seed} breaks an invariant; replay it with: {command}\n")
            return 1
        instruments = f"  oven and source meters: {night.at_instruments}\n" if asked.instruments else ""
        sys.stdout.write(
            f"night {seed}: {asked.days:g} days x 8 channels, {night.samples} samples, {night.wall_s:.0f} s, "
            f"digest {night.digest}\n"
            f"  spectra: {_counted(night.spectra)}\n"
            f"  happened: {_counted(night.injected)}\n"
            f"  runs: {_counted(night.finished)}\n"
            f"  feed: {night.fed}\n"
            f"  notices: {night.told}\n"
            f"{instruments}"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
