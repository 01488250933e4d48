"""The table ``[notices]`` of a bench file: who is told what, where and when; read without any instrument's table."""

from __future__ import annotations

import re
from collections import Counter
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from drivers.errors import SettingsError
from drivers.table_settings import TableSettings
from orchestrator.bench.service_settings import rig_in
from orchestrator.bench.wrong_settings import sentences

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A scheme tells apprise the kind of the service; what stands behind it may be a secret and is never repeated.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


def _variable(value: str) -> str:
    # What was written is not repeated: it may be the secret itself.
    if not _VARIABLE.fullmatch(value):
        raise ValueError("write the NAME of an environment variable that holds the address, not the address itself")
    return value


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("write an address of apprise, such as mailto://mail.lab.example?from=...&to=...")
    return value


def _time_of_day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d\d:\d\d(:\d\d)?", value):
        raise ValueError("write a time of day as hours and minutes, such as '22:00'")
    return value


TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
ChannelPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.*?\[\]-]{1,64}$")]


class TargetSettings(TableSettings):
    """A place to which notices are sent, such as the phone or the mail address of a person.

    Its address is one of apprise's, in a file of its own (``url_file``), in an environment variable (``url_env``), or,
    if it holds no secret, here (``url``). Targets with the same ``person`` are tried in the order of the file until one
    takes a notice. ``runs`` ``"own"``: of runs only those which this person has ordered.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    person: str = Field(default="", max_length=64)
    url: Annotated[str, AfterValidator(_address)] | None = None
    url_file: Path | None = None
    url_env: Annotated[str, AfterValidator(_variable)] | None = None
    severity: Literal["info", "notice", "warning", "alarm"] = "warning"
    channels: tuple[ChannelPattern, ...] = ("*",)
    runs: Literal["all", "own"] = "all"
    level: int = Field(default=1, ge=1, le=9)
    quiet_hours: bool = True
    test: bool = True

    @model_validator(mode="after")
    def _has_one_address(self) -> TargetSettings:
        if sum(given is not None for given in (self.url, self.url_file, self.url_env)) != 1:
            raise ValueError("say its address once: url_file, url_env, or url if it holds no secret")
        return self

    @model_validator(mode="after")
    def _own_runs_need_a_person(self) -> TargetSettings:
        if self.runs == "own" and not self.person:
            raise ValueError('runs: "own" needs the person, by the name with which runs are ordered (--by)')
        return self


class NoticeSettings(TableSettings):
    """Who is told, and when; without this table nobody is. Times are real seconds, also beside a fast simulated rack.

    An alarm that nobody acknowledges is told again every ``repeat_s``, and to the targets of the next level after each
    ``escalate_after_s``. ``deadline_s`` is what a target has to take a notice before the next one is used.
    ``data_stop_s``: a working run without a new record for so long is an alarm, ``silent_s``: a service that does not
    answer. In the hours from ``quiet_from`` to ``quiet_to`` only alarms are sent. ``test_at``: the time of the daily
    test message. ``most_a_minute``: beyond so many messages of a minute a target gets digests. ``rig`` is for older
    files: ``[service]`` names the rig.
    """

    rig: str = Field(default="", max_length=64)
    targets: tuple[TargetSettings, ...] = Field(min_length=1)
    escalate_after_s: float = Field(default=600.0, ge=1, le=86_400)
    repeat_s: float = Field(default=900.0, ge=1, le=86_400)
    deadline_s: float = Field(default=10.0, ge=1, le=120)
    data_stop_s: float = Field(default=900.0, ge=1, le=86_400)
    silent_s: float = Field(default=60.0, ge=5, le=3_600)
    quiet_from: TimeOfDay | None = None
    quiet_to: TimeOfDay | None = None
    test_at: TimeOfDay | Literal["never"] = time(9)
    most_a_minute: int = Field(default=6, ge=1, le=60)

    @model_validator(mode="after")
    def _names_are_unique(self) -> NoticeSettings:
        counts = Counter(target.name for target in self.targets)
        if doubled := sorted(name for name, count in counts.items() if count > 1):
            raise ValueError(f"targets: {', '.join(doubled)} is there twice; give each target a name of its own")
        return self

    @model_validator(mode="after")
    def _quiet_hours_have_both_ends(self) -> NoticeSettings:
        if (self.quiet_from is None) != (self.quiet_to is None) or (
            self.quiet_from is not None and self.quiet_from == self.quiet_to
        ):
            raise ValueError("quiet_from and quiet_to are two times of day that differ; give both, or neither")
        return self

    def target(self, name: str) -> TargetSettings:
        """Return a target. Raises SettingsError, which lists those there are."""
        for target in self.targets:
            if target.name == name:
                return target
        known = ", ".join(target.name for target in self.targets)
        raise SettingsError(f"there is no target {name!r} under [notices]; there are {known}")


def notices_in(document: dict[str, Any], file: object, rig: str = "") -> NoticeSettings | None:
    """Return the table of a bench file, None where there is none. Raises SettingsError, with every problem in it.

    ``rig`` is the name of the rig where neither this table, as in older files, nor ``[service]`` says one.
    """
    if "notices" not in document:
        return None
    try:
        settings = NoticeSettings.model_validate(document["notices"])
        return settings if settings.rig else settings.model_copy(update={"rig": rig_in(document) or rig})
    except ValidationError as err:
        # Not chained: pydantic's own message shows what was typed, passwords too.
        raise SettingsError("\n".join(sentences(err, document["notices"], f"{file}: notices"))) from None
