"""Headline ratios of the project, each `python -m benchmarks NAME`."""
