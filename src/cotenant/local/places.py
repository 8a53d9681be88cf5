"""Folders of this user: the cache of programs, and the home of `cotenant dev`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """${XDG_CACHE_HOME:-~/.cache}/cotenant/controlplane."""
    return _base(environ, "XDG_CACHE_HOME", ".cache") / "cotenant" / "controlplane"


def dev_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """${XDG_STATE_HOME:-~/.local/state}/cotenant/dev."""
    return _base(environ, "XDG_STATE_HOME", ".local/state") / "cotenant" / "dev"


def envtest_store(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that setup-envtest fills."""
    return _base(environ, "XDG_DATA_HOME", ".local/share") / "kubebuilder-envtest" / "k8s"


def _base(environ: Mapping[str, str], variable: str, under_home: str) -> Path:
    chosen = environ.get(variable, "")
    if chosen and Path(chosen).is_absolute():  # the XDG specification: a relative path is to be ignored
        return Path(chosen)
    home = environ.get("HOME", "")
    if home:
        return Path(home) / under_home
    # A container without HOME: private, and the same for every process of this user.
    return Path(tempfile.gettempdir()) / f"cotenant-home-{os.getuid()}" / under_home
