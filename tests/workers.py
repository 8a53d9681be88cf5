"""Which tests one worker runs without a break."""

from __future__ import annotations

TOGETHER = {
    "signed in by IAM": (
        "tests/plane/iam/",
        "tests/plane/local/test_sign_in.py",
        "tests/seeds/test_iam_",
        "tests/seeds/test_sign_in.py",
        "tests/seeds/test_walkthrough_3.py",
    ),
    "installed without an operator": ("tests/plane/install/", "tests/plane/api/", "tests/plane/runtime/"),
}
"""Beginnings of paths. Their files share a plane, which the other worker then need not start; they are the first."""


def together(nodeid: str) -> str:
    """A name of TOGETHER, else the test's file."""
    file = nodeid.partition("::")[0]
    return next((name for name, paths in TOGETHER.items() if file.startswith(paths)), file)
