"""The JSON answers on runs: what was ordered, what a run does now, and runs as they are stored."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict

from orchestrator.api.models.fields import (
    More,
    TheChannel,
    TheInstrument,
    TheReason,
    TheRunId,
    TheRunLabel,
    TheSimulation,
    TheState,
    Uncommissioned,
    iso_of,
    said,
    time_of,
)
from orchestrator.states import EndBasis


class RunNow(BaseModel):
    """The present state and position of a run of the service."""

    model_config = ConfigDict(from_attributes=True)

    run_id: TheRunId
    label: TheRunLabel
    channel: TheChannel
    state: TheState
    reason: TheReason
    time_s: Annotated[float, said("Time that the run has been tested for, over all its tests", 5400.0, "s")]
    planned_s: Annotated[float, said("Time that the whole program takes at most", 1440000.0, "s")]
    cycle: Annotated[int, said("Cycle of the newest record, counted from 1; 0 before the first", 3)]
    voltage_v: Annotated[
        float | None, said("Voltage of the newest record, null before the first or if it is no number", 0.0412, "V")
    ]
    samples: Annotated[int, said("Number of records that are stored", 1204)]
    simulated: TheSimulation
    time_left_s: Annotated[
        float | None,
        said("Estimate of the time for which it still works, null if it is over or nothing tells", 43200.0, "s"),
    ]
    expected_end_unix_s: Annotated[
        float | None, time_of("When it is expected to end; null also while it waits in a queue or for a person")
    ]
    end_known_by: Annotated[
        EndBasis,
        said(
            "What the time left rests on. `measured`: the steps that this run has finished; `forecast`: its program "
            "and cell, before any has; `bound`: the end of its program, and it ends earlier if its cell shorts, of "
            "which no time is known; `condition`: the same, and it ends earlier if a condition of its recipe holds; "
            "`unknown`: nothing, no time is known",
            "measured",
        ),
    ]
    expected_end_utc: ClassVar[object] = iso_of("expected_end_unix_s", "When it is expected to end", str | None)
    step_name: Annotated[
        str,
        said(
            "Name of the step of the newest record, or of the measurement that is due: kind and direction as in the "
            "recipe, with a number where it has several alike; empty before the first record",
            "constant_current charge",
        ),
    ] = ""


class StepValues(BaseModel):
    """The current of the steps that are alike, a magnitude, in each unit that the cell's file allows."""

    model_config = ConfigDict(from_attributes=True)

    steps: Annotated[str, said("The numbers of the steps in the program", "2, 4")]
    what: Annotated[str, said("What the steps do, in words", "contact check, charge")]
    current_ma: Annotated[
        float | None, said("Current, a magnitude; null for a step without a set current", 0.226, "mA")
    ]
    current_density_ma_per_cm2: Annotated[
        float | None, said("Current by the area of the electrode, null where the cell has none", 0.2, "mA/cm2")
    ]
    specific_current_ma_per_g: Annotated[
        float | None, said("Current by the active mass, null where the cell has none", 17.0, "mA/g")
    ]
    c_rate: Annotated[float | None, said("Current by the nominal capacity, null where the cell has none", 0.1, "C")]


class StartedRun(RunNow):
    """A run that was just queued: its currents in all units, and what of them a person has confirmed."""

    waits: Annotated[str, said("What it waits for in its queue; empty if it starts at once", "")]
    steps: Annotated[list[StepValues], said("Currents of its steps")]
    implausible: Annotated[
        list[str], said("What is implausible in it and was confirmed, a sentence each", ["20 mA is 91 C"])
    ]
    confirmed_by: Annotated[str, said("Name of who confirmed it, or of both persons; empty if nothing was to", "")]
    uncommissioned: Uncommissioned = []


Off = Annotated[bool, said("Whether the channel was seen to be off", True)]
Pending = Annotated[
    bool,
    said("Whether the stop goes on being carried out; `GET /channels/{channel}` tells its end under `stop`", False),
]
Answers = Annotated[bool, said("Whether the tester has answered since the order", True)]
StopWords = Annotated[str, said("All that is known, and what to do by hand", "R000001 stopped; channel 21-1-3 is off")]


class RunStopped(RunNow):
    """A run that was ordered to stop or to hold, and what is known of it."""

    off: Off
    pending: Pending
    answers: Answers
    words: StopWords


class RunItem(BaseModel):
    """A run as stored."""

    run_id: TheRunId
    recipe: Annotated[str, said("Name of the recipe", "li-li-0.2")]
    cell: Annotated[str, said("Name of the cell in its file", "coated-li-li")]
    channel: TheChannel
    label: TheRunLabel
    state: TheState
    reason: TheReason
    created_unix_s: Annotated[float, time_of("When the run was ordered")]
    state_unix_s: Annotated[float, time_of("Since when the run is in its state")]
    simulated: TheSimulation
    created_utc: ClassVar[object] = iso_of("created_unix_s", "When the run was ordered")
    state_utc: ClassVar[object] = iso_of("state_unix_s", "Since when the run is in its state")


class TestItem(BaseModel):
    """One test of a run on an instrument."""

    __test__ = False

    id: Annotated[int, said("Number of the test in the store", 1)]
    instrument: TheInstrument
    channel: TheChannel
    tester_test_id: Annotated[int | None, said("The tester's own number of it; null for a potentiostat", 17)]
    barcode: Annotated[str, said("Name under which the tester keeps it", "R000001-edhu7pvm")]
    started_unix_s: Annotated[float, time_of("When the test began")]
    samples: Annotated[int, said("Number of its records that are stored", 1204)]

    started_utc: ClassVar[object] = iso_of("started_unix_s", "When the test began")


class RunDetail(RunItem):
    """A run with its tests."""

    program_sha256: Annotated[str, said("SHA-256 of the program, in hexadecimal digits", "9f86d081884c7d65" * 4)]
    tests: Annotated[list[TestItem], said("Its tests, the oldest first; one more after each interruption")]


class RunPage(BaseModel):
    """Runs, oldest first. Ask for the next page with ``after``, the last run's number."""

    runs: Annotated[list[RunItem], said("The runs, the oldest first")]
    after: Annotated[int, said("Number of the last run of this page, for `after` of the next question", 100)]
    more: More
