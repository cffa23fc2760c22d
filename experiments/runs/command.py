"""Train an agent in a gravity well and say what happened: `python train.py --help`."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.runs.recording import RunResults


def main(arguments: list[str] | None = None) -> int:
    """Parse, run, report; the exit code is 0, or 2 for bad input, which one sentence explains."""
    from experiments.options.config import parse_config
    from gw_envs.checks import BadInput
    from gw_envs.threads import one_thread_each

    one_thread_each()
    began = time.monotonic()
    try:
        config = parse_config(sys.argv[1:] if arguments is None else arguments)
        from experiments.runs import make_run

        results = make_run(config).execute()
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    report(results, time.monotonic() - began)
    return 0


def report(results: RunResults, seconds: float) -> None:
    """Print the table of escapes, the paths of what was written and how to look at it."""
    print(f"\n{results.summary}\n")
    for path in (*results.tables, results.figure):
        print(f"wrote {path}")
    tracked = sorted(results.folder.glob("wandb/*run-*"))
    if tracked:
        print(f"wrote {len(tracked)} W&B runs under {results.folder / 'wandb'}")
        wandb = os.path.relpath(os.path.join(os.path.dirname(sys.executable), "wandb"))
        print(f"look:  {wandb} leet {results.folder / 'wandb'}    (dashboard in the terminal)")
    if (results.folder / "tensorboard").is_dir():
        print(f"look:  tensorboard --logdir {results.folder / 'tensorboard'}    (in the browser)")
    print(f"look:  {results.figure}    (picture)")
    print(f"took {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
