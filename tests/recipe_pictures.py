"""Makes the pictures of docs/recipe-library.md: what each shipped recipe does on a simulated cell.

::

    python -m tests.recipe_pictures             # all, some minutes
    python -m tests.recipe_pictures lfp-hppc    # these

Each is what ``cellrig recipe forecast --plot`` draws, made smaller: all of them are well below 1 MB.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from orchestrator.cli.forecasts import draw
from tests.everyday import EVERYDAY, Everyday

FOLDER = Path(__file__).parents[1] / "docs" / "pictures" / "recipes"
_WIDTH = 460
_COLOURS = 24


def picture(everyday: Everyday, folder: Path) -> Path:
    """Run a recipe in virtual time and draw it; return the file."""
    store, drawn = folder / f"{everyday.recipe}.db", folder / f"{everyday.recipe}.png"
    ended = everyday.run(everyday.drawn, store)
    draw(store, ended.run_id, drawn, everyday.recipe)
    with Image.open(drawn) as large:
        height = large.height * _WIDTH // large.width
        small = large.convert("RGB").resize((_WIDTH, height), Image.Resampling.LANCZOS).quantize(_COLOURS)
    FOLDER.mkdir(exist_ok=True)
    there = FOLDER / drawn.name
    small.save(there, optimize=True)
    return there


def main(names: list[str]) -> None:
    """Draw the recipes of these names, or all."""
    with tempfile.TemporaryDirectory(prefix="cellrig-pictures-") as folder:
        for everyday in EVERYDAY:
            if not names or everyday.recipe in names:
                there = picture(everyday, Path(folder))
                sys.stdout.write(f"{there.name}: {there.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
