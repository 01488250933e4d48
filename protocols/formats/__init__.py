"""Recipes for other programs, and recipes of other programs."""
