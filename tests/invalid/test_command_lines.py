"""The storm over the commands: code 2, one sentence that names the option, nothing written."""

import pytest

import train
from benchmarks.__main__ import main as benchmarks
from experiments.__main__ import COMMANDS, main
from tests.invalid.storm import is_one_sentence_about

BIG = "1000000000000000000000"
DAY = "1000000000000000000"
# command: lines of words and the name that the message must hold
LINES = {
    "train": [
        ("--max-updates 0", "max_updates"),
        (f"--max-updates {BIG}", "max_updates"),
        (f"--gradient sampled --max-updates {DAY}", "max_updates"),
        ("--gradient exact --max-updates 100000000000000000", "max_updates"),
        (f"--agent ppo --max-updates {DAY}", "max_updates"),
        ("--learning-rate -1", "learning_rate"),
        ("--learning-rate nan", "learning_rate"),
        ("--learning-rate 1e999", "learning_rate"),
        ("--learning-rate-power -1", "learning_rate_power"),
        ("--learning-rate-power 200", "learning_rate_power"),
        ("--until-escape --learning-rate-power 17", "learning_rate_power"),
        ("--output ", "output"),
        ("--output=", "output"),
        ("--wandb-project ", "wandb_project"),
        ("--gradient exact --num-seeds 0", "num_seeds"),
        ("--gradient sampled --seed 9223372036854775807 --num-seeds 5", "seed"),
        ("--mean-rewards 0.7 0.5 --reward-gap 0.3", "reward_gap"),
        ("--mean-rewards 0.7 0.5 --num-actions 4", "num_actions"),
        ("--mean-rewards 0.7 0.5 --base-reward 0.1", "base_reward"),
        ("--mean-rewards 0.7 0.5 --optimal-action 1", "optimal_action"),
        ("--env-id ChainWell-v0 --gradient sampled --horizon 100000000000", "horizon"),
        ("--agent ppo --n-epochs 1000000000000", "n_epochs"),
        ("--agent ppo --n-steps 1000000000000", "n_steps"),
        ("--agent dqn --learning-starts 1000000000000000", "learning_starts"),
        ("--env-id SoftmaxWel-v0", "env_id"),
        ("--env-id CartPole-v1", "env_id"),
        ("--agent softmax", "agent"),
        ("--update npg", "update"),
        ("--gradient sampled --baseline best", "baseline"),
        ("--gradient sampled --baseline constant", "baseline_value"),
        ("--gradient sampled --batch-size 0", "batch_size"),
        ("--gradient sampled --batch-size 10000000000000", "batch_size"),
        ("--gradient exact --batch-size 4", "batch_size"),
        ("--initial-policy cornr", "initial_policy"),
        ("--optimal-prob 1.5", "optimal_prob"),
        ("--initial-policy corner --optimal-prob nan", "optimal_prob"),
        ("--initial-policy corner --optimal-prob 0.01 --corner-action 0", "corner_action"),
        ("--initial-policy corner --optimal-prob 0.01 --corner-action 99", "corner_action"),
        ("--initial-policy normal --sigma -1", "sigma"),
        ("--mean-rewards 1 2", "mean_rewards"),
        ("--mean-rewards 1 nan", "mean_rewards"),
        ("--mean-rewards 0.5 0.5", "mean_rewards"),
        ("--num-actions 1", "num_actions"),
        (f"--num-actions {BIG}", "num_actions"),
        ("--reward-gap 0", "reward_gap"),
        ("--noise-std -1", "noise_std"),
        ("--seed -1", "seed"),
        (f"--seed {BIG}", "seed"),
        ("--num-seeds 0", "num_seeds"),
        ("--num-seeds 1000000000000", "num_seeds"),
        ("--checkpoint-seconds -1", "checkpoint_seconds"),
        ("--checkpoint-seconds nan", "checkpoint_seconds"),
        ("--exp-name ../../evil", "exp_name"),
        ("--exp-name /abs", "exp_name"),
        ("--exp-name a/b", "exp_name"),
        ("--exp-name .", "exp_name"),
        ("--exp-name ", "exp_name"),
        ("--resume nowhere", "resume"),
        ("--config nowhere.yaml", "config"),
        ("--config .", "config"),
        ("--config /dev/null", "config"),
        ("--output /dev/null", "output"),
        ("--output /proc/nowhere", "output"),
        ("--env-id ChainWell-v0 --chain-length 0", "chain_length"),
        ("--env-id ChainWell-v0 --chain-length 100000", "chain_length"),
        ("--env-id ChainWell-v0 --horizon -1", "horizon"),
        ("--env-id ASRWell-v0 --drift nope", "drift"),
        ("--env-id ASRWell-v0 --move-prob 2", "move_prob"),
        ("--env-id ASRWell-v0 --discount 1", "discount"),
        ("--env-id ASRWell-v0 --drift-horizon 0", "drift_horizon"),
        ("--env-id ASRWell-v0 --best-actions 0 1", "best_actions"),
        ("--agent ppo --n-epochs 0", "n_epochs"),
        ("--agent ppo --batch-size 0", "batch_size"),
        ("--agent ppo --gae-lambda nan", "gae_lambda"),
        ("--agent ppo --clip-range -1", "clip_range"),
        ("--agent ppo --n-envs 0", "n_envs"),
        ("--agent ppo --ent-coef -1", "ent_coef"),
        ("--agent ppo --n-steps 0", "n_steps"),
        ("--agent a2c --gae-lambda 2", "gae_lambda"),
        ("--agent trpo --target-kl -1", "target_kl"),
        ("--agent dqn --buffer-size -1", "buffer_size"),
        ("--agent dqn --buffer-size 1000000000000000", "buffer_size"),
        ("--agent dqn --exploration-final-eps 2", "exploration_final_eps"),
        ("--agent dqn --exploration-fraction 0", "exploration_fraction"),
        ("--agent dqn --learning-starts -1", "learning_starts"),
        ("--agent dqn --gradient-steps 0", "gradient_steps"),
        ("--agent sb3-softmax-pg --vf-coef -1", "vf_coef"),
        ("--agent sb3-softmax-pg --update npg", "update"),
        ("--env-id ASRSampling-v0 --dataset nope", "dataset"),
        ("--env-id ASRSampling-v0 --dataset folder:nowhere", "nowhere"),
        ("--env-id ASRSampling-v0 --epochs 0", "epochs"),
        ("--env-id ASRSampling-v0 --device meta", "device"),
        ("--env-id ASRSampling-v0 --device mps", "device"),
        ("--env-id ASRSampling-v0 --device xpu", "device"),
        ("--env-id ASRSampling-v0 --network nope", "network"),
        ("--env-id ASRSampling-v0 --margin -1", "margin"),
        ("--env-id ASRSampling-v0 --initial-distribution nope", "initial_distribution"),
        ("--env-id ASRSampling-v0 --multipliers 1 1 1", "multipliers"),
        ("--env-id ASRSampling-v0 --tilt -1", "tilt"),
        ("--env-id ASRSampling-v0 --history 10000000000000", "history"),
    ],
    "asr-protocol": [
        ("--num-seeds 0", "num_seeds"),
        ("--num-seeds -1", "num_seeds"),
        ("--workers 0", "workers"),
        ("--num-seeds 100000000000", "num_seeds"),
        ("--distributions", "distributions"),
        ("--distributions uniform_low uniform_low", "distributions"),
        ("--output ", "output"),
        ("--distributions nope", "distributions"),
        ("--output /dev/null", "output"),
        ("--results /dev/null", "results"),
    ],
    "audit": [
        ("--max-updates -1", "max_updates"),
        (f"--max-updates {DAY}", "max_updates"),
        ("--learning-rate 0", "learning_rate"),
        ("--learning-rate nan", "learning_rate"),
        ("--constant 0", "constant"),
        ("--initial-policy nope", "initial_policy"),
        ("--optimal-prob 2", "optimal_prob"),
        ("--corner-action 7", "corner_action"),
        ("--sigma 2", "sigma"),
        ("--env-id CartPole-v1", "env_id"),
        ("--env-id ", "env_id"),
        ("--env-id ASRSampling-v0", "env_id"),
        ("--reward-gaps 0", "reward_gaps"),
        ("--counterexample CE1 --learning-rate 3", "learning_rate"),
        ("--counterexample CE1 --num-states 5", "num_states"),
        ("--counterexample CE1 --env-id SoftmaxWell-v0", "env_id"),
        ("--counterexample CE1 --initial-policy uniform", "initial_policy"),
    ],
    "dashboard": [
        ("--entity  --project p --dry-run", "entity"),
        ("--entity e --project  --dry-run", "project"),
    ],
    "report": [
        ("nowhere", "nowhere"),
        ("nowhere --output x.xyz", "output"),
        ("nowhere --output /dev/full", "output"),
        ("nowhere --output .", "output"),
    ],
    "plots": [
        ("nope", "picture"),
        ("simplex --output x.xyz", "output"),
        ("simplex --output /dev/full", "output"),
        ("simplex --mean-rewards 1 2 3", "mean_rewards"),
        ("simplex --mean-rewards 0.5 0.5 0.1", "mean_rewards"),
        ("simplex --learning-rate 0", "learning_rate"),
        ("simplex --gradient nope", "gradient"),
        (f"simplex --gradient sampled --max-updates {DAY}", "max_updates"),
        ("simplex --gradient sampled --seed -1", "seed"),
        ("simplex --starts 0.5 0.5 0.5", "starts"),
        ("landscape --learning-rate nan", "learning_rate"),
        ("animation --frames 0", "frames"),
        ("animation --frames 1000000000000", "frames"),
        ("animation --start 1 0 0", "start"),
        ("animation --learning-rate -1", "learning_rate"),
        ("animation --max-updates 0", "max_updates"),
        ("animation --seed -1", "seed"),
        ("survival --results nowhere", "nowhere"),
        ("scaling --results nowhere", "nowhere"),
        ("scaling --results nowhere --output x.gif", "output"),
    ],
    "sb3": [
        ("--num-seeds 0", "num_seeds"),
        ("--agents nope", "agents"),
        ("--agents", "agents"),
        ("--agents ppo ppo", "agents"),
        ("--max-updates 0", "max_updates"),
        (f"--max-updates {DAY}", "max_updates"),
        ("--output /dev/null", "output"),
    ],
    "sweep": [
        ("nowhere.yaml", "nowhere.yaml"),
        ("nowhere.py", "nowhere.py"),
        (".", "."),
        ("/dev/null", "/dev/null"),
        ("nowhere.yaml --workers 0", "workers"),
        ("nowhere.yaml --address auto", "address"),
    ],
    "compact": [("nowhere", "folder"), ("/dev/null", "folder"), (".", ".")],
    "claims": [
        ("nope", "claim"),
        ("theorem-1 --output /dev/null", "output"),
        ("theorem-1 --learning-rate -1", "learning_rate"),
        ("theorem-1 --learning-rate nan", "learning_rate"),
        ("theorem-1 --learning-rate 1e308", "learning_rate"),
    ],
    "compare": [
        ("--env-id CartPole-v1", "env_id"),
        ("--rules nope", "nope"),
        ("--rules escort-pg,power=x", "power"),
        ("--rules escort-pg,power", "rules"),
        ("--rules escort-pg,learning_rate=0", "learning_rate"),
        ("--rules escort-pg,=2", "rules"),
        ("--rules escort-pg,power=1,power=2", "power"),
        ("--rules softmax-pg softmax-pg", "rules"),
        ("--instance verdict --num-actions 9", "num_actions"),
        ("--instance verdict --env-id ChainWell-v0", "env_id"),
        ("--optimal-prob 0", "optimal_prob"),
        ("--initial-policy normal", "initial_policy"),
        ("--corner-action 1", "corner_action"),
        ("--max-updates 0", "max_updates"),
        ("--output /dev/null", "output"),
    ],
    "diagnose": [
        ("nowhere.zip --env-id CartPole-v1", "model"),
        (". --env-id CartPole-v1", "model"),
        ("nowhere.zip --env-id Nope-v1", "env_id"),
        ("nowhere.zip --env-id CartPole-v1 --env-kwargs [", "env_kwargs"),
        ("nowhere.zip --env-id CartPole-v1 --env-kwargs 5", "env_kwargs"),
        ("nowhere.zip --env-id CartPole-v1 --algo nope", "algo"),
        ("nowhere.zip --env-id CartPole-v1 --gym-packages nope_nope", "gym_packages"),
        ("nowhere.zip --env-id CartPole-v1 --agent nope", "agent"),
        ("nowhere.zip --env-id CartPole-v1 --figure x.xyz", "figure"),
    ],
    "files": [
        ("--output /dev/null", "output"),
        ("--output /proc/nowhere", "output"),
        ("--output ", "output"),
        ("--output " + "x" * 300, "output"),
    ],
    "certify": [
        ("--learning-rate -1", "learning_rate"),
        ("--optimal-prob 2", "optimal_prob"),
        ("--count -1", "count"),
        ("--count " + "9" * 1100, "count"),
        ("--method direct --count 1" + "0" * 17 + " --max-updates 1" + "0" * 18, "count"),
        ("--env-id ASRWell-v0", "env_id"),
    ],
    "groups": [
        ("nowhere.jsonl", "nowhere.jsonl"),
        (".", "."),
    ],
    "playground": [
        ("--port 0", "port"),
        ("--port 65536", "port"),
    ],
    "asr-drift": [
        ("--num-seeds 2", "num_seeds"),
        ("--num-seeds 1000000000000", "num_seeds"),
        ("--seed -1", "seed"),
        ("--spacing 0", "spacing"),
        ("--repeats 0", "repeats"),
        ("--hold 0", "hold"),
        ("--stay-prob 2", "stay_prob"),
        ("--dataset nope", "dataset"),
        ("--epochs 0", "epochs"),
        ("--tilt 0", "tilt"),
        ("--initial-distribution nope", "initial_distribution"),
        ("--samples-per-class 0", "samples_per_class"),
        ("--forks x.csv", "forks"),
        ("--forks /dev/full", "forks"),
        ("--well x.txt", "well"),
        ("--figure x.gif", "figure"),
        ("--lag 0", "lag"),
        ("--lag 99", "lag"),
        ("--best-actions 0 7", "best_actions"),
    ],
}
CASES = [
    pytest.param(command, line, name, id=f"{command} {line}")
    for command, lines in LINES.items()
    for line, name in lines
]
# What the parser of the command line refuses itself, in a box of its own.
PARSER = [
    ("train", "--max-updates many", "max-updates"),
    ("train", "--max-updates 2.5", "max-updates"),
    ("train", "--gradient exakt", "gradient"),
    ("train", "--reward-noise gauss", "reward-noise"),
    ("train", "--learning-rate fast", "learning-rate"),
    ("train", "--nope 1", "nope"),
    ("train", "--max-updates", "max-updates"),
    ("audit", "--counterexample CE9", "counterexample"),
    ("sweep", "", "FILE|PATH"),
    ("sb3", "--num-seeds x", "num-seeds"),
    ("compare", "--instance nope", "instance"),
    ("diagnose", "m.zip", "env-id"),
    ("asr-drift", "--num-seeds 1.5", "num-seeds"),
    ("files", "--nope", "nope"),
]


@pytest.mark.parametrize(("command", "line", "name"), CASES)
def test_a_bad_line_is_one_sentence(command, line, name, capsys):
    words = line.split(" ") if line else []
    assert main([command, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.endswith("\n"), error
    is_one_sentence_about(error.removeprefix("error: ").rstrip("\n"), name)


@pytest.mark.parametrize(("command", "line", "name"), PARSER)
def test_the_parser_names_what_it_refuses(command, line, name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, *line.split()])
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert any(word in said.err + said.out for word in name.split("|"))


@pytest.mark.parametrize("line", ["--max-updates 0", "--learning-rate \u0661", "--config ."])
def test_train_py_does_as_the_command(line, capsys):
    assert train.main(line.split()) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_every_command_is_in_the_storm():
    assert set(LINES) == set(COMMANDS)


@pytest.mark.parametrize("line", ["nope", "", "env-vec --nope", "groups --write"])
def test_benchmarks_end_with_code_2(line, capsys):
    with pytest.raises(SystemExit) as ended:
        benchmarks(line.split())
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
