"""The errors of all drivers: whose fault it was, and whether the same thing may be asked again.

::

    DriverError
    +-- ConnectionFailed       nobody there, or the link broke; a read may be asked again
    |   +-- NoReply            the peer is there and silent past the deadline
    |   +-- LinkClosed         the peer closed in the middle
    |   +-- BadReply           what came back is not a reply to what was asked
    +-- Refused                the instrument said no, and changed nothing
    +-- OutcomeUnknown         a write was sent and its reply is lost: ask the instrument, never send it again
    +-- NotConfirmed           the write was answered, but reading back shows something else
    |   +-- ChannelTaken       somebody else's test has the channel: nothing was sent
    +-- RecordsLost            the tester no longer has the records asked for; those after them can be read
    +-- TestGone               the tester no longer knows the test at all
    +-- MeasurementFailed      a potentiostat gave no result that can be trusted; nothing of it is stored as whole
    |   +-- CouldNotStart      its program could not be started; the cell was not touched
    |   +-- InstrumentLinkFailed   its program runs and does not reach the instrument; the cell was not touched
    |   +-- MacroRefused       its program refused the order; the cell was not touched
    |   +-- Hung               no end by the deadline: the program was ended, what the cell sees is not known
    |   +-- Incomplete         what it left is cut off, empty, or fewer rows than ordered
    |   +-- WrongFile          what it left is of another job, technique or setting
    +-- CannotRun              the program does not fit the channel; nothing was sent
    +-- SettingsError          the bench file is wrong
"""

from __future__ import annotations


class DriverError(Exception):
    """Anything an instrument driver raises on purpose."""

    retry_reads = False


class ConnectionFailed(DriverError):
    """The instrument cannot be reached, or the link broke; a read may be asked again."""

    retry_reads = True


class NoReply(ConnectionFailed):
    """The instrument accepted the request and stayed silent past the deadline."""


class LinkClosed(ConnectionFailed):
    """The instrument closed the connection before its reply was whole."""


class BadReply(ConnectionFailed):
    """The bytes that came back are not a reply to what was asked."""


class Refused(DriverError):
    """The instrument said no and gave no reason; nothing changed."""


class OutcomeUnknown(DriverError):
    """A command was sent and its reply lost: ask the instrument what happened, never send it again."""


class NotConfirmed(DriverError):
    """The command was answered, but what the instrument reports afterwards is something else."""


class ChannelTaken(NotConfirmed):
    """Somebody else's test has the channel, so that ours is over there; nothing was sent to it."""


class RecordsLost(DriverError):
    """The tester's memory has wrapped: records ``first`` to ``last`` are gone, those after them are there."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"records {first} to {last} are no longer in the tester's memory")
        self.first = first
        self.last = last


class TestGone(DriverError):
    """The tester no longer knows the test: what was not read of it before is lost."""

    __test__ = False


class MeasurementFailed(DriverError):
    """A potentiostat gave no result that can be trusted. ``cell_state_known``: the cell is certainly not driven."""

    cell_state_known = False


class CouldNotStart(MeasurementFailed):
    """The instrument's program could not be started; the cell was not touched."""

    cell_state_known = True


class InstrumentLinkFailed(MeasurementFailed):
    """The instrument's program runs and does not reach the instrument; the cell was not touched."""

    cell_state_known = True


class MacroRefused(MeasurementFailed):
    """The instrument's program refused the order before it began; the cell was not touched."""

    cell_state_known = True


class Hung(MeasurementFailed):
    """The deadline passed: the program was ended, every file kept, and what the cell sees now is not known."""


class Incomplete(MeasurementFailed):
    """What the measurement left is cut off or has fewer rows than ordered."""


class WrongFile(MeasurementFailed):
    """What the measurement left belongs to another job, technique or setting."""


class CannotRun(DriverError):
    """The program does not fit this channel; nothing was sent."""


class SettingsError(DriverError):
    """The bench file names something that cannot be."""
