"""Says an entry of the audit log in a sentence, by its code and values, in the language of the reader."""

from __future__ import annotations

from orchestrator.dashboard.words import Words
from orchestrator.people.audit_entry import Entry
from orchestrator.people.person import How

HOW = {how.value: f"log.how_{how.value}" for how in How}
# Values that the sentence of an act has already, where it has any.
_IN_SENTENCE = frozenset({"run", "channel", "of", "name", "role", "before", "label", "cell", "recipe"})
# Values that are roles, which have a word.
_ROLES = frozenset({"role", "before"})


def act_code(act: str) -> str:
    """Return the code of the word of an act, that of an unknown one for what this version does not know."""
    code = f"log.act_{act}"
    return code if Words.load().has(code) else "log.act_other"


def said_of(entry: Entry, lang: str) -> str:
    """Return what was done: the word of the act, and its values by name."""
    words = Words.load()
    word = words.say(lang, act_code(entry.act))
    values = [f"{_name(name, lang)} {_text(name, value, lang)}" for name, value in _ordered(entry)]
    return f"{word}: {', '.join(values)}" if values else word


def _ordered(entry: Entry) -> list[tuple[str, object]]:
    """Return the values of an entry, those first that say what it is about."""
    return sorted(entry.values.items(), key=lambda pair: pair[0] not in _IN_SENTENCE)


def _name(name: str, lang: str) -> str:
    words, code = Words.load(), f"log.value_{name}"
    return words.say(lang, code) if words.has(code) else name


def _text(name: str, value: object, lang: str) -> str:
    words, code = Words.load(), f"role.{value}"
    if name in _ROLES and words.has(code):
        return words.say(lang, code)
    return f"{value:g}" if isinstance(value, float) else str(value)
