"""Keeps secrets out of the logs of the service's processes, and names their lines plainly."""

from __future__ import annotations

import logging


class Redaction(logging.Filter):
    """Removes secrets from every log line of any module."""

    def __init__(self, hidden: set[str]) -> None:
        super().__init__()
        # A password as short as these is in half of all words.
        self._secrets = sorted((secret for secret in hidden if len(secret) > 3), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove the secrets from a log record."""
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        message = self.clean(record.getMessage())
        record.msg, record.args = message, ()
        record.exc_text = self.clean(record.exc_text) if record.exc_text else None
        return True

    def clean(self, text: str) -> str:
        """Remove the secrets from a text."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def redact_logs(redaction: Redaction) -> None:
    """Remove secrets from all records that the handlers of the root logger write."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(redaction)
        handler.addFilter(_named_plainly)


def _named_plainly(record: logging.LogRecord) -> bool:
    """Rename the logger of uvicorn's ordinary lines, which is called an error: what is no alarm reads like none."""
    if record.name == "uvicorn.error":
        record.name = "uvicorn"
    return True
