"""The read requests that the store alone answers, by coroutines: the store belongs to the loop's thread."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from orchestrator.api import models, named_items, pages, told_errors
from orchestrator.api.parameters import OF_RECORDS, OF_RUN, After, AfterTest, Events, Limit, OnePage, RunId, TheStore
from orchestrator.api.tags import Tag
from orchestrator.store import Notes, Store

router = APIRouter()


@router.get("/recipes", tags=[Tag.SHIPPED])
async def recipes(store: TheStore, query: Annotated[models.NameQuery, Query()]) -> list[models.RecipeItem]:
    """List the recipes that can be ordered by name: the shipped ones, with ``used`` also those of earlier runs."""
    return await named_items.recipes(store, query)


@router.get("/cells", tags=[Tag.SHIPPED])
async def cells(store: TheStore, query: Annotated[models.NameQuery, Query()]) -> list[models.CellItem]:
    """List the cells that can be ordered by name: the shipped ones, with ``used`` also those of earlier runs."""
    return await named_items.cells(store, query)


@router.get("/runs", response_model=models.RunPage, tags=[Tag.RUNS])
async def runs(store: TheStore, query: Annotated[models.RunQuery, Query()]) -> dict[str, Any]:
    """List the runs that pass every filter, oldest first."""
    return pages.runs(store, query)


@router.get("/runs/{run_id}", response_model=models.RunDetail, tags=[Tag.RUNS], responses=told_errors.NO_RUN)
async def one_run(run_id: RunId, store: TheStore) -> dict[str, Any]:
    """Return one run with its tests."""
    return pages.run(store, run_id)


async def _table(kind: pages.Kind, run_id: str, store: Store, after_test: int, after: int, limit: int) -> JSONResponse:
    # Straight to JSON: checking each number of thousands of rows would cost more than reading them.
    return JSONResponse(pages.table(store, kind, run_id, after_test, after, limit))


@router.get("/runs/{run_id}/samples", response_model=models.SampleTable, **OF_RECORDS)
async def samples(
    run_id: RunId, store: TheStore, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's samples that follow a sequence number."""
    return await _table(pages.SAMPLES, run_id, store, after_test, after, limit)


@router.get("/runs/{run_id}/steps", response_model=models.StepTable, **OF_RUN)
async def steps(
    run_id: RunId, store: TheStore, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's executed steps."""
    return await _table(pages.STEPS, run_id, store, after_test, after, limit)


@router.get("/runs/{run_id}/cycles", response_model=models.CycleTable, **OF_RUN)
async def cycles(
    run_id: RunId, store: TheStore, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's numbers for each cycle."""
    return await _table(pages.CYCLES, run_id, store, after_test, after, limit)


@router.get("/runs/{run_id}/spectra", response_model=models.SpectrumTable, **OF_RUN)
async def spectra(
    run_id: RunId, store: TheStore, after_test: AfterTest = 0, after: After = 0, limit: Limit = 1000
) -> JSONResponse:
    """Return a run's impedance spectra, point by point; each has a test of its own, listed under ``measurements``."""
    return await _table(pages.SPECTRA, run_id, store, after_test, after, limit)


@router.get("/runs/{run_id}/measurements", response_model=models.MeasurementList, **OF_RUN)
async def measurements(run_id: RunId, store: TheStore) -> dict[str, Any]:
    """Return the potentiostat's measurements of a run: technique, bias, amplitude, cycle, charge passed, files."""
    return pages.measurements(store, run_id)


@router.get("/runs/{run_id}/notes", response_model=models.NoteList, **OF_RUN)
async def notes(run_id: RunId, store: TheStore) -> dict[str, Any]:
    """Return the notes of people on a run, oldest first."""
    pages.check_run(store, run_id)
    return {"notes": [note.as_dict() for note in Notes(store).of(run_id)]}


@router.get("/runs/{run_id}/events", response_model=models.EventPage, **OF_RUN)
async def run_events(run_id: RunId, store: TheStore, query: Events) -> dict[str, Any]:
    """Return the events of a run that pass every filter."""
    return pages.events(store, run_id, query)


@router.get("/runs/{run_id}/deviations", response_model=models.DeviationPage, **OF_RUN)
async def run_deviations(run_id: RunId, store: TheStore, page: OnePage) -> dict[str, Any]:
    """Return the time spans in which a run's data deviate from the plan."""
    return pages.deviations(store, run_id, page)


@router.get("/events", response_model=models.EventPage, tags=[Tag.RECORDS])
async def events(store: TheStore, query: Annotated[models.RackEventQuery, Query()]) -> dict[str, Any]:
    """Return the events of all runs and of the rig that pass every filter."""
    return pages.events(store, None, query)


@router.get("/deviations", response_model=models.DeviationPage, tags=[Tag.RECORDS])
async def deviations(store: TheStore, page: OnePage) -> dict[str, Any]:
    """Return the deviations of all runs."""
    return pages.deviations(store, None, page)
