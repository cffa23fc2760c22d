"""The literature's sentences as programs: each with its settings, its run, verdict and figure.

`python -m experiments claims` runs them; docs/claims.md is what it writes. A claim is one file with
one class (`experiments.claims.claim.Claim`); its place in the table below is its number.
"""

from __future__ import annotations

import importlib
from typing import Any

from gw_envs.checks import check_choice

# name: "module:class", in the order of the page
CLAIMS = {
    "attraction": "experiments.claims.attraction:Attraction",
    "theorem-1": "experiments.claims.theorem_1:TheoremOne",
    "theorem-2": "experiments.claims.theorem_2:TheoremTwo",
    "initialization": "experiments.claims.initialization:Initialization",
    "asr-well": "experiments.claims.sampling_well:SamplingWell",
    "curriculum": "experiments.claims.curriculum:Curriculum",
    "future-work": "experiments.claims.future_work:FutureWork",
    "ways-out": "experiments.claims.ways_out:WaysOut",
    "arithmetic-wells": "experiments.claims.arithmetic:Arithmetic",
    "asr-well-digits": "experiments.claims.second_data:SecondData",
}


def claim_class(name: str) -> Any:
    """The class of a claim, imported when asked for.

    Raises:
        ValueError: if there is no claim of that name.
    """
    module, cls = CLAIMS[check_choice("claim", name, tuple(CLAIMS))].split(":")
    return getattr(importlib.import_module(module), cls)
