"""The storm: one table of bad arguments per area, and what every refusal must be like.

A row is (function, arguments that are right, for each argument the values that are not). Each value
is one case: the function is called with it in place of the right one, and must raise `BadInput`
whose one sentence names the argument. That nothing is written, conftest.py checks after every case.
"""

import re
from functools import partial

import pytest

from gw_envs.checks import BadInput

NAN, INF = float("nan"), float("inf")
NO_NUMBER = ("0.5", None, True, NAN, [], {}, 10**400, 1j)
NO_RATE = (*NO_NUMBER, 0, -1.0, INF)  # no positive finite number
NO_PROB = ("0.5", True, NAN, 0, 1.0, -0.1, 1.5)  # none in (0, 1)
NO_COUNT = (*NO_NUMBER, 2.5, -1, INF)  # no whole number of at least 0
NO_CHOICE = ("nope", 5, None)
NO_FLAG = (1, "yes", None)


def spoil(table, **always):
    """The cases of a table, each with an id that says what is wrong.

    Args:
        table: rows (function, right arguments, {argument: wrong values}).
        **always: right arguments of every row.
    """
    cases = []
    for function, right, wrong in table:
        label = getattr(function, "__name__", None) or repr(function)
        for name, values in wrong.items():
            for i, value in enumerate(values):
                call = partial(function, **(always | right | {name: value}))
                cases.append(pytest.param(call, name, id=f"{label}-{name}-{i}"))
    return cases


def is_one_sentence_about(text, name):
    """Check the form of a refusal: a line, not too long, that ends and holds the name as a word."""
    assert "\n" not in text
    assert text.endswith((".", "?")), text
    assert len(text) < 800, text
    assert re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", text), text


def refused(call, name):
    """Check that a call is refused, in one sentence that names the argument."""
    with pytest.raises(BadInput) as caught:
        call()
    is_one_sentence_about(str(caught.value), name)
