"""The pytest plugin as another project would use it: in a process of its own, on a machine that has nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

TESTS = """
import pytest

@pytest.mark.cluster
def test_with_a_plane(control_plane):
    assert control_plane.url

def test_without():
    pass
"""


def run(tmp_path, *arguments):
    (tmp_path / "test_it.py").write_text(TESTS)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-p",
            "no:cacheprovider",
            "--strict-markers",
            *arguments,
            str(tmp_path),
        ],
        env={"HOME": str(tmp_path), "PATH": "", "COTENANT_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("mode", "code", "says"),
    [
        ("auto", 0, "1 passed, 1 skipped"),
        ("skip", 0, "1 passed, 1 skipped"),
        ("require", 1, "1 passed, 1 error"),
        ("existing", 1, "no control plane"),
    ],
)
def test_a_missing_plane_skips_or_fails_as_asked(tmp_path, mode, code, says):
    done = run(tmp_path, f"--control-plane={mode}")
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stdout


def test_the_reason_of_a_skip_names_the_ways_to_get_the_programs(tmp_path):
    assert "the local control plane needs etcd" in run(tmp_path).stdout


def test_the_plugin_costs_no_import_of_the_plane():
    code = "import sys, cotenant.testing; sys.exit('cryptography' in sys.modules or 'cotenant.local' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
