"""What a sweep's file means: points, seeds, ids, shards."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.options.config import make_config
from experiments.sweeps.specification import SEEDS_TOGETHER, make_sweep, read_sweep

BASE = {"gradient": "sampled", "num_actions": 3}


def ids(sweep):
    return [i for point in sweep.points for i in point.run_ids]


def test_a_grid_is_every_combination_over_the_base():
    grid = {"optimal_prob": [0.1, 0.01], "reward_gap": [0.2, 0.3, 0.4]}
    sweep = make_sweep({"name": "a", "base": BASE, "grid": grid})
    assert [tuple(p.axes.values()) for p in sweep.points] == [
        (p, g) for p in (0.1, 0.01) for g in (0.2, 0.3, 0.4)
    ]
    for point in sweep.points:
        assert point.config.env.num_actions == 3
        assert point.config.agent.optimal_prob == point.axes["optimal_prob"]
        assert point.config.env.reward_gap == point.axes["reward_gap"]
        assert point.config.exp_name == "a"
        assert point.config.run.track == "disabled"


def test_a_grid_multiplies_each_listed_point():
    data = {
        "name": "a",
        "base": BASE,
        "points": [{"num_actions": 4}, {"num_actions": 6, "batch_size": 2}],
        "grid": {"reward_gap": [0.1, 0.2]},
    }
    axes = [dict(point.axes) for point in make_sweep(data).points]
    assert axes == [
        {"num_actions": 4, "reward_gap": 0.1},
        {"num_actions": 4, "reward_gap": 0.2},
        {"num_actions": 6, "batch_size": 2, "reward_gap": 0.1},
        {"num_actions": 6, "batch_size": 2, "reward_gap": 0.2},
    ]


def test_blocks_inherit_base_and_grid_add_tags_and_replace_seeds():
    sweep = make_sweep(
        {
            "name": "a",
            "base": BASE,
            "grid": {"reward_gap": [0.1, 0.2]},
            "seeds": 3,
            "tags": ["all"],
            "blocks": [
                {"base": {"batch_size": 4}, "tags": ["big"]},
                {"base": {"num_actions": 5}, "grid": {"sigma": [1.0]}, "seeds": [7]},
            ],
        }
    )
    first, second = sweep.points[:2], sweep.points[2:]
    assert {p.tags for p in first} == {("all", "big")}
    assert {p.tags for p in second} == {("all",)}
    assert {(p.config.agent.batch_size, p.config.env.num_actions) for p in first} == {(4, 3)}
    assert {(p.config.agent.batch_size, p.config.env.num_actions) for p in second} == {(None, 5)}
    assert [len(p.seeds) for p in first] == [3, 3]
    assert [list(p.seeds) for p in second] == [[7], [7]]
    assert set(second[0].axes) == {"reward_gap", "sigma"}


def test_equal_settings_have_equal_ids_however_they_are_written(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "base: {gradient: sampled, num_actions: 3}\ngrid: {optimal_prob: [1e-3, 0.01]}\nseeds: 2\n"
    )
    (tmp_path / "b.py").write_text(
        "SWEEP = {'base': {'gradient': 'sampled'}, 'seeds': 2,\n"
        "  'points': [{'optimal_prob': 10**-k, 'num_actions': 3.0} for k in (3, 2)]}\n"
    )
    yaml_sweep, python_sweep = read_sweep(tmp_path / "a.yaml"), read_sweep(tmp_path / "b.py")
    assert (yaml_sweep.name, python_sweep.name) == ("a", "b")
    assert ids(yaml_sweep) == ids(python_sweep)


def test_what_else_a_sweep_holds_changes_no_run():
    small = make_sweep({"name": "a", "base": BASE, "grid": {"reward_gap": [0.2]}, "seeds": 2})
    grid = {"reward_gap": [0.1, 0.2]}
    large = make_sweep({"name": "b", "base": BASE, "grid": grid, "seeds": 5, "tags": ["x"]})
    assert set(ids(small)) < set(ids(large))


def test_a_run_is_the_one_that_the_same_options_make_outside_a_sweep():
    point = make_sweep({"name": "a", "base": BASE, "seeds": 2}).points[0]
    seed = point.seeds[1]
    assert point.run_ids[1] == make_config(**BASE, seed=seed).run_id("sampled", seed)


def test_derived_seeds_differ_between_configurations_and_listed_ones_do_not():
    grid = {"reward_gap": [0.1, 0.2, 0.3]}
    derived = make_sweep({"name": "a", "base": BASE, "grid": grid, "seeds": 4}).points
    assert len({seed for point in derived for seed in point.seeds}) == 12
    assert all(0 <= point.seeds.start < 2**31 for point in derived)
    listed = make_sweep({"name": "a", "base": BASE, "grid": grid, "seeds": [5, 6, 9]}).points
    assert [list(p.seeds) for p in listed] == [[5, 6], [9]] * 3


def test_sampled_seeds_are_made_together_up_to_a_limit_and_exact_ones_alone():
    points = make_sweep({"name": "a", "base": BASE, "seeds": SEEDS_TOGETHER + 3}).points
    assert [len(p.seeds) for p in points] == [SEEDS_TOGETHER, 3]
    exact = {"gradient": "exact", "initial_policy": "normal"}
    points = make_sweep({"name": "a", "base": exact, "seeds": 3}).points
    assert [len(p.seeds) for p in points] == [1, 1, 1]


def test_until_escape_makes_both_gradients_the_exact_one():
    sweep = make_sweep({"name": "a", "base": {"until_escape": True}})
    assert ids(sweep) == [make_config(until_escape=True).run_id("exact", sweep.points[0].seeds[0])]


def test_axes_hold_the_values_of_the_configuration():
    grid = {"mean_rewards": [[1, 0], [1, "5e-1"]], "optimal_prob": ["1e-2"]}
    axes = [p.axes for p in make_sweep({"name": "a", "base": BASE, "grid": grid}).points]
    assert json.loads(json.dumps(axes)) == [
        {"mean_rewards": [1.0, 0.0], "optimal_prob": 0.01},
        {"mean_rewards": [1.0, 0.5], "optimal_prob": 0.01},
    ]


MANY = make_sweep({"name": "a", "base": BASE, "grid": {"sigma": list(range(1, 13))}, "seeds": 40})


@settings(max_examples=20)
@given(st.integers(1, 9))
def test_shards_share_the_sweep_out(count):
    shares = [MANY.shard(index, count) for index in range(count)]
    assert sorted(i for share in shares for i in ids(share)) == sorted(ids(MANY))


def good(**changes):
    return {"name": "a", "base": BASE, "grid": {"reward_gap": [0.1, 0.2]}} | changes


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (good(grids={}), "sweep key='grids' is unknown.*Did you mean 'grid'"),
        (good(blocks=[{"name": "b"}]), "block key='name' is unknown"),
        (good(blocks=["x"]), "block='x' must be a mapping"),
        (good(blocks={}), "blocks={} must be a list"),
        (good(name="a/b"), "name='a/b' must be a word"),
        (good(name=7), "name=7 must be a word"),
        (good(base=[1]), r"base=\[1\] must be a mapping"),
        (good(grid={"reward_gapp": [0.1]}), "option 'reward_gapp' is unknown.*'reward_gap'"),
        (good(grid={"reward_gap": 0.1}), r"grid axis 'reward_gap'=0\.1 must be a list"),
        (good(grid={"reward_gap": ["wide"]}), "reward_gap='wide' must be a number"),
        (good(grid={"reward_gap": []}), "no run"),
        (good(points=[]), "no run"),
        (good(blocks=[]), "no run"),
        (good(points=[3]), "point=3 must be a mapping"),
        (good(grid={"reward_gap": [0.1, "1e-1"]}), r'"reward_gap": 0.1} occurs twice \(block 1\)'),
        (good(blocks=[{}, {"tags": ["b"]}]), r"occurs twice \(blocks 1 and 2\)"),
        (good(seeds=[1, 1]), "occurs twice"),
        (good(seeds=0), "seeds=0 must be a whole number of at least 1"),
        (good(seeds=[-1]), "seeds=-1 must be a whole number"),
        (good(seeds="ten"), "seeds='ten' must be a whole number"),
        (good(base={}), "gradient='both' is two runs"),
        (good(base={"seed": 3}), "option 'seed' is the sweep's own; write `seeds`"),
        (good(grid={"track": ["online"]}), "option 'track' is the sweep's own"),
        (good(grid={"agent": ["softmax-qg"]}), "agent='softmax-qg' is unknown"),
        (good(tags="x"), "tags='x' must be a list"),
    ],
)
def test_bad_sweeps(data, text):
    with pytest.raises(ValueError, match=text):
        make_sweep(data)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.yaml", "a: [", "is not YAML"),
        ("a.yaml", "- 1", "must hold `key: value` lines"),
        ("a.py", "SWEEPS = {}", "must hold a variable SWEEP"),
        ("a.yaml", None, "cannot be read: No such file"),
        ("a.py", None, "cannot be read: No such file"),
    ],
)
def test_bad_files(tmp_path, name, content, text):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=text):
        read_sweep(tmp_path / name)


def test_shards_out_of_range():
    for index, count in ((2, 2), (-1, 2), (0, 0)):
        with pytest.raises(ValueError, match="shard"):
            MANY.shard(index, count)


def test_a_written_sweep_reads_as_it_was(tmp_path):
    data = good(seeds=3, tags=["x"])
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(data))
    assert ids(read_sweep(tmp_path / "a.yaml")) == ids(make_sweep(data))
