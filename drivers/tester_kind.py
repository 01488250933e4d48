"""The interface of a package that adds a battery tester to bench files: the tester's settings and its constructor.

Settings answer without opening anything: which channels there are, what each can do, and why a program cannot run.
``docs/add-an-instrument.md`` shows a whole tester.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import Field

from drivers.interfaces import BatteryTester
from drivers.table_settings import TableSettings
from protocols.channel_envelope import ChannelEnvelope, problems
from protocols.program import Program

INSTRUMENT_NAME = r"^[A-Za-z0-9_.-]{1,64}$"
# A channel's name stands in addresses, in file names, and on a label at the holder.
CHANNEL_NAME = re.compile(r"[A-Za-z0-9-]{1,24}")
CHANNEL_NAME_RULE = "letters, digits and dashes, 24 at most"


class BatteryTesterSettings(TableSettings, ABC):
    """A battery tester in a bench file; ``kind`` says which, and has a default for a table that does not."""

    kind: str
    name: str = Field(pattern=INSTRUMENT_NAME)

    @abstractmethod
    def channel_names(self) -> tuple[str, ...]:
        """Return the names of the tester's channels, in rack order."""

    @abstractmethod
    def envelope(self, channel: str) -> ChannelEnvelope:
        """Return a channel's abilities. Raises SettingsError for a channel that the settings do not describe."""

    def problems(self, channel: str, program: Program) -> list[str]:
        """Return every reason, as a sentence, why a channel cannot run a program; empty when it can."""
        return problems(program, self.envelope(channel))

    def instruments(self) -> frozenset[str]:
        """Return what tells each instrument behind the settings from all others, in words; empty where nothing does.

        No two testers of a bench may have one in common: two drivers of one output interrupt each other.
        """
        return frozenset()

    def temperature_places(self) -> tuple[str, ...]:
        """Return the channels and ovens whose temperature the tester measures (``MeasuresTemperatures``)."""
        return ()

    def secrets(self) -> frozenset[str]:
        """Return the secrets that no log may show, such as a user's password."""
        return frozenset()

    def missing(self) -> list[str]:
        """Return a sentence for each file or folder in the settings that does not exist on this computer."""
        return []

    def direct_stop_problem(self) -> str:
        """Return why another process cannot stop a channel when the service is dead; empty if it can."""
        return ""


AnySettings = TypeVar("AnySettings", bound=BatteryTesterSettings)


@dataclass(frozen=True, slots=True)
class BatteryTesterKind(Generic[AnySettings]):
    """One kind of battery tester. ``build`` makes one that is not open yet; its second argument is the wall clock."""

    settings: type[AnySettings]
    build: Callable[[AnySettings, Callable[[], float]], BatteryTester]
