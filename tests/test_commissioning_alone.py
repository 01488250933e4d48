"""A commissioning of a channel that shares its cell with another one is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench_files import bench_file
from tests.command_line import cellrig, refused

METER = (
    '[[tester]]\nkind = "smu"\nname = "meters"\n[[tester.units]]\nchannel = "smu-1"\nmodel = "keithley-2450"\n'
    'resource = "TCPIP::127.0.0.1::1::SOCKET"\nserial = "1"\n'
)
POTENTIOSTAT = '[potentiostat]\nprogram = "/opt/chi"\njobs = "/jobs"\n'


@pytest.mark.parametrize(
    ("kind", "other", "at"),
    [
        ("smu", "21-1-3", ("--channel", "smu-1")),
        ("ct4008", "smu-1", ("--channel", "21-1-3")),
        ("chi660e", "smu-1", ()),
    ],
)
def test_channel_that_shares_its_cell_is_not_commissioned(
    tmp_path: Path, kind: str, other: str, at: tuple[str, ...]
) -> None:
    """The other channel may drive what is at the holder, and nobody asks it: the sentence says what to take off."""
    cells = {"chi660e": '["chi660e", "smu-1"]'}.get(kind, '["21-1-3", "smu-1"]')
    path = bench_file(tmp_path, f"{METER}{POTENTIOSTAT}[[shared_cell]]\nchannels = {cells}\n")
    order = ("commission", kind, *at, "--bench", str(path))
    refused(cellrig(*order), 2, "are wired to one cell", f"take the leads of {other} off the holder")
    path.write_text(path.read_text().partition("[[shared_cell]]")[0])
    refused(cellrig(*order), 2, "a person must be at the terminal")
