"""Commands in processes that are forked from one with everything imported: a start takes no time.

Each begins as `python -m experiments` does: handlers of signals at their defaults, its own working
folder, what it prints in a file.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time

import numpy as np

MODULES = ["tests.invalid.forked", "experiments.runs.command", "experiments.sweeps.command"]
MODULES += ["experiments.sweeps.compact", "experiments.report.command", "experiments.runs"]
MODULES += ["pyarrow.parquet", "jinja2", "plotly.offline", "matplotlib.figure", "tyro"]
MODULES += ["scipy.stats"]
MODULES += ["experiments.sweeps.storage", "experiments.runs.picture", "agents.rollouts"]


def context():
    """The fork server, with the modules that the commands need."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(MODULES)
    return server


def run(words, folder, began):
    """A command's life, from the place where `python -m experiments` has imported itself."""
    from experiments.__main__ import main
    from experiments.files import save_text
    from experiments.runs.well import Run

    # A picture takes three quarters of a tiny run: in its place a word, written as it would be.
    Run._draw = lambda self, path: save_text("drawn", path)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(folder)
    said = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for the life of the process
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    code = 130
    with contextlib.suppress(KeyboardInterrupt):
        began.set()
        code = main(words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def start(words, folder):
    """Begin a command in a folder; return its process once it has begun."""
    server = context()
    began = server.Event()
    process = server.Process(target=run, args=(words, folder, began))
    process.start()
    assert began.wait(120)
    return process


def finish(words, folder):
    """Run a command to its end; return (exit code, seconds)."""
    process = start(words, folder)
    since = time.monotonic()
    process.join(120)
    return process.exitcode, time.monotonic() - since


def kill_during(words, folder, how, rng, seconds, reset):
    """Begin a command and stop it at a random moment of its `seconds`, until that has happened.

    Args:
        words: the command line.
        folder: where.
        how: the signal.
        rng: a numpy Generator, for the moment.
        seconds: what the command needs when it is left alone.
        reset: puts the folder back to where it was, if the command was quicker.

    Returns:
        The exit code.
    """
    while True:
        process = start(words, folder)
        process.join(rng.uniform(0, seconds))
        if process.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, how)
        process.join(60)
        assert process.exitcode is not None, "a command did not end when told to"
        if process.exitcode != 0:
            return process.exitcode
        reset()
        seconds *= 0.8


def moments(seed):
    """The generator of a case's moment."""
    return np.random.default_rng(seed)
