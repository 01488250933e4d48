"""The JSON values of requests and answers. Units are in the names; times ``*_unix_s`` are seconds since 1970 in UTC."""

from orchestrator.api.models.channels import (
    CellItem,
    ChannelNow,
    ChannelStopped,
    ClaimNow,
    FileFault,
    Happened,
    Health,
    Instrument,
    MountedNow,
    OpenedRecipe,
    OvenNow,
    ParameterItem,
    Problem,
    RecipeItem,
    Status,
)
from orchestrator.api.models.fields import UNIT, Person
from orchestrator.api.models.live import live_content, live_schema
from orchestrator.api.models.notices import AcknowledgedNotices, AcknowledgeNotices, NoticesNow
from orchestrator.api.models.orders import ByOrder, ClaimOrder, LocalOrder, RecipeText, StartOrder
from orchestrator.api.models.preflight import CheckNow, LampNow, LampOrder, PreflightNow, PreflightQuery
from orchestrator.api.models.queries import LIMIT_MAX, EventQuery, Page, RackEventQuery, RunQuery
from orchestrator.api.models.rack import Priority, RackNow, RackRow
from orchestrator.api.models.records import DeviationPage, EventPage, MeasurementList
from orchestrator.api.models.runs import RunDetail, RunNow, RunPage, RunStopped, StartedRun, StepValues
from orchestrator.api.models.tables import CycleTable, SampleTable, SeriesTable, SpectrumTable, StepTable

__all__ = [
    "LIMIT_MAX",
    "UNIT",
    "AcknowledgeNotices",
    "AcknowledgedNotices",
    "ByOrder",
    "CellItem",
    "ChannelNow",
    "ChannelStopped",
    "CheckNow",
    "ClaimNow",
    "ClaimOrder",
    "CycleTable",
    "DeviationPage",
    "EventPage",
    "EventQuery",
    "FileFault",
    "Happened",
    "Health",
    "Instrument",
    "LampNow",
    "LampOrder",
    "LocalOrder",
    "MeasurementList",
    "MountedNow",
    "NoticesNow",
    "OpenedRecipe",
    "OvenNow",
    "Page",
    "ParameterItem",
    "Person",
    "PreflightNow",
    "PreflightQuery",
    "Priority",
    "Problem",
    "RackEventQuery",
    "RackNow",
    "RackRow",
    "RecipeItem",
    "RecipeText",
    "RunDetail",
    "RunNow",
    "RunPage",
    "RunQuery",
    "RunStopped",
    "SampleTable",
    "SeriesTable",
    "SpectrumTable",
    "StartOrder",
    "StartedRun",
    "Status",
    "StepTable",
    "StepValues",
    "live_content",
    "live_schema",
]
