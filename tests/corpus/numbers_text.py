"""How a float of a GGUF file stands in JSON: the shortest digits that give it back.

Python prints an f64 that way by itself. For an f32 the answer here is the f64 whose
shortest digits are those of the f32, so `json.dumps` prints them.
"""

import functools
import math
import struct
from decimal import Decimal
from fractions import Fraction


def f64(value):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def f32(value):
    """`value` is an f32 widened to an f64, as `struct` unpacks it."""
    if not math.isfinite(value):
        return f64(value)
    if abs(value) < 2**24 and value == int(value):
        return value  # all digits of a small integer count; this keeps -0.0 too
    bits = struct.unpack("<I", struct.pack("<f", abs(value)))[0]
    return math.copysign(_shortest(bits), value)


@functools.lru_cache(maxsize=1 << 16)
def _shortest(bits):
    exact = _exact(bits)
    low = (_exact(bits - 1) + exact) / 2
    high = (exact + _exact(bits + 1)) / 2
    even = bits % 2 == 0  # a reader rounds a tie to the even neighbour
    exponent = Decimal(float(exact)).adjusted()
    for digits in range(1, 10):
        unit = Fraction(10) ** (exponent - digits + 1)
        below = exact // unit * unit
        near = sorted((below, below + unit), key=lambda decimal: abs(decimal - exact))
        for decimal in near:
            if low < decimal < high or (even and decimal in (low, high)):
                return float(decimal)
    raise AssertionError("nine digits always give an f32 back")


def _exact(bits):
    """The value of a bit pattern; behind the largest finite one, 2^128."""
    exponent, mantissa = bits >> 23, bits & 0x7FFFFF
    if exponent == 0:
        return Fraction(mantissa, 2**149)
    return Fraction(mantissa | 0x800000) * Fraction(2) ** (exponent - 150)
