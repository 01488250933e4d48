"""Measures speed, side by side with what the parts alone allow; nothing here is a test, and nothing ships.

::

    python -m benchmarks                # everything, about ten minutes
    python -m benchmarks help --quick   # one benchmark, fewer repeats
    python -m benchmarks --json

Absolute times belong to one machine and one moment. What carries over are the ratios, so each figure that matters is
measured in turns with its floor: the same rows, the same process, the same disk. ``docs/performance.md`` says what the
figures mean.
"""
