"""Verdicts on policies of known truth; replay, limits and predictions against exact numbers."""

import gymnasium as gym
import numpy as np
import pytest

from agents.diagnosis import SoftmaxTable, diagnose
from agents.diagnosis.betting import limits
from agents.diagnosis.playing import Arena, Branch, Fork
from agents.diagnosis.policies.actors import as_actor
from agents.diagnosis.prediction import complete_advantages, updates_to_take
from agents.diagnosis.verdicts import state_text
from gw_envs import theory


def row(best, count, prob):
    pi = np.full(count, (1 - prob) / (count - 1))
    pi[best] = prob
    return pi


def quick(policy, env="SoftmaxWell-v0", **options):
    return diagnose(policy, env, **{"max_steps": 6_000, **options})


def test_a_corner_is_a_well_and_its_clock_is_the_theorys():
    found = quick(row(1, 2, 0.99), env_kwargs={"num_actions": 2})
    assert found.verdict == "well"
    route = found.routes[0]
    assert (route.action, route.hold) == (0, 1)
    assert route.low <= 0.2 * 0.99 <= route.high + 1e-12
    exact = theory.escape_time(0.01, 0.2, 0.4, 2)
    assert exact / 2 < route.updates < 2 * exact
    assert route.updates_low <= route.updates <= route.updates_high


@pytest.mark.parametrize("noise", ["none", "bernoulli"])
def test_the_optimum_has_no_better_action(noise):
    kwargs = {"reward_noise": noise}
    found = quick(row(0, 6, 0.99), env_kwargs=kwargs)
    assert found.verdict == "no_better_action"
    assert 0 <= found.smallest_visible < 0.2
    assert not found.routes


def test_what_the_policy_takes_often_is_learning():
    found = quick(row(0, 6, 1 / 6))
    assert found.verdict == "learning"
    assert not found.routes[0].is_rare


def test_float32_logits_freeze_where_the_same_policy_shifted_moves():
    kwargs = {"num_actions": 3}
    lost = SoftmaxTable(np.array([-7, 7, -7], np.float32))
    assert quick(lost, env_kwargs=kwargs).verdict == "frozen"
    moved = SoftmaxTable(np.array([0, 14, 0], np.float32))
    assert quick(moved, env_kwargs=kwargs).verdict == "well"


def test_a_long_chain_ends_in_no_signal_and_says_why():
    kwargs = {"chain_length": 40, "horizon": 60}
    found = quick(
        np.full((42, 4), 0.25), "ChainWell-v0", env_kwargs=kwargs, num_states=2, max_steps=20_000
    )
    assert found.verdict == "no_signal"
    assert "long chain" in found.reason


@pytest.mark.parametrize(("prob", "verdict"), [(0.08, "well"), (0.25, "unclear")])
def test_a_held_action_is_a_way_out_of_a_well_only_if_the_action_itself_is_rare(prob, verdict):
    """Four or sixteen steps of one action are rare under a uniform policy too."""
    kwargs = {"chain_length": 8, "horizon": 60}
    policy = np.full((10, 4), (1 - prob) / 3)
    policy[:, gym.make("ChainWell-v0", **kwargs).unwrapped.optimal_actions[0]] = prob
    found = quick(policy, "ChainWell-v0", env_kwargs=kwargs, num_states=2, max_steps=60_000)
    assert found.verdict == verdict
    assert found.routes[0].hold > 1


def test_the_same_seed_gives_the_same_diagnosis():
    kwargs = {"reward_noise": "bernoulli"}
    a, b = (quick(row(1, 6, 0.99), env_kwargs=kwargs).as_dict() for _ in range(2))
    for found in (a, b):
        found.pop("seconds")
    assert a == b


def test_limits_cover_the_mean_however_long_one_looks():
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(200):
        data = rng.choice([-1.0, 0.0, 1.0], p=[0.15, 0.8, 0.05], size=200)
        ends = [limits(data[:n], 1.0, 0.05) for n in (10, 50, 200)]
        missed += any(not low <= -0.1 <= high for low, high in ends)
    assert missed <= 30  # at most 10 % on average, 20 of 200; +2.4 standard deviations
    low, high = limits(data, 1.0, 0.05)
    assert high - low < 0.6


def test_predictions_are_the_closed_form_for_one_state():
    pi = row(1, 2, 0.999)
    advantages = np.array([0.999, -0.001]) * 0.5
    count = updates_to_take(pi, advantages, 0, 1.0, 0.4)
    assert count == theory.escape_time(1 - 0.999, 0.5, 0.4, 2)
    assert updates_to_take(pi, advantages, 1, 1.0, 0.4) == 0
    assert updates_to_take(np.array([0.0, 1.0]), advantages, 0, 1.0, 0.4) == np.inf


@pytest.mark.parametrize("visits", [1e3, 1e5, 1e7, 1e300])
def test_updates_that_leave_float64_are_not_predicted(visits):
    """As in CliffWalking from a corner: thousands of visits an episode, returns of -100 a step."""
    pi, advantages = np.array([0.003, 0.003, 0.004, 0.99]), np.array([300.0, 100.0, -50.0, -1.1])
    count = updates_to_take(pi, advantages, 0, visits, 0.1)
    assert count is None or 0 < count < 1e6
    assert visits < 1e5 or count is None


def test_the_rate_of_ln_pi_is_the_formula():
    # d ln pi(a)/dn = eta N [pi(a) A(a) - sum_b pi(b)^2 A(b)], by a small step of the logits
    rng = np.random.default_rng(1)
    pi = rng.dirichlet(np.ones(4))
    values = rng.random(4)
    advantages = values - pi @ values
    step = 1e-6
    theta = np.log(pi) + step * pi * advantages
    moved = np.exp(theta) / np.exp(theta).sum()
    rate = pi * advantages - (pi**2 @ advantages)
    np.testing.assert_allclose(np.log(moved / pi) / step, rate, rtol=1e-4, atol=1e-6)
    unknown = advantages.copy()
    unknown[2] = np.nan
    np.testing.assert_allclose(complete_advantages(pi, unknown), advantages)


def test_a_fork_continues_as_the_episode_and_the_time_limit_counts_on():
    def make():
        return gym.make("CartPole-v1", max_episode_steps=12, disable_env_checker=True)

    def policy(seen):
        return np.array([0.5, 0.5]) if seen[2] == 0 else int(seen[2] > 0)

    arena = Arena(make, as_actor(policy, make(), deterministic=True), 1.0, 1000)
    whole = Branch(Fork(3, (), None), record=True)
    arena.play([whole])
    assert whole.length == 12 and whole.finished
    arena.check_replay(whole)
    fork = Fork(3, tuple(whole.actions[:5]), whole.observations[5])
    rest = Branch(fork, stream=(0, 1), record=True)
    arena.play([rest])
    assert rest.length == 7
    assert rest.actions == whole.actions[5:]


class Counter(gym.Env):
    """A walk that pays its position; it can save its state."""

    observation_space = gym.spaces.Discrete(20)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return 0, {}

    def step(self, action):
        self.place += int(action)
        return self.place, float(self.place), self.place >= 15, False, {}

    def get_state(self):
        return self.place

    def set_state(self, state):
        self.place = state


def test_states_are_saved_where_the_environment_can_and_the_time_limit_is_put_back():
    def make():
        return gym.wrappers.TimeLimit(Counter(), 10)

    arena = Arena(make, as_actor(lambda seen: 1, make(), deterministic=True), 1.0, 1000)
    whole = Branch(Fork(0, (), None), record=True)
    arena.play([whole])
    arena.check_replay(whole)
    assert arena.forks_directly
    fork = Fork(0, (1, 1, 1, 1), 4)
    for _ in range(2):  # by replay, then from the saved state
        before = arena.steps
        rest = Branch(fork, stream=(1,))
        arena.play([rest])
        assert (rest.length, rest.value) == (6, sum(range(5, 11)))
    assert arena.steps - before == 6


def test_an_environment_that_pays_integers_replays():
    right = np.eye(4)[np.full(16, 2)] * 0.96 + 0.01
    found = quick(right, "FrozenLake-v1", env_kwargs={"is_slippery": False}, num_states=2)
    assert found.verdict in ("well", "no_signal")


def test_the_places_of_a_diagnosis_can_be_visited():
    def fall(seen):
        return int(seen[2] > 0)

    options = {"num_states": 3, "max_steps": 40_000, "holds": (1,), "deterministic": True}
    found = diagnose(fall, "CartPole-v1", **options)
    env = gym.make("CartPole-v1")
    assert len(found.places) == 3
    assert any(place.actions for place in found.places)
    for probe in found.probes:
        place = found.places[probe.place]
        seen, _ = env.reset(seed=place.seed)
        for action in place.actions:
            seen, *_ = env.step(action)
        assert state_text(seen) == probe.state


def test_one_state_of_many_says_little():
    found = quick(lambda seen: np.eye(2)[int(seen[2] > 0)], "CartPole-v1", num_states=1)
    assert found.unprobed_share > 0.5
    assert found.verdict == "unclear"
    assert "one state that was looked at" in found.reason
