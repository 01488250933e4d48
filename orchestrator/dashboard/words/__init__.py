"""The words of the pages: one table in English and Chinese, out of the TOML files beside this module."""

from orchestrator.dashboard.words.table import LANGUAGES, Words, WordsError, placeholders

__all__ = ["LANGUAGES", "Words", "WordsError", "placeholders"]
