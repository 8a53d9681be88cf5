from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from cotenant.local import ControlPlaneError, places
from cotenant.local.cache import Cache


def test_a_chosen_folder_wins_and_a_relative_one_is_ignored():
    assert places.cache({"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == Path("/x/cotenant/controlplane")
    assert places.cache({"XDG_CACHE_HOME": "x", "HOME": "/h"}) == Path("/h/.cache/cotenant/controlplane")


def test_without_home_it_is_the_one_that_the_system_knows(tmp_path, monkeypatch):
    """So that the cache is found under cron, systemd and `env -i`, where nobody sets HOME."""
    entry = pwd.struct_passwd(("me", "x", os.getuid(), 0, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(places.pwd, "getpwuid", lambda _: entry)

    assert places.cache({}) == tmp_path / ".cache" / "cotenant" / "controlplane"
    assert places.dev_directory({"HOME": ""}) == tmp_path / ".local" / "state" / "cotenant" / "dev"


def test_a_user_whom_nobody_knows_has_a_folder_among_the_temporary_ones(monkeypatch):
    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.setattr(places.pwd, "getpwuid", unknown)

    assert places.home({}).name == f"cotenant-home-{os.getuid()}"


def test_a_home_that_is_not_there_is_none(tmp_path, monkeypatch):
    entry = pwd.struct_passwd(("me", "x", os.getuid(), 0, "", str(tmp_path / "nothing"), "/bin/sh"))
    monkeypatch.setattr(places.pwd, "getpwuid", lambda _: entry)

    assert places.home({}).name == f"cotenant-home-{os.getuid()}"


def test_a_folder_that_cannot_be_written_is_named_with_the_variable_that_moves_it(tmp_path):
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")

    with (
        pytest.raises(ControlPlaneError, match=r"file/cache cannot be written \(.*\); set XDG_CACHE_HOME to"),
        cache.lock(lambda: None),
    ):
        pytest.fail("locked")
    with pytest.raises(ControlPlaneError, match="set XDG_CACHE_HOME"), cache.staging():
        pytest.fail("staged")
