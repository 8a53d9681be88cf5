"""The official client costs a command only what it uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: nowhere, context: {cluster: c, user: u}}]
"""
COMMAND = """
import sys
from cotenant.cli import answer
code = answer(["get", "tenants", "--kubeconfig", sys.argv[1]], "cotenant")
"""


def run(program: str, folder: Path) -> str:
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG)
    done = subprocess.run(
        [sys.executable, "-c", program, kubeconfig], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_command_asks_its_cluster_without_the_rest_of_the_official_client(tmp_path):
    loaded = run(f"{COMMAND}\nassert code == 2\nprint(*sys.modules)", tmp_path).split()
    assert "kubernetes.aio.config" in loaded
    heavy = ["kubernetes", "kubernetes.client", "kubernetes.dynamic", "kubernetes.config", "requests", "jsonschema"]
    assert [name for name in heavy if name in loaded] == []


def test_the_whole_client_is_there_for_whoever_imports_it_later(tmp_path):
    program = f"""{COMMAND}
import kubernetes, kubernetes.aio
from cotenant.kube.transport import Transport
from kubernetes.aio.leaderelection import leaderelection
assert kubernetes.aio.client.Configuration is sys.modules["kubernetes.aio.client"].Configuration
print(kubernetes.__version__, kubernetes.client.CoreV1Api.__name__, leaderelection.__name__)
"""
    assert "CoreV1Api kubernetes.aio.leaderelection" in run(program, tmp_path)


def test_a_client_that_is_loaded_already_stays_what_it_is(tmp_path):
    program = f"import kubernetes\nbefore = kubernetes\n{COMMAND}\nassert sys.modules['kubernetes'] is before"
    run(program, tmp_path)
