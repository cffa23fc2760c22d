"""The real training loop behind ASRSampling-v0: data, embedding network, negatives, retrieval.

torch is loaded by `learner` alone; `datasets`, `distance_bins` and `retrieval` are numpy.
"""
