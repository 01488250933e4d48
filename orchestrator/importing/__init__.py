"""Brings files of other programs into the store as runs: what was decided about each file is said and kept with it.

``files`` finds out what a file is; a module for each kind reads it into a ``ReadRun``; ``writing`` stores that in one
transaction. Nothing is guessed without a word: what a file does not say is an option, or an error that names it.
"""
