"""The Stable-Baselines3 side: the theory's algorithm as an SB3 algorithm, and the stock ones.

Import the part you need, e.g. `agents.sb3.softmax_pg`; torch and stable_baselines3 load then.
"""
