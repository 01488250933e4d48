"""The errors of all drivers: their cause, and whether the same request may be sent again.

::

    DriverError
    +-- ConnectionFailed       no answer, or the link broke; a read may be asked again
    |   +-- NoReply            the peer is there and silent past the deadline
    |   +-- LinkClosed         the peer closed in the middle
    |   +-- BadReply           the bytes received are not a reply to the request
    +-- Refused                the instrument refused, and changed nothing
    +-- OutcomeUnknown         a write was sent and its reply is lost: ask the instrument, never send it again
    +-- NotConfirmed           the write was answered, but reading back shows something else
    |   +-- ChannelTaken       another program's test has the channel: nothing was sent
    +-- RecordsLost            the tester no longer has the records asked for; those after them can be read
    +-- TestGone               the tester no longer knows the test at all
    +-- MeasurementFailed      a potentiostat gave no result that can be trusted; nothing of it is stored as whole
    |   +-- CouldNotStart      its program could not be started; the cell was not touched
    |   +-- InstrumentLinkFailed   its program runs and does not reach the instrument; the cell was not touched
    |   +-- MacroRefused       its program refused the order; the cell was not touched
    |   +-- Hung               no end by the deadline: the program was ended, the cell's state is unknown
    |   +-- Incomplete         its files are cut off, empty, or have fewer rows than ordered
    |   +-- WrongFile          its files belong to another job, technique or setting
    +-- CannotRun              the program does not fit the channel; nothing was sent
    +-- SettingsError          the bench file is wrong
"""

from __future__ import annotations


class DriverError(Exception):
    """Any error that an instrument driver raises on purpose."""

    retry_reads = False


class ConnectionFailed(DriverError):
    """The instrument cannot be reached, or the link broke; a read may be asked again."""

    retry_reads = True


class NoReply(ConnectionFailed):
    """The instrument accepted the request and stayed silent past the deadline."""


class LinkClosed(ConnectionFailed):
    """The instrument closed the connection before its reply was complete."""


class BadReply(ConnectionFailed):
    """The received bytes are not a reply to the request."""


class Refused(DriverError):
    """The instrument refused the command without a reason; nothing changed."""


class OutcomeUnknown(DriverError):
    """A command was sent and its reply lost: ask the instrument for its state, never send the command again."""


class NotConfirmed(DriverError):
    """The command was answered, but the instrument then reports another state."""


class ChannelTaken(NotConfirmed):
    """Another program's test has replaced ours on the channel; nothing was sent to it."""


class RecordsLost(DriverError):
    """The tester's memory has wrapped: records ``first`` to ``last`` are lost, the later ones can be read."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__(f"records {first} to {last} are no longer in the tester's memory")
        self.first = first
        self.last = last


class TestGone(DriverError):
    """The tester no longer knows the test: its records that were not read before are lost."""

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
    """The deadline passed: the program was ended, every file kept, and the state of the cell is unknown."""


class Incomplete(MeasurementFailed):
    """The files of the measurement are cut off or have fewer rows than ordered."""


class WrongFile(MeasurementFailed):
    """The files of the measurement belong to another job, technique or setting."""


class CannotRun(DriverError):
    """The program does not fit this channel; nothing was sent."""


class SettingsError(DriverError):
    """The bench file contains an impossible value or an unknown name."""
