"""Kernels compile where no cache can be written."""

from numba.core import caching

from agents.simulation.kernels.compiling import compiled


def half(x):
    return 0.5 * x


def test_kernels_compile_without_a_folder_for_a_cache(monkeypatch):
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    kernel = compiled(error_model="numpy")(half)
    assert kernel(3.0) == 1.5
    assert type(kernel._cache) is caching.NullCache


def test_kernels_are_cached_where_they_can_be(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    from numba import config

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    kernel = compiled()(half)
    assert kernel(4.0) == 2.0
    assert list(tmp_path.rglob("*.nbi"))
