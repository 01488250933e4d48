"""Before a run: the state of the power supply, by what a command prints of it."""

from __future__ import annotations

import sys
import time

import pytest

from orchestrator.checks import Outcome
from orchestrator.preflight.ups import NoAnswer, judged_ups, printed, ups_check, values_in

NUT = "Init SSL without certificate database\nbattery.charge: 87\nbattery.runtime: 1320\nups.status: {state}\n"
APC = "APC      : 001,036,0873\nSTATUS   : {state}\nBCHARGE  : 87.0 Percent\nTIMELEFT :  22.0 Minutes\n"


@pytest.mark.parametrize(
    ("text", "state", "outcome"),
    [
        (NUT, "OL", Outcome.PASS),
        (NUT, "OL CHRG", Outcome.PASS),
        (NUT, "OB DISCHRG", Outcome.WARN),
        (NUT, "OB LB", Outcome.FAIL),
        (NUT, "OL LB", Outcome.WARN),
        (NUT, "OL RB", Outcome.WARN),
        (NUT, "OL FSD", Outcome.FAIL),
        (NUT, "OFF", Outcome.FAIL),
        (NUT, "BYPASS", Outcome.WARN),
        (NUT, "WAIT", Outcome.WARN),
        (NUT, "", Outcome.WARN),
        (APC, "ONLINE", Outcome.PASS),
        (APC, "ONBATT", Outcome.WARN),
        (APC, "ONBATT LOWBATT", Outcome.FAIL),
        (APC, "ONLINE REPLACEBATT", Outcome.WARN),
        (APC, "COMMLOST", Outcome.WARN),
    ],
)
def test_state_of_a_ups_is_judged_by_its_words(text: str, state: str, outcome: Outcome) -> None:
    """Of both programs that print it: on the mains passes, on battery warns, about to be empty refuses."""
    check = judged_ups(values_in(text.format(state=state)))
    assert check.outcome is outcome
    assert not state or state in check.sentence


def test_battery_is_told_in_percent_and_minutes() -> None:
    """Both programs give the same sentence; a battery that tells no number is left out."""
    told = "battery at 87 %; enough for 22 min"
    assert told in judged_ups(values_in(NUT.format(state="OL"))).sentence
    assert told in judged_ups(values_in(APC.format(state="ONLINE"))).sentence
    assert judged_ups({"ups.status": "OL", "battery.charge": "n/a", "battery.runtime": "-1"}).sentence == (
        "the UPS says 'OL': it is on the mains"
    )


def test_bench_without_a_ups_says_which_setting_names_one() -> None:
    """Nothing is run, and the sentence is no alarm."""
    check = ups_check(())
    assert (check.outcome, "ups_command" in check.to_do) == (Outcome.NOT_ASKED, True)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('ups.status: OL')", ""),
        ("raise SystemExit('Error: Connection failure: Connection refused')", "Error: Connection failure"),
        ("raise SystemExit(3)", "ended with status 3: it printed nothing"),
        ("while True: print('ups.status: OL' * 1000)", "prints more than 65536 characters"),
    ],
)
def test_command_that_fails_is_a_warning_with_its_last_words(program: str, words: str) -> None:
    """A daemon that is down, or a program that is none of a UPS, is told; one without an end is ended."""
    check = ups_check([sys.executable, "-S", "-c", program], within_s=20)
    assert check.outcome is (Outcome.WARN if words else Outcome.PASS)
    assert words in check.sentence


def test_command_that_hangs_is_ended_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that holds what it prints to would hold the thread for as long as it lives."""
    # A machine that is busy with other tests may take long to end it.
    monkeypatch.setattr("orchestrator.preflight.ups._END_S", 15.0)
    began_s = time.monotonic()
    with pytest.raises(NoAnswer, match=r"has not ended within 0\.1 s"):
        printed(["/bin/sh", "-c", "sleep 30 & sleep 30"] if sys.platform != "win32" else ["timeout", "30"], 0.1)
    assert time.monotonic() - began_s < 20
    with pytest.raises(NoAnswer, match="cannot be started"):
        printed(["no-such-program-of-a-ups"], 0.1)


@pytest.mark.needs("setsid")
def test_child_of_another_session_holds_up_no_check() -> None:
    """What the command printed before it ended is judged when the time is over, though a child holds the pipe."""
    began_s = time.monotonic()
    check = ups_check(["/bin/sh", "-c", "setsid sleep 20 & echo ups.status: OB"], within_s=0.5)
    assert (check.outcome, "'OB'" in check.sentence) == (Outcome.WARN, True)
    with pytest.raises(NoAnswer, match=r"has not ended within 0\.1 s"):
        printed(["/bin/sh", "-c", "setsid sleep 20 & sleep 20"], 0.1)
    assert time.monotonic() - began_s < 15
