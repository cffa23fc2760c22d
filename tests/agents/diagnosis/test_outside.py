"""What `diagnose` says of worlds that others made: rare events, hidden states, holds, offsets."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.diagnosis import diagnose
from agents.diagnosis.forks import difference
from agents.diagnosis.playing import POLICY, Uniforms


class World(gym.Env):
    """One state, two actions, one step."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        return 0, self.pay(action), True, False, {}


class Coin(World):
    """Its generator is its own; each arm pays 0 or 1."""

    def reset(self, *, seed=None, options=None):
        self.rng = np.random.default_rng(seed)
        return 0, {}

    def pay(self, action):
        return float(self.rng.random(2)[action] < 0.5)


class RareLoss(World):
    """Arm 1 pays a tenth more, but for a loss that comes once in `1 / chance`."""

    def __init__(self, chance=0.01, loss=100.0):
        self.chance, self.loss = chance, loss

    def pay(self, action):
        lost = self.np_random.random() < self.chance
        return 1.1 - self.loss * lost if action else 1.0


class Offset(World):
    """Every reward has the same large constant in it."""

    def __init__(self, constant=-1e10):
        self.constant = constant

    def pay(self, action):
        return self.constant + 0.5 * action


class Contexts(World):
    """Fifty contexts; the parity of each is its right arm."""

    observation_space = gym.spaces.Discrete(50)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.context = int(self.np_random.integers(50))
        return self.context, {}

    def pay(self, action):
        return float(action == self.context % 2)


class Straight(World):
    """Action 0 ends the episode for .1; a reward of 1 lies `length` times action 1 away."""

    observation_space = gym.spaces.Discrete(20)

    def __init__(self, length=11):
        self.length = length

    def reset(self, *, seed=None, options=None):
        self.place = 0
        return super().reset(seed=seed)

    def step(self, action):
        self.place += 1
        if action == 0:
            return self.place, 0.1, True, False, {}
        there = self.place == self.length
        return self.place, float(there), there, False, {}


class TMaze(World):
    """The goal is shown at the start only; the arm that leads to it pays 4, the other -.1."""

    observation_space = gym.spaces.Discrete(4)
    action_space = gym.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal, self.place, self.time = int(self.np_random.integers(2)), 0, 0
        return self.goal, {}

    def step(self, action):
        self.time += 1
        if self.place == 5 and action >= 2:
            return 3, 4.0 if action - 2 == self.goal else -0.1, True, False, {}
        self.place = int(np.clip(self.place + (1, -1, 0, 0)[action], 0, 5))
        seen = self.goal if self.place == 0 else 3 if self.place == 5 else 2
        return seen, 0.0, False, self.time >= 30, {}


STAY = np.array([0.99, 0.01])
PARITY = np.where((np.arange(50) % 2)[:, None] == np.arange(2), 0.99, 0.01)


def test_an_own_generator_shares_no_luck_with_the_policy_and_limits_hold():
    policy = np.array([0.95, 0.05])
    found = [diagnose(policy, Coin, discount=1.0, max_steps=20_000, seed=s) for s in range(20)]
    assert [d.verdict for d in found] == ["no_better_action"] * 20
    missed = sum(not p.low <= 0 <= p.high for d in found for p in d.probes)
    assert missed <= 1
    assert found[0].rarest_event <= 3 / 1000


def test_the_policys_luck_is_not_the_environments():
    # a generator seeded with a sequence of one word is that of the word itself
    theirs = np.random.default_rng(5).random(4)
    np.testing.assert_array_equal(np.random.default_rng((5,)).random(4), theirs)
    numbers = [Uniforms((POLICY, seed)).draw() for seed in range(4000)]
    envs = [np.random.default_rng(seed).random() for seed in range(4000)]
    assert abs(np.corrcoef(numbers, envs)[0, 1]) < 4 / np.sqrt(4000)
    assert abs(np.mean(numbers) - 0.5) < 4 / np.sqrt(12 * 4000)
    late, again = Uniforms((POLICY, 3), 2), Uniforms((POLICY, 3))
    assert [again.draw() for _ in range(3)][2] == late.draw()


@pytest.mark.parametrize("chance", [0.01, 0.001])
def test_a_gain_that_a_rare_loss_undoes_is_no_well(chance):
    def world():
        return RareLoss(chance, 1 / chance)

    found = diagnose(STAY, world, discount=1.0, max_steps=200_000)
    assert found.verdict in ("no_better_action", "unclear")
    assert "rarer than 3 in" in found.reason


def test_a_gain_seen_too_seldom_is_unclear():
    found = diagnose(STAY, lambda: RareLoss(0.0), discount=1.0, max_steps=150)
    assert found.verdict == "unclear"
    assert found.routes[0].pairs < 100
    found = diagnose(STAY, lambda: RareLoss(0.0), discount=1.0, max_steps=20_000)
    assert found.verdict == "well"
    assert f"rarer than 3 in {found.routes[0].pairs:,}" in found.reason


def test_an_advantage_belongs_to_what_the_policy_sees():
    policy = np.array([[0.99, *[0.01 / 3] * 3]] * 3 + [[0.005, 0.005, 0.97, 0.02]])
    for seed in range(3):
        found = diagnose(policy, TMaze, discount=0.98, max_steps=60_000, seed=seed)
        assert found.verdict in ("no_better_action", "unclear")
        # whatever the goal, the other arm is as good as the policy's own
        other = [p for p in found.probes if p.state == "3" and p.action == 3 and p.hold == 1]
        # from V = .98 * 1.95 at the junction but for slips, which cost little
        assert other[0].low <= 0.05
        assert other[0].high >= 0.0


@pytest.mark.parametrize("length", [11, 16])
def test_holds_last_longer_than_the_policys_own_episodes(length):
    policy = np.tile([0.999, 0.001], (20, 1))
    found = diagnose(policy, lambda: Straight(length), max_steps=40_000)
    assert found.verdict == "well"
    assert found.routes[0].hold == 16
    assert found.routes[0].low <= 0.9 + 1e-9
    assert abs(found.routes[0].advantage - 0.9) < 0.01


def test_every_context_is_probed_or_the_share_that_was_not_is_named():
    stuck = PARITY.copy()
    stuck[17] = stuck[17][::-1]
    found = diagnose(stuck, Contexts, max_steps=100_000)
    assert found.verdict == "well"
    assert found.routes[0].state == "17"
    few = diagnose(PARITY, Contexts, max_steps=20_000, num_states=8)
    assert few.verdict == "no_better_action"
    assert abs(few.unprobed_share - 42 / 50) < 0.05
    assert f"{100 * few.unprobed_share:.3g} % of its visits" in few.reason


@pytest.mark.parametrize("constant", [-1e10, 1e8, 0.0])
def test_differences_survive_offsets(constant):
    found = diagnose(STAY, lambda: Offset(constant), max_steps=5_000)
    assert found.verdict == "well"
    assert found.routes[0].low <= 0.5 * 0.99 <= found.routes[0].high


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=8),
    st.lists(st.floats(-10, 10), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_a_difference_is_that_of_the_returns(forced, base, discount):
    both = [sum(discount**t * r for t, r in enumerate(rewards)) for rewards in (forced, base)]
    gained = difference(forced, np.array(base), discount)
    assert gained == pytest.approx(both[0] - both[1], abs=1e-11)
    assert difference(base, np.array(base), discount) == 0


@pytest.mark.parametrize("budget", [1, 7, 50, 333, 2_000, 10_001])
@pytest.mark.parametrize("env", [Coin, TMaze, "FrozenLake-v1", "CartPole-v1"])
def test_the_budget_is_a_limit(env, budget):
    counted = [0]

    class Counting(gym.Wrapper):
        """Counts its steps."""

        def step(self, action):
            counted[0] += 1
            return self.env.step(action)

    def make():
        return Counting(gym.make(env) if isinstance(env, str) else env())

    space = make().action_space.n
    uniform = np.full(space, 1 / space)
    try:
        found = diagnose(lambda seen: uniform, make, max_steps=budget)
    except ValueError as error:
        assert "no rollout finished" in str(error)
    else:
        assert found.steps == counted[0]
    assert counted[0] <= budget
