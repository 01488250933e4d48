"""Several programs of the potentiostat begin at the same moment: which has the instrument is no matter of real time."""

import asyncio
import sys
from pathlib import Path

from tests.chi660e_lab import QUITS, Lab, in_lab, macro_bytes

SPECTRUM = "tech: imp\nei: 0\nfh: 100000\nfl: 1000\namp: 0.005\nqt: 2\nrun\nsave: {name}\ntsave: {name}\n" + QUITS
# The program, from a disk that takes its time.
LATE = "import runpy, time; time.sleep({delay_s}); runpy.run_module('simulators.chi660e', run_name='__main__')"

Ends = list[tuple[str, int | None, float]]


def three_at_once(folder: Path, delays_s: tuple[float, float, float]) -> tuple[Ends, bytes]:
    """Start three programs in one moment; give how and when each has ended, and the first one's file."""
    folder.mkdir()

    async def work(lab: Lab) -> Ends:
        lab.bench.clip("21-1-1")

        async def life(name: str, delay_s: float) -> tuple[str, int | None, float]:
            path = lab.folder / f"{name}.mcr"
            path.write_bytes(macro_bytes(f"folder: {lab.folder}\n{SPECTRUM.format(name=name)}"))
            late = [sys.executable, "-c", LATE.format(delay_s=delay_s), f"/runmacro:{path}"]
            process = await asyncio.to_thread(lab.launch, late, lab.folder, {})
            lab.started.append(process)
            end_s = lab.loop.time() + 600.0
            while process.poll() is None and lab.loop.time() < end_s:  # noqa: ASYNC110 - it tells nobody that it ends
                await asyncio.sleep(1.0)
            return name, process.poll(), lab.loop.time()

        return list(await asyncio.gather(*(life(name, delay_s) for name, delay_s in zip("abc", delays_s, strict=True))))

    return in_lab(folder, work), (folder / "a.bin").read_bytes()


def test_the_program_started_first_has_the_instrument_however_slowly_it_comes_up(tmp_path: Path) -> None:
    """It measures and ends, the others show that they cannot link, and files and times are the same each time."""
    slow = three_at_once(tmp_path / "slow", (0.5, 0.0, 0.0))
    assert [code for _, code, _ in slow[0]] == [0, None, None]
    assert slow == three_at_once(tmp_path / "fast", (0.0, 0.2, 0.0))
