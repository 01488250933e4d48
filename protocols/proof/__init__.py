"""The proof of a program: exact bounds of what it may do to its cell, or a counter-example."""

from protocols.proof.findings import CounterExample, Proof, Rule
from protocols.proof.program_proof import LONGEST_S, prove

__all__ = ["LONGEST_S", "CounterExample", "Proof", "Rule", "prove"]
