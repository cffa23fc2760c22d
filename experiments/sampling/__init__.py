"""Runs on ASRSampling-v0, and the protocol that holds the paper's account of its well to data."""
