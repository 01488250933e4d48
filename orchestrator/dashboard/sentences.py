"""Tells a code with its values as a sentence in a language; without a text for it, the stored English stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.dashboard import numbers
from orchestrator.dashboard.words import Words, placeholders
from orchestrator.events.kinds import EventKind
from orchestrator.events.told_codes import told
from orchestrator.states import RunState

_STATES = frozenset(RunState)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who tells: the language, the lab's zone, and the rig's time now."""

    lang: str
    zone: str
    now_unix_s: float

    def t(self, code: str, /, **values: object) -> str:
        """Return a text of the table with these values."""
        return Words.load().say(self.lang, code, **values)

    def sentence(self, told: Mapping[str, Any] | None) -> str:
        """Return a sentence by its code and values, else its stored English; empty for none."""
        if told is None:
            return ""
        code, values = str(told.get("code", "")), told.get("values") or {}
        words = Words.load()
        if not words.has(code) or not placeholders(words.text(self.lang, code)) <= set(values):
            return str(told.get("text") or values.get("name") or "")
        # A step has its direction in its word.
        sizes = code.startswith("step.")
        shown = {
            name: numbers.amount(
                name, abs(value) if sizes and isinstance(value, float) else value, self.zone, self.lang, self.now_unix_s
            )
            for name, value in values.items()
        }
        return self.t(code, **shown)

    def reason(self, state: str, stored: str) -> str:
        """Return why a run is in its state: by its code in the words of the rack, as stored if it has none."""
        if not stored:
            return stored
        code, values = told(RunState(state), stored)
        return self.sentence({"code": code, "values": values, "text": stored})

    def event(self, kind: str, message: str) -> str:
        """Return what happened: a change of state by the word of the state and its reason, anything else as stored."""
        name, _, reason = message.partition(": ")
        if kind != EventKind.STATE or name not in _STATES:
            return message
        word, why = self.t(f"state.{name}"), self.reason(name, reason)
        return word if not why else f"{word}: {why}" if why == reason else why

    def need(self, told: Mapping[str, Any]) -> str:
        """Return what a need says: its own sentence, else that of its state with the stored English in it."""
        words, code = Words.load(), str(told.get("code", ""))
        values = told.get("values") or {}
        if words.has(code) and placeholders(words.text(self.lang, code)) <= set(values):
            return self.sentence(told)
        known = f"need.{code.partition('.')[0]}"
        text = str(told.get("text") or "").rstrip(". ") or self.t("need.no_text")
        return self.t(known if words.has(known) else "need.other", text=text)

    def moment(self, unix_s: float | None) -> str:
        """Return a moment in the lab's zone."""
        return numbers.moment(unix_s, self.zone, self.lang, self.now_unix_s)

    def age(self, unix_s: float | None) -> str:
        """Return how old something is."""
        return numbers.age(None if unix_s is None else self.now_unix_s - unix_s, self.lang)
