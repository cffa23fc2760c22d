"""A stand-in for ASRSampling-v0 whose b_k(t) and Delta(s) are known."""

import numpy as np

from gw_envs.drift import Linear, Logistic, Saturating, Well

DISTANCES = (1.2, 0.8, 0.4)  # of levels 0 (easy), 1, 2 (hard)
EDGES = (0.6, 1.0)
MOVES = (1, 0, -1)
LAWS = (Linear(0.5, 0.001), Saturating(0.4, 0.6, 30), Logistic(0.45, 0.6, 60, 10))
WELL = Well(0.6, 0.15, 10, 0.2, 70, 8)


class SyntheticRun:
    """r_k(s, t) = b_k(t) + Delta(s) [k = best of s] + a term of the run + noise."""

    action_mode, reward_mode = "tilt", "level"

    def __init__(
        self, laws=LAWS, gaps=(0.05, 0.02, 0.04), best=(0, 1, 2), noise=0.01, run_sd=0.02, steps=100
    ):
        self.paths = [law.values(np.arange(steps)).tolist() for law in laws]
        self.gaps, self.best = gaps, best
        self.noise, self.run_sd, self.total_steps = noise, run_sd, steps

    def reset(self, *, seed=None):
        rng = np.random.default_rng([seed, 99])
        self._state = {
            "t": 0,
            "level": int(rng.integers(3)),
            "rng": np.random.default_rng([seed, 98]),
            "run": self.run_sd * rng.standard_normal(),
        }
        return None, self._info()

    def step(self, action):
        s = self._state
        reward = self.paths[action][s["t"]] + s["run"]
        reward += self.gaps[s["level"]] * (action == self.best[s["level"]])
        # Independent between actions: the worst that common random numbers can come to.
        reward += self.noise * s["rng"].standard_normal(3)[action]
        s["t"] += 1
        if s["rng"].random() < 0.3:
            s["level"] = int(np.clip(s["level"] + MOVES[action], 0, 2))
        return None, reward, False, s["t"] >= self.total_steps, self._info()

    def _info(self):
        return {"mean_bin_distance": DISTANCES[self._state["level"]], "failure": ""}

    def get_state(self):
        return self._state | {"rng": self._state["rng"].bit_generator.state}

    def set_state(self, state):
        rng = np.random.default_rng(0)
        rng.bit_generator.state = state["rng"]
        self._state = state | {"rng": rng}

    def reseed(self, seed):
        self._state["rng"] = np.random.default_rng(seed)
