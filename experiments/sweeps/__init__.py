"""Sweeps: many runs as data, on one core, many or a cluster, with nothing lost and nothing doubled.

`specification` reads what is to be run, `execution` runs a batch of it, an engine (`engines`,
`ray_engine`) decides where, `storage` keeps the results, `scheduling` brings them together.
"""
