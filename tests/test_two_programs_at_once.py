"""Several programs of the potentiostat begin at the same moment: which has the instrument is no matter of real time."""

import asyncio
from pathlib import Path

import pytest

from simulators.chi660e.launching import program
from tests.chi660e_lab import QUITS, Lab, macro_bytes, open_lab
from tests.dawdling import run_dawdling

SPECTRUM = "tech: imp\nei: 0\nfh: 100000\nfl: 1000\namp: 0.005\nqt: 2\nrun\nsave: {name}\ntsave: {name}\n" + QUITS


async def three_at_once(lab: Lab) -> list[tuple[str, int | None, float]]:
    """Start three programs from threads in one moment, and say of each when it has ended, and how."""
    lab.bench.clip("21-1-1")

    async def life(name: str) -> tuple[str, int | None, float]:
        path = lab.folder / f"{name}.mcr"
        path.write_bytes(macro_bytes(f"folder: {lab.folder}\n{SPECTRUM.format(name=name)}"))
        process = await asyncio.to_thread(lab.launch, [*program(), f"/runmacro:{path}"], lab.folder, {})
        lab.started.append(process)
        end_s = lab.loop.time() + 600.0
        while process.poll() is None and lab.loop.time() < end_s:  # noqa: ASYNC110 - a process tells nobody that it ends
            await asyncio.sleep(1.0)
        return name, process.poll(), lab.loop.time()

    return list(await asyncio.gather(*(life(name) for name in ("a", "b", "c"))))


@pytest.mark.timeout(60)
def test_the_program_started_first_has_the_instrument_whatever_the_others_are_faster_at(tmp_path: Path) -> None:
    """The first measures and ends, the others show that they cannot link, and all times are the same each time."""

    def once(seed: int) -> tuple[list[tuple[str, int | None, float]], bytes]:
        folder = tmp_path / str(seed)
        folder.mkdir()

        async def main() -> list[tuple[str, int | None, float]]:
            async with open_lab(folder, None, "") as lab:
                return await three_at_once(lab)

        return run_dawdling(main(), seed, longest_s=0.3), (folder / "a.bin").read_bytes()

    (first, second) = (once(seed) for seed in (1, 2))
    assert first == second
    assert [code for _, code, _ in first[0]] == [0, None, None]
