"""Draws random numbers by position: a cell's randomness is part of its state, and a replay repeats it.

The n-th number of a seed is a hash of (seed, n). There is no hidden generator to save: the position is the state.
"""

from __future__ import annotations

import hashlib
import math
import struct

_SCALE = 1.0 / (1 << 53)


def uniform(seed: int, position: int) -> float:
    """Return the number at this position of the seed's stream, strictly between 0 and 1."""
    digest = hashlib.blake2b(struct.pack("<Qq", seed % (1 << 64), position), digest_size=8).digest()
    return ((int.from_bytes(digest, "little") >> 11) + 0.5) * _SCALE


def erlang(seed: int, position: int, shape: int) -> float:
    """Return a mean-1 waiting amount until the last of ``shape`` independent steps; uses ``shape`` positions."""
    return -sum(math.log(uniform(seed, position + k)) for k in range(shape)) / shape


def spread(seed: int, position: int, fraction: float) -> float:
    """Return a factor of mean 1 that never leaves 1 +- fraction (triangular); uses two positions."""
    return 1.0 + fraction * (uniform(seed, position) + uniform(seed, position + 1) - 1.0)
