"""Kills the service a thousand times: ``python -m tests.kill``; replay one scenario with ``--seed N``."""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count

from tests.kill.checks import KINDS
from tests.kill.harness import Outcome, play
from tests.kill.plan import Plan, plan, plan_with_instruments

# Without one the campaign has no feed, and says so.
_HAS_BROKER = shutil.which("mosquitto") is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Play scenarios until enough kills are done; give 1 when any invariant was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.kill", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="how many kills at least (default: 1000)")
    parser.add_argument("--workers", type=int, default=2, help="scenarios at the same time (default: 2)")
    parser.add_argument("--first", type=int, default=1, help="the first seed (default: 1)")
    parser.add_argument("--seed", type=int, help="play this scenario only")
    parser.add_argument("--instruments", action="store_true", help="runs in an oven and on a source meter")
    chosen = parser.parse_args(arguments)
    plan_of = plan_with_instruments if chosen.instruments else plan
    started_s = time.monotonic()
    if chosen.seed is not None:
        outcomes = [play(plan_of(chosen.seed), looked_at=True, is_fed=_HAS_BROKER, is_told=True)]
    else:
        outcomes = list(_campaign(plan_of, chosen.kills, chosen.workers, chosen.first))
    _say(table(outcomes, plan_of(1).speed))
    _say(f"{time.monotonic() - started_s:.0f} s in all")
    bad = [outcome for outcome in outcomes if outcome.findings.wrong]
    for outcome in bad:
        for kind, message in outcome.findings.wrong:
            _say(f"seed {outcome.seed}: {kind}: {message}")
        _say(f"replay: python -m tests.kill --seed {outcome.seed}{' --instruments' if chosen.instruments else ''}")
    return 1 if bad else 0


def _campaign(plan_of: Callable[[int], Plan], kills: int, workers: int, first: int) -> Iterator[Outcome]:
    done = 0
    seeds = count(first)
    # Processes, not threads: ``Process.start`` looks at the children of all threads, and a child whose end is read
    # twice seems to have ended with 255.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        playing: set[Future[Outcome]] = {
            pool.submit(play, plan_of(next(seeds)), looked_at=True, is_fed=_HAS_BROKER, is_told=True)
            for _ in range(workers)
        }
        while playing:
            over, playing = wait(playing, return_when=FIRST_COMPLETED)
            for future in over:
                outcome = future.result()
                done += sum(outcome.kills.values())
                wrong = "".join(f"\n  {kind}: {message}" for kind, message in outcome.findings.wrong)
                _progress(f"{done} of {kills} kills, seed {outcome.seed}{wrong}", keep=bool(wrong))
                yield outcome
                if done < kills:
                    playing.add(
                        pool.submit(play, plan_of(next(seeds)), looked_at=True, is_fed=_HAS_BROKER, is_told=True)
                    )


def table(outcomes: Sequence[Outcome], speed: float) -> str:
    """Give what all scenarios came to."""
    kills = sum((Counter(outcome.kills) for outcome in outcomes), Counter[str]())
    ends = sum((Counter(outcome.findings.ends) for outcome in outcomes), Counter[str]())
    wrong = Counter(kind for outcome in outcomes for kind, _ in outcome.findings.wrong)
    rows = [("scenarios", str(len(outcomes))), ("kills", str(kills.total()))]
    rows += [(f"  {name}", str(number)) for name, number in sorted(kills.items())]
    rows += [("restarts with runs to decide", str(sum(outcome.restarts for outcome in outcomes)))]
    rows += [("starts that only observed", str(sum(outcome.observing for outcome in outcomes)))]
    rows += [("records compared", str(sum(outcome.findings.records for outcome in outcomes)))]
    rows += [("records shown by web, and compared", str(sum(outcome.rows_shown for outcome in outcomes)))]
    fed = str(sum(outcome.events_fed for outcome in outcomes)) if _HAS_BROKER else "none: mosquitto is missing"
    rows += [("events published by the feed, and compared", fed)]
    rows += [("alarms that the notices took up", str(sum(outcome.alarms_told for outcome in outcomes)))]
    rows += [("runs", str(ends.total()))] + [(f"  {name}", str(number)) for name, number in sorted(ends.items())]
    rows += [(f"violations: {kind}", str(wrong[kind])) for kind in KINDS]
    for name, times in (("decided", "decided_s"), ("first good poll", "good_s")):
        values = sorted(value for outcome in outcomes for value in getattr(outcome, times))
        if values:
            p50, p99 = (values[min(len(values) - 1, int(len(values) * part))] for part in (0.5, 0.99))
            rows += [(f"restart to {name}, p50 / p99", f"{p50 * 1e3:.0f} / {p99 * 1e3:.0f} ms real")]
            rows += [("", f"{p50 * speed:.0f} / {p99 * speed:.0f} s simulated")]
    if back := sorted(value for outcome in outcomes for value in outcome.back_s):
        rows += [("deaths of web", str(len(back)))]
        rows += [("web back, p50 / longest", f"{back[len(back) // 2]:.2f} / {back[-1]:.2f} s")]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _progress(text: str, *, keep: bool) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if keep else ""))
    else:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
