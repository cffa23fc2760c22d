"""Every case runs in an empty folder, which must be as it was afterwards."""

import pytest


def listing(folder):
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.fixture(autouse=True)
def nothing_is_written(tmp_path_factory, monkeypatch):
    """The folder that must stay empty is the working folder; inputs stand in `tmp_path`."""
    folder = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(folder)
    yield
    assert listing(folder) == {}
