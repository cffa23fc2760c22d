"""Train an agent in a gravity well and say what happened: `python train.py --help`."""

import sys

from experiments.runs.command import main

if __name__ == "__main__":
    sys.exit(main())
