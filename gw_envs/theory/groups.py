"""The escape of group rules from deep in a well: a pure birth process.

G pulls an update, m of them of the best arm, two-valued rewards (the best arm pays Delta more than
the others, which are alike). While G x << 1 a group holds a* with probability G x, once. Groups
without it do nothing: their advantages are all zero. One with it divides the odds y against a* by
e^h, whatever y is, so the waits are independent, of means y e^(-kh)/G, k = 0, 1, ...:

    E T = (1 - 10 x0)/(G x0 (1 - e^-h)) groups,     standard deviation / mean = sqrt(tanh(h/2)).

It is the law of `sampled_law` with V = b and another h. c = K/(K-1) and, from the advantages of
one success among G (success / failure):

    rloo     Delta, -Delta/(G-1)                        h = c eta Delta/G
    dr-grpo  Delta (1 - 1/G), -Delta/G                  h = c eta Delta (G-1)/G^2
    grpo     the same over its deviation                h = c eta sqrt(G-1)/G
    max-rl   the score averaged over successes          h = c eta
    ppo-clip inner steps until the ratio is 1 + clip    h = ln(1 + clip)

All push up only what they have seen: none escapes before the first sight, 1/(G x0).
"""

from __future__ import annotations

import math

from gw_envs.checks import BadInput, check_choice, check_float, check_int
from gw_envs.theory.functional import ExponentialFunctional
from gw_envs.theory.sampled_law import SampledEscapeLaw, check_reach, check_start

GROUP_RULES = ("rloo", "dr-grpo", "grpo", "max-rl", "ppo-clip")
MOST_IN_SIGHT = 0.3  # G x0 above which two successes in a group are no longer rare


def group_escape_law(
    rule: str,
    optimal_prob: float,
    group_size: int,
    learning_rate: float | None = None,
    *,
    num_actions: int = 2,
    reward_gap: float = 1.0,
    clip: float | None = None,
    escape_prob: float | None = None,
) -> SampledEscapeLaw:
    """The law of the number of groups that a rule needs to escape, exact as G x0 -> 0.

    Two arms, or more that start alike: with K >= 3 the wrong arms of a group are pushed down one by
    one, which changes h by a relative O(h^2/G), and not at all for max-rl. The law of ppo-clip
    needs so many inner steps S that every success is clipped, and S eta x so small that nothing
    else moves.

    Args:
        rule: "rloo", "dr-grpo", "grpo", "max-rl" or "ppo-clip".
        optimal_prob: x0 = pi_1(a*), with group_size * x0 <= .3.
        group_size: G >= 2.
        learning_rate: eta > 0, of the sum of advantage times score over G; not for ppo-clip.
        num_actions: K >= 2.
        reward_gap: Delta in (0, 1]; drops out of grpo and ppo-clip, and must be 1 (binary rewards)
            for max-rl.
        clip: epsilon > 0 of ppo-clip.
        escape_prob: edge on pi(a*); default the well's .1.

    Returns:
        The law of T in groups; T times G are pulls.

    Raises:
        ValueError: naming the argument that is out of range or does not belong to the rule.
    """
    check_choice("rule", rule, GROUP_RULES)
    size = check_int("group_size", group_size, 2)
    start, edge = check_start(optimal_prob, escape_prob)
    if size * start > MOST_IN_SIGHT:
        raise BadInput(
            f"group_size * optimal_prob = {size * start:g} must be at most {MOST_IN_SIGHT}, for "
            "groups with two successes to be rare."
        )
    gap = check_float("reward_gap", reward_gap, 0, 1, open_low=True)
    if rule == "max-rl" and gap != 1:
        raise BadInput(f"reward_gap={gap!r} must be 1 for max-rl: its rewards are binary.")
    k = check_int("num_actions", num_actions, 2)
    step = _step(rule, size, learning_rate, gap, clip, k / (k - 1))
    check_reach(start, step)
    scale = ((1 - start) / start - (1 - edge) / edge) / size
    return SampledEscapeLaw(
        ExponentialFunctional((step,), (1.0,), 0.0), scale, scale * size * start - 1
    )


def _step(
    rule: str, size: int, learning_rate: float | None, gap: float, clip: float | None, c: float
) -> float:
    """h, the logarithm by which one seen success divides the odds against the best arm."""
    if rule == "ppo-clip":
        if clip is None or learning_rate is not None:
            raise BadInput("rule='ppo-clip' takes clip, not learning_rate: many inner steps.")
        return math.log1p(check_float("clip", clip, 0, open_low=True))
    if learning_rate is None or clip is not None:
        raise BadInput(f"rule={rule!r} takes learning_rate, not clip.")
    eta = check_float("learning_rate", learning_rate, 0, open_low=True)
    advantage = {
        "rloo": gap / size,
        "dr-grpo": gap * (size - 1) / size**2,
        "grpo": math.sqrt(size - 1) / size,
        "max-rl": 1.0,
    }[rule]
    return c * eta * advantage
