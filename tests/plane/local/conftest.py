"""People who sign in by IAM."""

from __future__ import annotations

import pytest

from plane.local.person import Cloud, Person, aws_auth_of


@pytest.fixture(scope="module")
def cloud(control_plane_eks):
    made = Cloud(control_plane_eks)
    yield made
    made.close()


@pytest.fixture
def person(control_plane_eks, tmp_path):
    """`person(key, name)`: somebody with a home of that name."""

    def at_a_terminal(key=None, name="home"):
        return Person(control_plane_eks, tmp_path / name, key)

    return at_a_terminal


@pytest.fixture
def aws_auth(control_plane_eks):
    """Writes the ConfigMap; it is gone afterwards."""
    write = aws_auth_of(control_plane_eks)
    yield write
    write()
