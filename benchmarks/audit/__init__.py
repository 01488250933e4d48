"""How often an audit is wrong: false findings of healthy cells of every kind, and planted faults that it misses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from benchmarks.audit.plants import PLANTED, Planted
from benchmarks.audit.rack import LFP, LI_CU, LI_LI, open_vendor_rack
from benchmarks.figures import Aim, Figure, Size
from orchestrator.audit.kinds import AuditFinding
from orchestrator.clock.virtual import run_virtual

MODELS = (LI_LI, "bare-li-li", LFP, "bare-lfp", LI_CU, "bare-li-cu")
# Bare Li/Li cells short within some days, and an audit says so: they are followed while they are healthy.
_SHORTING = "bare-li-li"
_HEALTHY_H = 48.0
# Hours of one rack, and racks with other cells of the same kinds; each second of them without step files.
_HOURS = {Size.SMOKE: 6.0, Size.QUICK: 168.0, Size.FULL: 504.0}
_RACKS = {Size.SMOKE: 1, Size.QUICK: 1, Size.FULL: 2}


async def healthy(models: Sequence[str], hours: float, seed: int, *, with_files: bool) -> Sequence[AuditFinding]:
    """Follow a rack of healthy cells for so long, and return what is found."""
    async with open_vendor_rack(models, with_files=with_files, seed=seed) as rack:
        for channel in rack.models:
            rack.start(channel)
        return await rack.follow(hours, 590.0)


async def is_found(planted: Planted) -> bool:
    """Return whether a planted fault is found by its name, and nothing that is not its consequence."""
    async with open_vendor_rack(planted.models, quirks=planted.quirks, with_files=planted.with_files) as rack:
        acting = asyncio.create_task(planted.act(rack))
        await asyncio.sleep(0)
        await rack.follow(planted.hours, planted.every_s)
        await acting
        return planted.kind in rack.kinds() and rack.kinds() - {planted.kind} <= planted.also


def measure(size: Size) -> list[Figure]:
    """Follow healthy cells and planted faults in virtual time."""
    hours, racks = _HOURS[size], _RACKS[size]
    began_s = time.process_time()
    short_h, lasting = min(hours, _HEALTHY_H), [model for model in MODELS if model != _SHORTING]
    false: list[AuditFinding] = []
    for n in range(racks):
        false += run_virtual(healthy(lasting, hours, n + 1, with_files=n % 2 == 0))
        false += run_virtual(healthy([_SHORTING], short_h, n + 1, with_files=n % 2 == 0))
    followed_h = racks * (hours * len(lasting) + short_h)
    took_s = time.process_time() - began_s
    planted = PLANTED[:3] if size is Size.SMOKE else PLANTED
    found = sum(run_virtual(is_found(one)) for one in planted)
    return [
        Figure("channel hours of healthy cells", followed_h, "h"),
        Figure("false findings", 1000 * len(false) / followed_h, "in 1000 h", Aim(0.0, at_most=True)),
        Figure("planted faults", len(planted), ""),
        Figure("planted faults found", found, "", Aim(len(planted), at_most=False)),
        Figure("processor time of rack and audit", 1000 * took_s / followed_h, "s in 1000 h"),
    ]
