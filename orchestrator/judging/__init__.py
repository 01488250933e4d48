"""The judges of samples: pure functions and small state machines without store or clock."""
