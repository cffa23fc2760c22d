"""`python -m experiments COMMAND`: the evidence, from the command line."""

from __future__ import annotations

import importlib
import sys

from experiments.options.values import check_words
from gw_envs.checks import BadInput, check_choice
from gw_envs.threads import one_thread_each

# command: (module with `main(arguments) -> exit code`, what it does)
COMMANDS = {
    "train": ("experiments.runs.command", "train an agent in a well and say what happened"),
    "asr-protocol": (
        "experiments.sampling.command",
        "hold the paper's account of the ASR well against training runs",
    ),
    "audit": ("experiments.audit", "hold the paper's second theorem against an instance"),
    "certify": ("experiments.certify", "prove an escape time by ball arithmetic"),
    "dashboard": ("experiments.dashboard", "the Weights & Biases workspace of a project, as code"),
    "report": ("experiments.report.command", "one self-contained page about a folder of results"),
    "plots": ("experiments.pictures.command", "pictures of policies and of many runs"),
    "sb3": ("experiments.sb3_comparison", "compare the agents of Stable-Baselines3 in one well"),
    "sweep": ("experiments.sweeps.command", "run many configurations, here or on a cluster"),
    "compact": ("experiments.sweeps.compact", "join what the jobs of a sharded sweep have left"),
    "claims": ("experiments.claims.command", "run the literature's claims and write the page"),
    "compare": ("experiments.ways_out.command", "race every way out of a well from the same start"),
    "diagnose": ("experiments.diagnose.command", "is a trained model stuck or converged?"),
    "playground": (
        "experiments.pictures.playground.page",
        "a page to play with: drag a policy, see how long its well holds it",
    ),
    "groups": (
        "experiments.diagnose.groups",
        "verified rewards all zero: how long a run will wait, and whether it ends",
    ),
    "files": ("experiments.options.shipped", "copy the shipped sweeps, configs and examples here"),
    "asr-drift": ("experiments.drift.command", "measure b_k(t) and Delta(s) of real training runs"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 2 for bad input, which one sentence explains.

    SIGTERM ends it as Ctrl-C does, so that no half-written file stays.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        print("usage: python -m experiments COMMAND [options]\n")
        for name, (_, text) in COMMANDS.items():
            print(f"  {name:<14}{text}")
        print("\npython -m experiments COMMAND --help explains a command's options.")
        return 0
    one_thread_each()
    try:
        check_words(words)
        from experiments.runs.tracking import graceful_termination

        module, _ = COMMANDS[check_choice("command", words[0], tuple(COMMANDS))]
        with graceful_termination():
            return int(importlib.import_module(module).main(words[1:]))
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; what is written is whole", file=sys.stderr)
        sys.exit(130)
