"""The catalogue of faults: ninety, each with how it is injected, the safe behaviour, and the tests that show it."""
