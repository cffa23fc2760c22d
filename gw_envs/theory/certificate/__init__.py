"""A proof by computation that an escape time is the count: ball arithmetic, and no rounding.

`certifying` asks and answers; `direct` makes every update, `series` jumps over most of them.
"""
