"""Where control takes what processes report of themselves; apart from its route, as the feed imports no driver."""

from __future__ import annotations

from orchestrator.api.browser import API

REPORT_PATH = "/notices/reports"
"""No operation for clients."""
NOTICE_REPORTS_PATH = f"{API}{REPORT_PATH}"
