"""Progress of long work: a bar on a terminal; elsewhere a line now and then, with what is left."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

LINE_SECONDS = 10.0  # work that ends sooner says nothing where nobody watches


def progress(iterable: Iterable[Any] | None = None, **options: Any) -> Any:
    """A tqdm bar; where standard error is no terminal, a line every ten seconds.

    Args:
        iterable: what is gone through, or None for a bar that is updated by hand.
        options: tqdm's; `disable=True` silences both forms.
    """
    from tqdm import tqdm

    if not sys.stderr.isatty():
        options |= {
            "delay": LINE_SECONDS,
            "mininterval": LINE_SECONDS,
            "maxinterval": 2 * LINE_SECONDS,
            "bar_format": "{desc}: {n_fmt} of {total_fmt}, {elapsed} gone, {remaining} to go\n",
        }
    return tqdm(iterable, **options)
