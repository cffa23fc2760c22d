"""Shared test settings: hypothesis draws the same examples on every run and never times them."""

import os

from hypothesis import HealthCheck, settings

# Before torch is imported: small matrices, for which threads cost many times what they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "house",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")
