"""What samples mean: pure functions and small state machines without store or clock."""
