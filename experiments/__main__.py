"""`python -m experiments COMMAND`: the evidence, from the command line."""

from __future__ import annotations

import importlib
import sys

from gw_envs.checks import check_choice

# command: (module with `main(arguments) -> exit code`, what it does)
COMMANDS = {
    "audit": ("experiments.audit", "hold the paper's second theorem against an instance"),
    "asr-drift": ("experiments.asr_drift", "measure b_k(t) and Delta(s) of real training runs"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code is 0, or 2 for bad input, which one sentence explains."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        print("usage: python -m experiments COMMAND [options]\n")
        for name, (_, text) in COMMANDS.items():
            print(f"  {name:<12}{text}")
        print("\npython -m experiments COMMAND --help explains a command's options.")
        return 0
    try:
        module, _ = COMMANDS[check_choice("command", words[0], tuple(COMMANDS))]
        return int(importlib.import_module(module).main(words[1:]))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
