"""The exact truth of the outside worlds against playing them, and what their benchmark counts."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from benchmarks.diagnosis import blackjack
from benchmarks.diagnosis.learned import restricted, stacked
from benchmarks.diagnosis.outside import Row, figures
from benchmarks.diagnosis.outside_cases import rows, twins, worlds
from benchmarks.diagnosis.worlds import TableWorld, bandit, grid, t_maze

LUCK = {"noise": "bernoulli", "generator": "own"}


def gains(model, policy, discount, observation, action, hold, episodes=6_000):
    """Monte Carlo: every visit of an observation continued twice, from a copy of the state."""
    env, rng = TableWorld(model), np.random.default_rng(0)
    differences = []

    def play_on(state, forced, luck):
        env.reset(seed=luck)
        env.state, value, weight, over = state, 0.0, 1.0, False
        seen, choose = int(model.seen[state]), np.random.default_rng([luck, 1])
        while not over:
            mine = int(choose.choice(policy.shape[1], p=policy[seen]))
            seen, reward, over, _, _ = env.step(forced.pop() if forced else mine)
            value, weight = value + weight * reward, weight * discount
        return value

    for number in range(episodes):
        seen, _ = env.reset(seed=number)
        over, visited = False, []
        while not over:
            visited += [env.state] * (seen == observation)
            seen, _, over, _, _ = env.step(int(rng.choice(policy.shape[1], p=policy[seen])))
        for state in visited:
            luck = int(rng.integers(2**31))
            forced = play_on(state, [action] * hold, luck)
            differences.append(forced - play_on(state, [], luck))
    return np.array(differences)


@pytest.mark.parametrize("hold", [1, 3])
def test_the_exact_advantage_is_that_of_playing_on_over_hidden_states(hold):
    policy = rows([0, 0, 0, 2], 4, 0.8)
    model = t_maze(2, right=0.7)
    exact = model.advantage(model.solve(policy, 0.9), 0.9, 2, 3, hold)
    played = gains(model, policy, 0.9, 2, 3, hold, 1_500)
    # visits of one episode are dependent: count half of them
    assert abs(exact - played.mean()) < 4 * played.std() / np.sqrt(played.size / 2)
    assert played.std() > 0


def test_the_exact_value_of_blackjack_is_that_of_gymnasiums():
    model = blackjack.model()
    policy = rows((np.array([p for p, _, _ in blackjack.STATES]) < 15).astype(int), 2, 0.9)
    exact = model.start @ model.solve(policy, 1.0)[0]
    assert model.start.sum() == pytest.approx(1)
    env, rng, values = gym.make("Blackjack-v1"), np.random.default_rng(0), []
    for number in range(6_000):
        seen, _ = env.reset(seed=number)
        over = False
        while not over:
            index = blackjack.NUMBERS[tuple(int(n) for n in seen)]
            seen, reward, over, _, _ = env.step(int(rng.random() < policy[index, 1]))
        values.append(reward)
    assert abs(np.mean(values) - exact) < 4 * np.std(values) / np.sqrt(len(values))


@pytest.mark.slow
def test_the_cards_of_a_diagnosis_are_states():
    book = next(world for world in worlds() if world.name == "Blackjack, by the book")
    for probe in replace(book, max_steps=4_000).diagnose(0).probes:
        number = blackjack.number_of(probe.state)
        assert probe.state == str(blackjack.STATES[number])


@pytest.mark.parametrize("noise", ["bernoulli", "normal", 0.1])
@pytest.mark.parametrize("generator", ["own", "python", "gymnasium"])
def test_rewards_have_the_tables_mean_and_replay(noise, generator):
    env = TableWorld(bandit([0.3, 0.7]), generator=generator, noise=noise, scale=2.0, offset=1.0)
    for arm, mean in ((0, 1.6), (1, 2.4)):
        paid = []
        for seed in range(4_000):
            env.reset(seed=seed)
            paid.append(env.step(arm)[1])
        assert abs(np.mean(paid) - mean) < 4 * np.std(paid) / np.sqrt(len(paid))
        env.reset(seed=3)
        assert env.step(arm)[1] == paid[3]


def test_grids_turn_walk_and_hide():
    model = grid(["####", "#SG#", "####"], seeing=True)
    assert model.rewards.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert model.best_actions(0.9).tolist() == [2, 0, 0, 1]
    assert grid(["####", "#SG#", "####"], seeing=False).seen.tolist() == [9, 5, 5, 5]


@pytest.mark.slow
def test_twins_are_exactly_as_good_and_worlds_are_enough():
    for number in range(3):
        world = twins(number)
        model = world.model
        assert world.kind == "twins"
        value, _ = model.solve(world.policy, 1.0)
        assert np.isfinite(value).all()
        if number == 0:
            gain = world.advantage("2", 1, 4)
            assert gain == pytest.approx(0, abs=1e-9)
        if number == 1:
            assert abs(world.advantage("0", 3, 1)) < 1e-15
        if number == 2:
            assert abs(world.advantage("3", 3, 1)) < 1e-12
    assert len({world.name for world in worlds()}) == len(worlds()) >= 40


def test_a_table_of_two_frames_is_worth_what_playing_it_is():
    maze = t_maze(1, right=0.7)
    model = stacked(maze)
    policy = np.random.default_rng(1).dirichlet(np.ones(4), 25)
    exact = model.start @ model.solve(policy, 0.9)[0]
    env, rng, values = TableWorld(maze), np.random.default_rng(0), []
    for number in range(4_000):
        seen, _ = env.reset(seed=number)
        before, over, value, weight = 0, False, 0.0, 1.0
        while not over:
            action = int(rng.choice(4, p=policy[before * 5 + seen + 1]))
            before = seen + 1
            seen, reward, over, _, _ = env.step(action)
            value, weight = value + weight * reward, weight * 0.9
        values.append(value)
    assert abs(np.mean(values) - exact) < 4 * np.std(values) / np.sqrt(len(values))
    assert np.std(values) > 0


def test_a_masked_action_is_left_to_the_policy():
    model, policy = bandit([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]), np.full((2, 3), 1 / 3)
    table, pi = restricted(model, policy, np.array([[True, True, False], [True, True, True]]))
    assert pi.tolist() == [[0.5, 0.5, 0.0], pytest.approx([1 / 3] * 3)]
    assert table.rewards.tolist() == [[1.0, 2.0, 1.5], [1.0, 2.0, 4.0]]
    solution = table.solve(pi, 1.0)
    assert table.advantage(solution, 1.0, 0, 2, 1) == pytest.approx(0)
    assert table.advantage(solution, 1.0, 0, 1, 1) == pytest.approx(0.5)


@pytest.mark.slow
def test_a_model_in_parts_does_what_it_is_said_to_do():
    world = next(w for w in worlds() if w.name == "MultiDiscrete, PPO, learned")
    assert world.policy.shape == (2, 6)
    taken, _ = world.given.predict(np.zeros(4_000, int), deterministic=False)
    shares = np.bincount(taken @ [3, 1], minlength=6) / len(taken)
    assert np.abs(shares - world.policy[0]).max() < 4 * 0.5 / np.sqrt(len(taken))
    assert world.advantage("0", (1, 2), 1) == pytest.approx(
        0.9 - world.policy[0] @ [0.1, 0.5, 0.2, 0.3, 0.4, 0.9]
    )


@pytest.mark.slow
def test_a_model_is_asked_at_observations_as_its_wrappers_show_them():
    world = next(w for w in worlds() if w.name == "VecNormalize, learned")
    env = world.make()
    for number in range(20):
        raw, _ = env.reset(seed=number)
        seen = world.given.env.normalize_obs(raw)
        text = f"[{seen[0]:.3g}]"
        assert raw[0] == 1000 + 10 * world.number(text)
        given = world.given.policy.get_distribution(torch.as_tensor(seen[None]).float())
        said = given.distribution.probs.detach().numpy()[0]
        assert np.allclose(said, world.policy[world.number(text)], atol=1e-5)


def row(verdict, claimed=None, best=0.0, visible=0.1, rare=False, missed=0, name="a"):
    return Row(name, "kind", 0, verdict, claimed, best, visible, rare, missed, 10, 0.1)


def test_what_is_counted():
    false, fair = row("well", 0.0, 0.3), row("learning", 0.2, 0.3)
    beyond, rare = row("no_better_action", best=0.3), row("no_better_action", best=0.3, rare=True)
    assert false.is_false and not fair.is_false
    assert beyond.is_beyond and not rare.is_beyond
    again = [row("well", name="b"), row("unclear", name="b")]
    found = {r.what: r for r in figures([false, fair, beyond, rare], again, [row("well", 0.0)])}
    assert found["false better of all that were called so"].value == 50
    assert found["no better action beyond its power"].value == 50
    assert found["best alternative exactly as good: called better"].value == 100
    assert found["the same verdict over ten seeds"].value == 0
