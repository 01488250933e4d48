"""Chaos nights: a rack under random faults in virtual time, with the invariants checked at every event."""
