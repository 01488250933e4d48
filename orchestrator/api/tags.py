"""The groups of operations, and what holds for all of them, as the document and its page say it."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """A group of operations."""

    RACK = "rack"
    CHANNELS = "channels"
    RUNS = "runs"
    RECORDS = "records"
    LIVE = "live"
    SHIPPED = "shipped"


_WORDS = {
    Tag.RACK: "The rack as a whole: its testers, its troubles, and the stop of everything.",
    Tag.CHANNELS: "Channels: what each does, which cell is on it, claims, and the stop of whatever works there.",
    Tag.RUNS: "Runs: orders, stops, holds, and the list of all that were made.",
    Tag.RECORDS: "What was recorded: samples, steps, cycles, spectra, events and deviations, page by page.",
    Tag.LIVE: "Every run as it is, and each change, as server-sent events.",
    Tag.SHIPPED: "Recipes and cells by their names: those that cellrig brings, and those written on this rig.",
}
TAGS = [{"name": tag.value, "description": _WORDS[tag]} for tag in Tag]

DESCRIPTION = """\
**Units** stand in the names of fields, in their words and under `x-unit`. Positive current charges the cell; capacities
and energies are magnitudes. **Times** `*_unix_s` are seconds since 1970 in UTC; `*_utc` beside them say the same in
ISO 8601.

**Who may ask:** whoever has the operator's token, as `Authorization: Bearer TOKEN`. A program that will not send the
token signs its requests instead (`GET /proof`).

**Errors** are `{"error": "a sentence"}`: what is wrong, where, and what to do. Unknown keys, of a query and of a body,
are refused.

**Pages:** a list gives at most `limit` rows, and `more` says whether there are others; ask again with `after` (of
tables also `after_test`) as the page gives them. Filters hold together; one that is repeated lets each value through.

**Orders** are answered within 5 s. One that was sent twice because its answer was lost is carried out once if both have
the same `Idempotency-Key`. Stops and holds need none: asked twice, they are one.
"""
