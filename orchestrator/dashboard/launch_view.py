"""What the page of a start shows of a check, in the reader's language: values, times, limits, reasons, channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from orchestrator.api.models import CellItem
from orchestrator.dashboard import numbers
from orchestrator.dashboard.course_picture import CoursePicture, pictures
from orchestrator.dashboard.order_form import LaunchForm, field_name, was_name
from orchestrator.dashboard.pages import RigFacts, rig_time
from orchestrator.dashboard.sentences import Speaker
from orchestrator.dashboard.words import Words
from protocols.normalised import plain

_NBSP = "\N{NO-BREAK SPACE}"
_UNITS = (
    ("current_density_ma_per_cm2", "mA/cm²"),
    ("specific_current_ma_per_g", "mA/g"),
    ("c_rate", "C"),
)


# The words with which parts of a step's description begin.
_STEP_WORDS = ("contact check", "charge", "discharge", "rest", "at most")


@dataclass(frozen=True, slots=True)
class FieldShown:
    """A value that may be changed: its label, the name of its field, what it is and was, and what it may be."""

    label: str
    name: str
    was: str
    value: str
    default: str
    allowed: str
    one_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelShown:
    """A channel in the list: ``can`` is yes, no, or word where a person has to say which cell is there."""

    name: str
    can: str
    why: str

    @property
    def told(self) -> str:
        """Its name, with the reason where there is one, in a line."""
        why = self.why.partition("\n")[0]
        if not why:
            return self.name
        return why if why.startswith(self.name) else f"{self.name}: {why}"


@dataclass(frozen=True, slots=True)
class LaunchView:
    """What a page shows of a check."""

    speaker: Speaker
    form: LaunchForm
    check: Mapping[str, Any]

    @classmethod
    def of(cls, request: Request, lang: str, form: LaunchForm, check: Mapping[str, Any]) -> LaunchView:
        """Return the view of a check for who asks."""
        rig: RigFacts = getattr(request.app.state, "rig", RigFacts())
        return cls(Speaker(lang, rig.lab_zone, rig_time(request)), form, check)

    def _label(self, name: str) -> str:
        """Return the word of a value of recipes; its name for a parameter of one recipe."""
        code = f"launch.set_{name}"
        return self.speaker.t(code) if Words.load().has(code) else name

    @property
    def fields(self) -> list[FieldShown]:
        """The values that may be changed."""
        return [
            FieldShown(
                label=self._label(str(one["name"])),
                name=field_name(one["keys"]),
                was=was_name(one["keys"]),
                value=self.form.set_value(one["keys"]) or one["value"] or "",
                default=one["value"] or "",
                allowed=self._allowed(one),
                one_of=tuple(one["one_of"]),
            )
            for one in self.check["fields"]
        ]

    def _allowed(self, one: Mapping[str, Any]) -> str:
        t, low, high = self.speaker.t, one["low"], one["high"]
        default = t("launch.default", value=one["default"]) if one["default"] else t("launch.no_default")
        if low and high:
            return t("launch.between", low=low, high=high, default=default)
        if low or high:
            return t("launch.at_least" if low else "launch.at_most", end=low or high, default=default)
        return default

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The currents of the steps in every unit that the cell allows, each with what the step does."""
        rows = []
        for step in self.check["steps"]:
            told = [f"{plain(step['current_ma'])}{_NBSP}mA"] if step["current_ma"] is not None else []
            told += [f"{plain(step[key])}{_NBSP}{unit}" for key, unit in _UNITS if step[key] is not None]
            rows.append(
                (f"{self._steps(step['steps'])}: {self._what(step['what'])}", " = ".join(told) or numbers.NOT_MEASURED)
            )
        return rows

    def _steps(self, steps: str) -> str:
        """Return the numbers of steps that are alike, of which only the first are listed."""
        listed, and_more, count = steps.partition(" and ")
        if not and_more:
            return steps
        return self.speaker.t("launch.and_more", listed=listed, count=count.removesuffix(" more"))

    def _what(self, what: str) -> str:
        """Return what a step does, its words in the reader's language."""
        told = []
        for part in what.split(", "):
            word = next((one for one in _STEP_WORDS if part == one or part.startswith(f"{one} ")), "")
            said = self.speaker.t(f"launch.step_{word.replace(' ', '_')}") if word else ""
            told.append(f"{said}{part[len(word) :]}")
        return ", ".join(told)

    @property
    def charges(self) -> list[tuple[str, str]]:
        """The charges of the steps that pass one, each with how often."""
        rows = []
        for step in self.check["ahead"]:
            if not step["charge_mah"]:
                continue
            told = f"{plain(step['charge_mah'])}{_NBSP}mAh"
            if step["charge_mah_per_cm2"] is not None:
                told += f" = {plain(step['charge_mah_per_cm2'])}{_NBSP}mAh/cm²"
            rows.append((f"{step['where']}: {self._what(step['what'])}, {step['passes']:g}x", told))
        return rows

    @property
    def limits(self) -> list[tuple[str, str, str]]:
        """The layers of limits: the code of the name, the voltages, the current."""
        rows = []
        for layer in self.check["limits"]:
            low, high, most = layer["low_v"], layer["high_v"], layer["current_ma"]
            volts = numbers.NOT_MEASURED
            if low is not None and high is not None:
                volts = self.speaker.t("launch.from_to", low=_volts(low), high=_volts(high))
            elif low is not None or high is not None:
                volts = _volts(low if high is None else high)
            current = numbers.NOT_MEASURED if most is None else f"{plain(most)}{_NBSP}mA"
            rows.append((f"launch.limit_{layer['name']}", volts, current))
        return rows

    @property
    def times(self) -> str:
        """How long it takes and when it ends, in a sentence; empty where that is not known yet."""
        expected_s, end = self.check["expected_s"], self.check["expected_end_unix_s"]
        if expected_s is None:
            return ""
        lang, t = self.speaker.lang, self.speaker.t
        told = t("launch.lasts", about=numbers.left(expected_s, lang), end=self.speaker.moment(end))
        if self.check["latest_end_unix_s"] is not None:
            told += t("launch.latest", end=self.speaker.moment(self.check["latest_end_unix_s"]))
        return told

    @property
    def hands(self) -> list[str]:
        """When people are needed, and for what."""
        t, found = self.speaker.t, []
        for one in self.check["hands"]:
            what = one["words"] if one["code"] == "prompt" else t(f"launch.hands_{one['code']}")
            first = self.speaker.moment(one["first_unix_s"])
            if one["every_s"] is None:
                found.append(t("launch.hands_once", what=what, first=first))
            else:
                every = numbers.left(one["every_s"], self.speaker.lang)
                found.append(t("launch.hands_often", what=what, first=first, every=every, times=one["times"]))
        return found

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """The reasons against the order: the field that each is about, and its sentence."""
        return [(reason["field"], self.speaker.sentence(reason)) for reason in self.check["reasons"]]

    @property
    def channels(self) -> list[ChannelShown]:
        """All channels with whether the test could run there."""
        found = []
        for one in self.check["channels"]:
            reason = one["reason"]
            can = "yes" if one["can"] else "word" if reason and reason["code"] == "channel.used_cell" else "no"
            found.append(ChannelShown(one["channel"], can, self.speaker.sentence(reason)))
        return found

    @property
    def used_cell(self) -> str:
        """The cell of an ended run on the chosen channel, of which a person has to say something; empty without."""
        for one in self.check["channels"]:
            if one["channel"] == self.form.channel and (one["reason"] or {}).get("code") == "channel.used_cell":
                return str(one["reason"]["values"]["cell"])
        return self.form.cell if self.form.word else ""

    @property
    def cell_facts(self) -> str:
        """The sizes of the cell in a line; empty where none is known yet."""
        cell = self.check["cell"]
        if cell is None:
            return ""
        told = [f"{cell['name']}: {cell['kind']}"]
        sizes = (("area_cm2", "cm²"), ("active_mass_mg", "mg"), ("nominal_capacity_mah", "mAh"))
        told += [f"{plain(cell[key])}{_NBSP}{unit}" for key, unit in sizes if cell[key] is not None]
        return ", ".join(told)

    @property
    def checked_at(self) -> str:
        """When it was checked."""
        return self.speaker.moment(self.check["checked_unix_s"])

    @property
    def pictures(self) -> tuple[CoursePicture | None, CoursePicture | None]:
        """The expected course: one cycle, and the whole test."""
        return pictures(self.check["course"])

    @property
    def passed(self) -> list[tuple[str, str]]:
        """The checks that were made, without those that refuse: outcome and what was seen."""
        shown = [one for one in self.check["checks"] if one["outcome"] in ("pass", "warn")]
        return [(one["outcome"], str(one["sentence"])) for one in shown]


def sizes_of(cell: CellItem) -> str:
    """Return the kind and the sizes of a known cell in a few words."""
    area = [] if cell.area_cm2 is None else [f"{cell.area_cm2:.4g}{_NBSP}cm²"]
    mass = [] if cell.active_mass_mg is None else [f"{cell.active_mass_mg:.4g}{_NBSP}mg"]
    return ", ".join([cell.kind, *area, *mass])


def _volts(volts: float) -> str:
    return f"{volts:+.4g}".replace("-", "\N{MINUS SIGN}") + f"{_NBSP}V"
