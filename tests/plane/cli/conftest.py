"""People and files for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def nobody(cluster):
    return cluster.user("nobody", "strangers")


@pytest.fixture
def manifest(tmp_path):
    def write(text: str) -> str:
        path = Path(tmp_path, "tenant.yaml")
        path.write_text(text)
        return str(path)

    return write
