"""The words for whoever finds a package without knowing cellrig."""

README = """\
This is one run of a battery test, as cellrig stored it: https://w3id.org/ro/crate/1.1 describes the outer form.

tables/         every row of every table that belongs to the run, as Apache Parquet; sample.parquet has the records
                of the instruments: times in s, voltage in V, current in A (positive charges the cell), capacity in Ah
                and energy in Wh as magnitudes since the begin of the step, temperature in degrees Celsius, time as
                Unix time in s. What was not measured is null.
summary.json    what was computed of them: state, cycles, capacities, times without records
program.json    the program as it was ordered; its SHA-256 stands in tables/run.parquet
executed.json   what was loaded into the instruments, test by test
recipe.yaml, cell.yaml   the files of the order, byte for byte, where they were kept
cell.json, instruments.json, events.json, deviations.json   the cell, the instruments with settings and checks, what
                happened, and when the data deviate from the plan (categories of BattINFO)
notes.json      what people wrote about the run, with names and times; a note is never changed
pictures/       drawn from the records
battinfo.jsonld, ro-crate-metadata.json   descriptions for programs
manifest.json   size and SHA-256 of every file. "chain" of each is the SHA-256 of: the chain of the file before it (for
                the first: "begin"), a line feed, and [path, size, SHA-256, CRC-32] as JSON without spaces. "begin" is
                that of format, version, run and made_by as such JSON. Whoever wrote down "end" can tell later that
                nothing was changed.

cellrig verify PACKAGE checks all of it; sha256sum checks a single file.
"""
