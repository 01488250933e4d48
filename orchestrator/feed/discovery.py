"""Tells Home Assistant of the channels, by its MQTT discovery: sensors and alarms, and nothing that commands.

Keys and topics are those of Home Assistant's MQTT integration: a retained message under
``<prefix>/<component>/<node>/<object>/config`` makes an entity, an empty one takes it away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.api.models.mqtt import MessageKind
from orchestrator.feed.messages import Message, Topics, as_json
from orchestrator.feed.states import VALID_BEATS
from orchestrator.states import RunState

# Component, name, key of the state message, and what the entity says of its values.
_SENSORS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("State", "state", {"device_class": "enum", "options": ["none", *(state.value for state in RunState)]}),
    ("Voltage", "voltage_v", {"device_class": "voltage", "unit_of_measurement": "V", "state_class": "measurement",
                              "suggested_display_precision": 4}),
    ("Cycle", "cycle", {"state_class": "measurement"}),
    ("Step", "step_name", {}),
    ("Cell", "label", {}),
    ("Time left", "time_left_s", {"device_class": "duration", "unit_of_measurement": "s"}),
    ("In words", "words", {}),
)  # fmt: skip
_SAMPLE_SENSORS: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("Current", "current_a", {"device_class": "current", "unit_of_measurement": "A", "state_class": "measurement",
                              "suggested_display_precision": 6}),
    ("Capacity", "capacity_ah", {"unit_of_measurement": "Ah", "state_class": "measurement"}),
)  # fmt: skip
# A text longer than this is no state for Home Assistant.
_LONGEST_STATE = 255


class Discovery:
    """The discovery messages of one rig."""

    def __init__(self, topics: Topics, prefix: str, keep_alive_s: int, software: str) -> None:
        self._topics, self._prefix = topics, prefix
        self._expire_s = int(VALID_BEATS * keep_alive_s)
        self._software = software

    def messages(self, channels: Iterable[str]) -> list[Message]:
        """Return the retained messages that describe the rig and its channels."""
        found = [self._rig()]
        for channel in channels:
            found += self._of_channel(channel)
        return found

    def gone(self, topics: Iterable[str]) -> list[Message]:
        """Return the messages that take entities away."""
        return [Message(topic, b"", retain=True) for topic in sorted(topics)]

    def _rig(self) -> Message:
        # No availability: that it is offline is what this one says.
        config = {
            "name": "Feed",
            "state_topic": self._topics.of(MessageKind.STATUS),
            "value_template": "{{ 'ON' if value_json.online and value_json.control_answers else 'OFF' }}",
            "device_class": "connectivity",
            "expire_after": self._expire_s,
        }
        return self._entity("binary_sensor", None, "feed", config)

    def _of_channel(self, channel: str) -> list[Message]:
        state = self._topics.of(MessageKind.STATE, channel)
        sample = self._topics.of(MessageKind.SAMPLE, channel)
        found = []
        for name, key, more in _SENSORS:
            value = f"{{{{ value_json.{key} }}}}"
            if key == "state":
                value = "{{ value_json.state or 'none' }}"
            elif key == "words":
                value = f"{{{{ value_json.words[:{_LONGEST_STATE}] }}}}"
            config = {"name": name, "state_topic": state, "value_template": value, "expire_after": self._expire_s}
            found.append(self._entity("sensor", channel, key, {**config, **more}))
        for name, key, more in _SAMPLE_SENSORS:
            config = {"name": name, "state_topic": sample, "value_template": f"{{{{ value_json.{key} }}}}"}
            found.append(self._entity("sensor", channel, key, {**config, **more}))
        config = {
            "name": "Needs a person",
            "state_topic": state,
            "value_template": "{{ 'ON' if value_json.needs_person else 'OFF' }}",
            "device_class": "problem",
            "expire_after": self._expire_s,
        }
        found.append(self._entity("binary_sensor", channel, "needs_person", config))
        return found

    def _entity(self, component: str, channel: str | None, key: str, config: Mapping[str, Any]) -> Message:
        rig = f"cellrig_{self._topics.rig}"
        node = rig if channel is None else f"{rig}_{channel}"
        device: dict[str, Any] = {"identifiers": [node], "manufacturer": "cellrig", "sw_version": self._software}
        if channel is None:
            device |= {"name": f"cellrig {self._topics.rig}", "model": "rig"}
            available: dict[str, Any] = {}
        else:
            device |= {"name": f"{self._topics.rig} {channel}", "model": "channel", "via_device": rig}
            template = "{{ 'online' if value_json.online and value_json.control_answers else 'offline' }}"
            available = {"availability": [{"topic": self._topics.of(MessageKind.STATUS), "value_template": template}]}
        origin = {"name": "cellrig", "sw_version": self._software}
        body = {"unique_id": f"{node}_{key}", **config, **available, "device": device, "origin": origin}
        return Message(f"{self._prefix}/{component}/{node}/{key}/config", as_json(body), retain=True)
