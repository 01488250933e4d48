"""Mutation testing of what stops a cell: each decision is changed, and a test must fail."""
