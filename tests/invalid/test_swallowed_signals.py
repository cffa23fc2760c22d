"""A signal that comes while Python swallows exceptions is not lost."""

import os
import signal
import time

import pytest

from experiments.runs.tracking import graceful_termination


class Swallows:
    """Is told to end in the one place from which no exception gets out."""

    def __init__(self, signum):
        self.signum = signum

    def __del__(self):
        os.kill(os.getpid(), self.signum)
        for _ in range(1000):  # the handler runs between two of Python's instructions
            pass


@pytest.mark.parametrize(
    ("signum", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_swallowed_signal_is_sent_again(signum, raised, capfd):
    def wait():
        with graceful_termination():
            held = Swallows(signum)
            del held
            for _ in range(1000):
                time.sleep(0.01)

    # A shell makes what it starts in the background ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(raised):
            wait()
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Traceback" not in capfd.readouterr().err
