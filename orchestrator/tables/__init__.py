"""What a run is as tables of columns: read from a store here, and by every analysis, export and import through it.

``columns`` defines the sample table and the impedance table; ``sample_table`` and ``impedance_table`` read them as
polars frames. ``run_data`` is the reader of a run that they and everything else stand on.
"""
