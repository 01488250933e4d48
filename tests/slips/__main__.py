"""Prints, for each slip, what refuses it, and the share caught of those that could hurt.

::

    python -m tests.slips                  # a minute
    python -m tests.slips --recipes 2000   # a search
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter

from tests.slips.slips import SLIPS, Caught, outcome


def main() -> None:
    """Run the search that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", type=int, default=60, help="sound recipes that each slip is seeded into")
    parser.add_argument("--first", type=int, default=1, help="seed of the first recipe")
    parser.add_argument("--show", type=int, default=3, help="of each kind so many that could hurt are printed whole")
    asked = parser.parse_args()
    total: Counter[Caught] = Counter()
    _say(f"{'slip':34}" + "".join(f"{caught.value:>22}" for caught in Caught))
    for name in SLIPS:
        found = [one for seed in range(asked.first, asked.first + asked.recipes) if (one := outcome(name, seed))]
        counts = Counter(one.caught for one in found)
        total += counts
        _say(f"{name:34}" + "".join(f"{counts[caught]:>22}" for caught in Caught))
        for one in [one for one in found if one.caught is Caught.MISSED][: asked.show]:
            _say(f"  seed {one.seed}: {one.why}\n" + re.sub("^", "    ", one.text, flags=re.MULTILINE))
    refused = total.total() - total[Caught.HARMLESS] - total[Caught.MISSED]
    _say(f"{'all':34}" + "".join(f"{total[caught]:>22}" for caught in Caught))
    share = refused / (refused + total[Caught.MISSED])
    _say(f"caught of those that are refused or could hurt: {share:.2%}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
