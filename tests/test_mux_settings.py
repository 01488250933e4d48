"""Settings of switches: what is documented loads, every setting is documented, what cannot be is told."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.errors import SettingsError
from drivers.mux import Chi684Settings, RelayMuxSettings
from drivers.mux.settings import CommandSettings
from tests.mux_rig import settings_for

PAGE = (Path(__file__).parent.parent / "docs" / "multiplexer.md").read_text(encoding="utf-8")
RELAY, CHI684 = (tomllib.loads(block)["multiplexer"] for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))


def test_documented_settings_load() -> None:
    """The page's two examples are valid."""
    relay = RelayMuxSettings.model_validate(RELAY)
    assert relay.port_of("21-1-3") == 1
    assert Chi684Settings.model_validate(CHI684).port_of("21-1-4") == 2


@pytest.mark.parametrize("name", [*RelayMuxSettings.model_fields, *CommandSettings.model_fields])
def test_every_setting_is_documented(name: str) -> None:
    """A setting that nobody can find is no setting."""
    assert re.search(rf"`{name}`|\b{name} =", PAGE)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": ""}, "give port, or the serial_number"),
        ({"identity": ""}, "identity"),
        ({"channels": {"9": "21-1-1"}}, "no port '9'; ports are 1 to 8"),
        ({"channels": {"0": "21-1-1"}}, "no port '0'"),
        ({"channels": {"01": "21-1-1"}}, "no port '01'"),
        ({"channels": {"x": "21-1-1"}}, "no port 'x'"),
        ({"channels": {"1": "21_1"}}, "letters, digits and dashes"),
        ({"channels": {"1": "x" * 25}}, "24 at most"),
        ({"channels": {"1": ""}}, "letters, digits and dashes"),
        ({"channels": {"1": "21-1-1", "2": "21-1-1"}}, "21-1-1 is wired to port 1 and to port 2"),
        ({"isolates_tester": "perhaps"}, "isolates_tester"),
        ({"commands": {"close": "ROUT:CLOS (@3)"}}, r"close must hold \{port\} once"),
        ({"commands": {"closed_reply": "(@)"}}, r"closed_reply must hold \{ports\} once"),
        ({"commands": {"closed_reply": "{ports}"}}, "closed_reply must begin with some text"),
        ({"commands": {"open_all": "ROUT:OPEN:ALL\n*RST"}}, "one line"),
        ({"commands": {"identify": ""}}, "identify"),
        ({"reply_timeout_s": float("nan")}, "reply_timeout_s"),
        ({"bits": 8}, "bits"),
    ],
)
def test_wrong_setting_is_told(changes: dict[str, Any], words: str) -> None:
    """Field and what was seen."""
    with pytest.raises(ValidationError, match=words):
        settings_for(**changes)


@pytest.mark.parametrize("ports", [0, 7, 12, 72])
def test_chi684_comes_in_eights(ports: int) -> None:
    """Eight to sixty-four channels, in steps of eight."""
    with pytest.raises(ValidationError, match="ports"):
        Chi684Settings(ports=ports)


def test_channel_without_a_wire_lists_those_that_have_one() -> None:
    """A cell that the switch cannot reach is told before anything starts."""
    settings = settings_for(channels={"1": "21-1-3", "2": "21-1-4"})
    with pytest.raises(SettingsError, match="21-1-5 is not wired to the switch; wired are: 21-1-3, 21-1-4"):
        settings.port_of("21-1-5")
