"""The moving picture shows a run that really falls and leaves."""

import numpy as np
import pytest
from PIL import Image

from experiments.pictures.animation import draw_fall, find_fall

REWARDS = (0.9, 0.6, 0.6)


@pytest.fixture(scope="module")
def fall():
    return find_fall(REWARDS, np.zeros(3), learning_rate=1.0, max_updates=20_000, frames=12, seed=3)


def test_the_run_falls_into_the_well_and_leaves_it(fall):
    loss = fall.policies @ (0.9 - np.array(REWARDS))
    inside = loss >= 0.9 * 0.3
    assert not inside[0]
    assert inside.any()
    assert not inside[-1]
    assert fall.updates[0] == 0
    assert fall.updates[-1] == 20_000


def test_the_gif_has_a_frame_per_policy(fall, tmp_path):
    path = tmp_path / "fall.gif"
    draw_fall(REWARDS, fall, path, learning_rate=1.0, frames_per_second=5)
    assert [p.name for p in tmp_path.iterdir()] == ["fall.gif"]
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        pictures, shown = set(), 0
        for frame in range(picture.n_frames):
            picture.seek(frame)
            pictures.add(picture.convert("RGB").tobytes())
            shown += picture.info["duration"]
    assert len(pictures) > 6
    assert shown == 200 * (len(fall.updates) - 1) + 2000


def test_exact_small_steps_do_not_fall():
    with pytest.raises(ValueError, match="none of 200 runs"):
        find_fall(REWARDS, np.zeros(3), learning_rate=0.01, max_updates=200, frames=10)
