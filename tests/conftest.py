"""Shared test settings: hypothesis draws the same examples on every run and never times them."""

from hypothesis import HealthCheck, settings

from gw_envs.threads import one_thread_each

one_thread_each()  # before torch is imported

settings.register_profile(
    "house",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")
