"""The MQTT feed: a process that publishes what the store and control tell, and receives nothing (docs/mqtt.md)."""
