"""Runs written into files of the formats that the field uses, whole or not at all.

``formats`` finds a format by its name; ``exporting`` writes runs in it; ``output`` keeps a file from looking whole
before it is. A format of another package is an entry point of the group ``cellrig.formats`` that is an
``ExportFormat`` (docs/export.md).
"""
