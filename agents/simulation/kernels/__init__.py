"""Compiled loops below the questions of `agents.simulation`."""
