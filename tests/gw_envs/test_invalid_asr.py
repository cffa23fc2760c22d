"""Bad input to tabular MDPs, drift laws, their fitting and ASRWell: each error says what is right.

Every case names what the message must hold: the argument, its value and what would do.
"""

import gymnasium as gym
import numpy as np
import pytest

from gw_envs.asr_well import ASRWellEnv, ASRWellVectorEnv
from gw_envs.drift import AR1, Abrupt, Constant, Linear, Sum, drift_law
from gw_envs.drift.fitting import fit_drift
from gw_envs.tabular import TabularMDP

T = np.arange(20)
GOOD = {
    "transitions": np.full((2, 2, 2), 0.5),
    "rewards": np.zeros((2, 2)),
    "initial": np.array([0.5, 0.5]),
    "discount": 0.9,
}


def broken(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"discount": 1}, r"discount=1 must be a finite number in \[0, 1\)"),
        ({"discount": -0.1}, r"discount=-0.1 must"),
        (
            {"transitions": broken(GOOD["transitions"], (1, 0, 1), 0.6)},
            r"transitions\[1, 0\] sums to 1.1; its probabilities must sum to 1",
        ),
        (
            {"transitions": broken(GOOD["transitions"], (0, 1), (1.5, -0.5))},
            r"transitions\[0, 1, 1\]=-0.5 must be a probability in \[0, 1\]",
        ),
        ({"transitions": np.ones((2, 2))}, r"transitions of shape \(2, 2\) must be .*\[2, 2, 2\]"),
        (
            {"rewards": broken(np.zeros((2, 2)), (1, 1), np.nan)},
            r"rewards\[1, 1\]=nan is not",
        ),
        ({"rewards": np.zeros(2)}, r"rewards of shape \(2,\) must be an array of rewards \[S, A\]"),
        ({"initial": [0.5, 0.4]}, r"initial sums to 0.9; its probabilities must sum to 1"),
        ({"initial": [1.0]}, r"initial of shape \(1,\) must be .*\[2\]"),
    ],
)
def test_tabular_mdp(changes, message):
    with pytest.raises(ValueError, match=message):
        TabularMDP(**{**GOOD, **changes})


def test_policies_of_a_tabular_mdp():
    mdp = TabularMDP(**GOOD)
    with pytest.raises(ValueError, match=r"policy of shape \(2,\) must be .*\[S, A\] = \[2, 2\]"):
        mdp.state_values([0.5, 0.5])
    with pytest.raises(ValueError, match=r"policy\[0\] sums to 3; its probabilities must sum"):
        mdp.policy_gradient([[1, 2], [0.5, 0.5]])
    with pytest.raises(ValueError, match="horizon=0 must be a whole number of at least 1"):
        mdp.objective(np.full((2, 2), 0.5), horizon=0)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"law": "logistik"}, "'logistik' is unknown; .* Did you mean 'logistic'"),
        ({"value": 0.3}, r"drift\['law'\]=None is unknown; choose one of constant"),
        ({"law": "linear", "start": 0.3}, "lacks slope of law 'linear'"),
        ({"law": "linear", "start": 0, "slop": 1}, "'slop' is unknown.* Did you mean 'slope'"),
        ({"law": "constant", "value": "high"}, "constant.value='high' must be a finite number"),
        ({"law": "constant", "value": float("nan")}, "constant.value=nan must be"),
        (
            {"law": "saturating", "start": 0, "end": 1, "time_constant": 0},
            r"saturating.time_constant=0 must be a finite number in \(0, inf\]",
        ),
        ({"law": "seasonal", "mean": 0, "amplitude": 0, "period": -1}, "seasonal.period=-1 must"),
        ({"law": "abrupt", "times": [3, 2], "levels": [0, 0, 0]}, r"times=\[3, 2\] must increase"),
        ({"law": "abrupt", "times": [3], "levels": [0.1]}, "has 1 entries; .* must have 2"),
        ({"law": "abrupt", "times": 3, "levels": [0.1]}, "abrupt.times=3 must be a list"),
        ({"law": "ar1", "base": 0.5, "std": -1}, r"ar1.std=-1 must be .* \[0, inf\]"),
        (
            {"law": "ar1", "base": 0.5, "std": 1, "correlation": 1},
            r"correlation=1 must .*\(-1, 1\)",
        ),
        ({"law": "ar1", "base": "x", "std": 1}, "ar1.base='x' must be a number, a drift law"),
        ({"law": "sum", "terms": []}, r"sum.terms=\[\] must hold at least one"),
        ({"law": "sum", "terms": 0.3}, "sum.terms=0.3 must be a list of drift laws"),
        ({"law": "sum", "terms": [0.3, "x"]}, r"sum.terms\[1\]='x' must be a number, a drift law"),
        ({"law": "constant", "value": 0.3, "clip": 0.5}, "constant.clip=0.5 must be True, False"),
        ({"law": "constant", "value": 0.3, "clip": [0.5, 0.2]}, r"clip=\[0.5, 0.2\] must be"),
        ({"law": "constant", "value": 0.3, "clip": [0, 2]}, "0 <= low < high <= 1"),
        ("well", "drift='well' must be a number, a drift law or a dict such as"),
        (None, "drift=None must be a number"),
    ],
)
def test_drift_laws(form, message):
    with pytest.raises(ValueError, match=message):
        drift_law(form)


def test_use_of_drift_laws():
    with pytest.raises(ValueError, match=r"drift=\{'law': 'linear', .*\} leaves \[0, 1\] first at"):
        Linear(0.5, 0.1).tabulate(10)
    with pytest.raises(ValueError, match=r"first at t=0 with value 1.2"):
        Constant(1.2).tabulate(10)
    with pytest.raises(ValueError, match=r"b=.* leaves \[0, 1\] first at t=0 with value -0.1"):
        Sum((Constant(-0.1),)).tabulate(10, name="b")
    with pytest.raises(ValueError, match=r"t\[1\]=-1\.0 is not"):
        Constant(0.3).values([0, -1])
    with pytest.raises(ValueError, match="t=inf must be a finite number"):
        Abrupt((3,), (0, 1)).values(np.inf)
    with pytest.raises(ValueError, match="seed=-1 must be a whole number"):
        AR1(Constant(0.3), 0.1).values(T, seed=-1)
    with pytest.raises(ValueError, match="horizon=-1 must be a whole number of at least 0"):
        Constant(0.3).tabulate(-1)


@pytest.mark.parametrize(
    ("t", "values", "options", "message"),
    [
        (T[:5], T[:5], {}, r"shapes \(5,\) and \(5,\) must be two vectors .* at least 10"),
        (T, T[:-1], {}, r"shapes \(20,\) and \(19,\) must be"),
        (T, broken(T, 3, np.inf), {}, r"values\[3\]=inf is not"),
        (T[::-1], T, {}, "must be finite, at least 0 and increasing"),
        (T - 1, T, {}, "must be finite, at least 0 and increasing"),
        (T + 100, T, {}, r"t\[0\]=100.0 lies further from 0 .* count t from its start"),
        (T, T, {"families": ["wel"]}, "families='wel' is unknown; .* Did you mean 'well'"),
        (T, T, {"families": []}, r"families=\[\] must name at least one"),
        (T, T, {"start": "high"}, "start='high' must be a finite number"),
    ],
)
def test_fit_drift(t, values, options, message):
    with pytest.raises(ValueError, match=message):
        fit_drift(t, values, **options)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_states": 0}, "num_states=0 must be a whole number of at least 1"),
        ({"num_states": 2.5}, "num_states=2.5 must be a whole number"),
        ({"reward_gaps": 0}, r"reward_gaps=0 must be a finite number in \(0, 1\]"),
        ({"reward_gaps": [0.1, 0.2]}, r"reward_gaps=\[0.1, 0.2\] must be one number or one for ea"),
        (
            {"reward_gaps": [0.1, 0.2, -1]},
            r"reward_gaps\[2\]=-1.0 is not",
        ),
        ({"reward_gaps": [[0.1, 0.2, 0.3]]}, "reward_gaps=.* must be one number or one for each"),
        ({"reward_gaps": "big"}, "reward_gaps='big' must be a finite number"),
        ({"best_actions": [0, 1]}, r"best_actions=\[0, 1\] must name one action"),
        (
            {"best_actions": [0, 1, 3]},
            r"best_actions\[2\]=3 must be a whole number of .* at most 2",
        ),
        ({"best_actions": 1}, "best_actions=1 must be a list of actions"),
        ({"move_prob": 1.1}, r"move_prob=1.1 must be a finite number in \[0, 1\]"),
        ({"discount": 1}, r"discount=1 must be a finite number in \[0, 1\)"),
        ({"horizon": 0}, "horizon=0 must be a whole number of at least 1"),
        ({"steps_per_tick": 0}, "steps_per_tick=0 must be a whole number of at least 1"),
        ({"drift_horizon": 0}, "drift_horizon=0 must be a whole number of at least 1"),
        ({"drift_seed": -1}, "drift_seed=-1 must be a whole number of at least 0"),
        ({"premise": "maybe"}, "premise='maybe' is unknown; choose one of require, warn, ignore"),
        ({"ceiling": 1.5}, r"ceiling=1.5 must be a finite number in \[0, 1\]"),
        ({"render_mode": "svg"}, "render_mode='svg' is unknown; choose one of ansi"),
        ({"drift": [0.5, 0.5]}, r"drift=\[0.5, 0.5\] has 2 entries; give one law, or one for each"),
        ({"drift": [0.5, 0.5, "x"]}, r"drift\[2\]='x' must be a number, a drift law"),
        ({"drift": "well"}, "drift='well' must be a number, a drift law"),
        ({"drift": Linear(0.5, 0.001)}, r"leaves \[0, 1\] first at t=501 .* state clip=True"),
        (
            {"drift": [0.1, 0.1, Linear(0.5, -0.01)]},
            r"drift\[2\]=.* first at t=51 with value -0.01",
        ),
        (
            {"drift": Linear(0.5, 0.001, clip=True)},
            r"reward_gaps\[0\]=0.2 on the base reward 0.801 of arm 0 pays 1.001 first at t=301",
        ),
        ({"drift": [0.1, 0.5, 0.1]}, "premise .* t=0 arm 1 has had base reward 0.5, .* state 0"),
    ],
)
def test_asr_well(kwargs, message):
    # The classes themselves: gym.make has words of its own for a wrong render_mode.
    for construct in (ASRWellEnv, ASRWellVectorEnv):
        with pytest.raises(ValueError, match=message):
            construct(**kwargs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clock": -1}, r"options\['clock'\]=-1 must be a whole number of at least 0"),
        ({"clock": 1.5}, r"options\['clock'\]=1.5 must be a whole number"),
        ({"state": 3}, r"options\['state'\]=3 must be a whole number of at least 0 and at most 2"),
        ({"state": "hard"}, r"options\['state'\]='hard' must be a whole number"),
        ({"state": [0, 1]}, r"options\['state'\]=\[0, 1\] must be one level or one for each"),
        (
            {"clok": 3},
            "options='clok' is unknown; choose one of clock, state. Did you mean 'clock'",
        ),
    ],
)
def test_reset_options_of_asr_well(options, message):
    env = gym.make("ASRWell-v0").unwrapped
    vector = gym.make_vec("ASRWell-v0", num_envs=3)
    for world in (env, vector):
        world.reset(seed=0)
        with pytest.raises(ValueError, match=message):
            world.reset(options=options)
    # A refused reset has drawn nothing: the next start is that of a fresh second episode.
    fresh = gym.make("ASRWell-v0").unwrapped
    fresh.reset(seed=0)
    assert env.reset()[0] == fresh.reset()[0]


@pytest.mark.parametrize("clock", [-1, 0.5, "now"])
def test_clocks_of_asr_well(clock):
    env = gym.make("ASRWell-v0").unwrapped
    for method in (env.base_rewards, env.mean_rewards_at, env.mdp_at):
        with pytest.raises(ValueError, match=f"clock={clock!r} must be a whole number"):
            method(clock)


def test_actions_of_asr_well():
    env = gym.make("ASRWell-v0").unwrapped
    with pytest.raises(gym.error.ResetNeeded, match="Call reset"):
        env.step(1)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"action=array\(\[3\]\) must hold one of 0\.\.2"):
        env.step(3)
    vector = gym.make_vec("ASRWell-v0", num_envs=2)
    vector.reset(seed=0)
    with pytest.raises(ValueError, match=r"must hold one of 0\.\.2 for each of 2 environments"):
        vector.step(np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="num_envs=0 must be"):
        gym.make_vec("ASRWell-v0", num_envs=0)
