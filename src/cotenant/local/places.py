"""Folders of this user: the cache of programs, and the home of `cotenant dev`."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cotenant.local.errors import ControlPlaneError


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
    return home(environ) / under_home


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """$HOME, else what the user database says, else a folder of this user among the temporary ones."""
    if chosen := environ.get("HOME", ""):
        return Path(chosen)
    try:
        known = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a container whose user nobody wrote down
        known = Path()
    if known.is_absolute() and os.access(known, os.W_OK):
        return known
    # Private, and the same for every process of this user.
    return Path(tempfile.gettempdir()) / f"cotenant-home-{os.getuid()}"


def make(folder: Path, variable: str) -> Path:
    """The folder, made for its owner alone. ControlPlaneError names the variable that puts it elsewhere."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ControlPlaneError(
            f"{folder} cannot be written ({error.strerror}); set {variable} to a folder that can be"
        ) from error
    return folder
