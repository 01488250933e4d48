"""Slips seeded into sound recipes: a search for those that nothing refuses. ``python -m tests.slips`` runs it."""
