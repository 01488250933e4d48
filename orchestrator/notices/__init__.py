"""Notices to people: who is told of what happens to runs and to the rig, by which way, until somebody has seen it."""
