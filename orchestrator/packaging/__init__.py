"""A run as one package that can be checked in ten years: written, verified, archived, and brought back row for row.

``writing`` makes a package of a run, ``verifying`` says whether it is as it was written, ``archiving`` moves the
records of ended runs out of a store, ``opened`` gives a package as a store of its own (docs/package.md).
"""
