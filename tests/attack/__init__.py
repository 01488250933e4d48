"""A tester behind a proxy that spoils its link and lies in its name: every point of it, with what then holds.

``python -m tests.attack`` tries all cases and prints one table; ``make faults`` does the same. ``cases`` lists them,
``proxy`` is between the driver and the simulated tester, ``lies`` says what a lie is, ``life`` lives through one case,
``witness`` compares what was said with what the tester did.
"""
