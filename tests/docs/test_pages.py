"""README and the how-to pages are true: every command in them is run, and its output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cloud import keeping
from cotenant.cli.manifests import read
from docs.page import ROOT, Shell, Step, agrees, blocks, follow, steps
from vocabulary import eventually, expect_ready, given_tenant

HOW_TO = ROOT / "docs" / "how-to"
README = ROOT / "README.md"
TEAM = "backend-team"
ELSEWHERE = {
    "git clone": "there is nothing to clone from in a test",
    "make": "make targets start the whole suite again; the demo is played by tests/plane/demo",
    "docker": "needs a container runtime and a registry; hadolint reads the Dockerfile in make lint",
    "helm": "needs helm; tests/unit/render/install compares the chart with what install applies",
}
"""First words of commands that are not run here, and why."""
ENDLESS = re.compile(r"(kubectl get .* -w)$")


def until(command: str) -> str:
    """Asks again for three minutes."""
    return f"timeout 180 bash -c 'until {command}; do sleep 0.2; done'"


PREPARED = {
    "access.md": "",
    "adopt-a-namespace.md": "kubectl create namespace legacy-backend",
    "dedicated-nodes.md": """
cat > tenant.yaml <<'X'
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: backend-team}
spec: {nodes: {pool: backend-team, dedicated: true}}
X
kubectl create -f - <<'X'
apiVersion: v1
kind: Node
metadata: {name: node-of-backend-team}
X
kubectl patch node node-of-backend-team --subresource=status --type=merge -p '{"status":
  {"capacity":{"cpu":"8","memory":"16Gi","pods":"20"},"allocatable":{"cpu":"8","memory":"16Gi","pods":"20"},
  "conditions":[{"type":"Ready","status":"True"}]}}'
kubectl taint nodes node-of-backend-team node.kubernetes.io/not-ready:NoSchedule-""",
    "delete-and-release.md": """
for name in staging build; do cotenant create space $name --tenant backend-team --wait; done""",
    "limits.md": "",
    "network.md": """
cat > tenant.yaml <<'X'
apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata: {name: backend-team}
spec:
  members: [{role: owner, group: backend-leads}]
  spaces: {limit: 5, declared: [dev]}
  network: {isolation: space}
X""",
    "quota.md": """
kubectl patch tenant backend-team --type=merge -p '{"spec":{"spaces":{"declared":["dev","build"]},
  "quota":{"hard":{"pods":8,"requests.cpu":"4"}},"limits":[{"type":"Container","defaultRequest":{"cpu":"500m"}}]}}'
until kubectl wait cosp/build --for=condition=Ready -n home-backend-team; do sleep 0.2; done
until kubectl get cotl/requests.cpu -n home-backend-team; do sleep 0.2; done
until kubectl create deployment web --image=nginx --replicas=4 -n backend-team-dev; do sleep 0.2; done
until [ "$(kubectl get resourcequota cotenant -o 'jsonpath={.status.used.pods}' -n backend-team-dev)" = 4 ]
do sleep 0.2; done""",
    "spaces.md": """
for name in one two three; do cotenant create space $name --tenant backend-team --wait; done
cat > space.yaml <<'X'
apiVersion: cotenant.dev/v1alpha1
kind: Space
metadata: {name: one-more}
X""",
    "tighten-rules.md": "",
}
"""Page -> what it takes for granted besides a tenant backend-team with a space dev and four more to make."""
MORE = "kubectl create deployment more --image=docker.io/nginx -n backend-team-dev"
HEARD = {
    "quota.md": {
        # What is used is told a few seconds later.
        "kubectl get tenantledgers -n": until(
            '[ "$(kubectl get cotl -o jsonpath={.items[*].status.used} -n home-backend-team)" = "4 2" ]'
        ),
    },
    "spaces.md": {
        "kubectl create -n home": "kubectl wait cosp/staging --for=condition=Ready -n home-backend-team --timeout=3m",
        # The mirror of the Tenant's conditions in its home comes a second after them.
        "cotenant tree": until("cotenant tree backend-team"),
    },
    "tighten-rules.md": {
        "kubectl wait spacepolicy/warn -n backend-team-dev --for=json": until("kubectl get spacepolicy warn -n backend-team-dev"),
        "kubectl create deployment web": until(f"{MORE} --dry-run=server 2>&1 | grep Warning"),
        "kubectl create deployment more": until(f"! {MORE} --dry-run=server"),
    },
}  # fmt: skip
"""Page -> first words of a command -> what a reader, who is no machine, has waited for by then."""
FINDINGS = (
    "cotenant plan", "cotenant policies check", "cotenant iam plan", "cotenant iam workloads backend", "cotenant why pod deploy/",
    "cotenant why access", "kubectl auth can-i",
)  # fmt: skip
"""Commands that answer 1 on these pages: there is something to tell."""


@pytest.fixture
def own(tmp_path, control_plane):
    """A shell for pages that start a control plane themselves."""
    shell = Shell(tmp_path)
    yield shell
    shell.close()


@pytest.fixture
def team(cluster):
    """The tenant backend-team of every page, under a name of its own: nobody waits for its namespaces to go."""
    return given_tenant(cluster, "docs", spaces=["dev"], limit=5)


@pytest.fixture
def shell(cluster, tmp_path):
    """A shell of an administrator."""
    one = Shell(tmp_path, **cluster.plane.env(cluster.admin.kubeconfig))
    yield one
    one.close()


def run(shell: Shell, page: Path, team: str = TEAM, **before: str) -> int:
    """Every command of a page; how many there were. `before`: first words of one -> what it takes for granted."""
    count = 0
    for written in steps(page):
        step = Step(written.commands.replace(TEAM, team), written.expected.replace(TEAM, team))
        if step.commands.startswith(tuple(ELSEWHERE)):
            continue
        count += 1
        for words, preparation in (HEARD.get(page.name, {}) | before).items():
            if written.commands.startswith(words):
                shell.must(preparation.replace(TEAM, team))
        ended = int(step.commands.startswith(FINDINGS))
        if endless := ENDLESS.search(step.commands):
            watch(shell, endless[1], step.expected)
        else:
            follow(shell, step, code=ended)
    return count


def watch(shell: Shell, command: str, expected: str) -> None:
    """Runs a command that does not end by itself until it has said what is written."""
    shell.run(f"{command} > watched 2>&1 & watching=$!")
    try:
        eventually(lambda: agrees(shell.run("cat watched")[1], expected) == "", every=0.2)
    finally:
        shell.run("kill $watching")


@pytest.mark.cluster
@pytest.mark.parametrize("page", PREPARED)
def test_every_command_of_a_how_to_does_and_says_what_is_written(shell, team, page):
    if PREPARED[page]:
        shell.must(PREPARED[page].replace(TEAM, team.name))
    assert run(shell, HOW_TO / page, team.name) > 0


@pytest.mark.cluster
def test_the_readme_is_true(shell, cluster, team):
    (manifest,) = (body for kind, body in blocks(README, "yaml"))
    assert cluster.admin.apply(manifest.replace(TEAM, team.name)).ok
    expect_ready(team, "dev")
    assert run(shell, README, team.name) == 1
    expect_ready(team, "staging")


@pytest.mark.cluster
def test_the_page_on_the_local_control_plane_is_true(own):
    assert run(own, HOW_TO / "local-control-plane.md") > 5


@pytest.mark.cluster
def test_the_python_on_the_page_on_the_local_control_plane_runs(tmp_path, control_plane):
    test, program = (body for kind, body in blocks(HOW_TO / "local-control-plane.md", "python"))
    Path(tmp_path, "test_alice.py").write_text(test)
    Path(tmp_path, "program.py").write_text(program)
    for command in (["-m", "pytest", "-q", "--control-plane=require", "test_alice.py"], ["program.py"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
            env=control_plane.environment(control_plane.kubeconfig) | {"PATH": str(Path(sys.executable).parent)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.cluster
def test_the_page_on_signing_in_is_true(own):
    assert run(own, HOW_TO / "sign-in-with-aws.md") > 15


@pytest.mark.cluster
def test_the_page_on_iam_identities_is_true(own, tmp_path):
    # How somebody signs in is the page before.
    own.run(f"PATH={keeping(tmp_path / 'bin')}:$PATH")
    assert run(own, HOW_TO / "iam.md") > 20


@pytest.mark.cluster
def test_the_python_on_the_page_on_signing_in_runs(tmp_path):
    test, program = (body for kind, body in blocks(HOW_TO / "sign-in-with-aws.md", "python"))
    Path(tmp_path, "test_admin.py").write_text(test)
    Path(tmp_path, "program.py").write_text(program)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for command in (["-m", "pytest", "-q", "--control-plane=require", "test_admin.py"], ["program.py"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert "CONFIG_MAP" in done.stdout


@pytest.mark.cluster
def test_the_page_on_installing_is_true(own):
    own.must("cotenant dev up")
    own.run('eval "$(cotenant dev env)"')
    own.must("kubectl config rename-context cotenant-local my-cluster")
    # What the page's cluster has: the agent of the VPC CNI, switched off.
    own.must("""
kubectl apply -f - <<'X'
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: aws-node, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: aws-node}}
  template:
    metadata: {labels: {k8s-app: aws-node}}
    spec: {containers: [{name: agent, image: agent, args: [--enable-network-policy=false]}]}
X""")
    space = """
kubectl create namespace home-backend-team
kubectl apply -f - <<'X'
apiVersion: cotenant.dev/v1alpha1
kind: Space
metadata: {name: dev, namespace: home-backend-team}
X"""
    assert run(own, HOW_TO / "install-on-eks.md", **{"kubectl delete validatingadmissionpolicybinding": space}) > 5


def test_every_page_with_commands_is_run_and_every_exception_is_needed():
    own = {
        "local-control-plane.md",
        "install-on-eks.md",
        "sign-in-with-aws.md",
        "iam.md",
        "lint.md",
    }  # the last one in test_lint.py
    assert {page.name for page in HOW_TO.glob("*.md") if steps(page)} == own | PREPARED.keys()
    everywhere = [step.commands for page in (README, *HOW_TO.glob("*.md")) for step in steps(page)]
    assert [word for word in ELSEWHERE if not any(line.startswith(word) for line in everywhere)] == []


def test_every_make_target_that_a_page_names_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = (README, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    named = {name for page in pages for name in re.findall(r"(?:^|`)make ([a-z0-9-]+)", page.read_text(), re.MULTILINE)}
    assert named and named <= targets


@pytest.mark.parametrize("page", [README, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name)
def test_the_manifests_on_a_page_are_good(page, tmp_path):
    for number, (_, body) in enumerate(blocks(page, "yaml")):
        whole = body
        if not body.startswith(("apiVersion", "kind")):
            whole = f"kind: Tenant\nmetadata: {{name: backend-team}}\n{body}"
        if "apiVersion" not in body:
            whole = f"apiVersion: cotenant.dev/v1alpha1\n{whole}"
        path = tmp_path / f"{number}.yaml"
        path.write_text(whole)
        assert [str(one) for one in read([str(path)])[1]] == []
