"""The acts of the story, each asserted: what is printed has happened, or the demo ends with exit code 1."""

from __future__ import annotations

from collections.abc import Callable

from cotenant.cli.story.manifests import BACKEND, DEVELOPER, HOG
from cotenant.cli.story.stage import ADMIN, Actor, NotAsPromised, Stage

BATCH_PODS = 8
DANA = Actor("dana", ("backend-developers",), "dana (backend-team, developer)", "backend-team-dev")
LEE = Actor("lee", ("backend-leads",), "lee (backend-team, owner)", "home-backend-team")
CAROL = Actor("carol", (), "carol (backend-team, developer)", "backend-team-dev")
FINN = Actor("finn", ("frontend-developers",), "finn (frontend-team, developer)", "frontend-team-dev")


def two_tenants(stage: Stage) -> None:
    stage.voice.file("backend-team.yaml; frontend-team.yaml differs in its names", BACKEND)
    stage.kubectl(ADMIN, "apply -f developer-role.yaml", show=False)
    stage.kubectl(ADMIN, "apply -f backend-team.yaml -f frontend-team.yaml")
    stage.kubectl(
        ADMIN, "wait --for=condition=Ready tenant/backend-team tenant/frontend-team --timeout=30s", show=False
    )
    stage.kubectl(ADMIN, "get tenants")
    stage.kubectl(ADMIN, "get namespaces -l cotenant.dev/tenant")
    stage.voice.shows("each team has a home and a space, labelled, fenced and bounded before anybody could enter")


def same_name(stage: Stage) -> None:
    for actor in (DANA, FINN):
        stage.kubectl(actor, "create deployment web --image=nginx")
        stage.kubectl(actor, "rollout status deployment web --timeout=30s", show=False)
        if "1/1     Running" not in stage.kubectl(actor, "get pods"):
            raise NotAsPromised("the pod is not running")
    stage.voice.shows("the same name twice, and nobody noticed the other")


def forbidden(stage: Stage) -> None:
    stage.refused(
        DANA,
        "get pods -n frontend-team-dev",
        "RBAC",
        'pods is forbidden: User "dana" cannot list resource "pods" in API group "" in the namespace "frontend-team-dev"',
    )
    stage.refused(DANA, "delete deployment web -n frontend-team-dev", "RBAC", 'cannot delete resource "deployments"')
    stage.refused(DANA, "get namespaces", "RBAC", "at the cluster scope")
    stage.voice.shows("refused by RBAC: a team sees neither the other one nor that there is one")


def quota(stage: Stage) -> None:
    stage.voice.file("hog.yaml", HOG)
    stage.refused(DANA, "apply -f hog.yaml", "quota", "exceeded quota: cotenant", "requested: requests.cpu=8")
    stage.voice.shows("8 of the 2 CPUs that the team has: refused by the quota, and the others keep what they need")


def defaults(stage: Stage) -> None:
    text = stage.kubectl(DANA, "get pods -o jsonpath='{.items[0].spec.containers[0].resources}'")
    if (
        '"requests":{"cpu":"100m","memory":"64Mi"}' not in text
        or '"limits":{"cpu":"500m","memory":"256Mi"}' not in text
    ):
        raise NotAsPromised("the defaults of the tenant are not filled in")
    stage.voice.shows("`create deployment` said nothing about resources; the limits of the tenant did")


def privileged(stage: Stage) -> None:
    stage.refused(DANA, "run root --image=nginx --privileged", "pod security", 'violates PodSecurity "baseline')
    stage.voice.shows("refused by Pod Security: nobody gets at the node and its other guests")


def self_service(stage: Stage) -> None:
    stage.kubectl(LEE, "apply -f staging.yaml")
    stage.kubectl(LEE, "wait --for=condition=Ready space/staging --timeout=30s", show=False)
    stage.kubectl(LEE, "get spaces")
    stage.kubectl(LEE, "create configmap greeting --from-literal=text=hello -n backend-team-staging")
    stage.voice.shows("an owner made a space with plain kubectl, without any right on the cluster, without a ticket")


def limit(stage: Stage) -> None:
    stage.refused(LEE, "apply -f one-more.yaml", "quota", "exceeded quota: cotenant", "count/spaces.cotenant.dev")
    stage.voice.shows("the tenant has 2 spaces of 2; a native quota counts them, not a webhook")


def scarce(stage: Stage) -> None:
    stage.kubectl(DANA, "scale deployment web --replicas=9")
    stage.kubectl(DANA, "rollout status deployment web --timeout=30s", show=False)
    stage.kubectl(DANA, "scale deployment web --replicas=2")
    stage.kubectl(DANA, "wait --for=jsonpath='{.status.used.pods}'=2 quota/cotenant --timeout=30s", show=False)
    for space in ("dev", "staging"):
        stage.kubectl(DANA, f"get resourcequota -n backend-team-{space}")
    made = stage.kubectl(DANA, "apply -f batch.yaml -n backend-team-staging")
    if made.count("created") != BATCH_PODS:
        raise NotAsPromised("a pod for which there is room was refused")
    for space in ("dev", "staging"):
        stage.kubectl(DANA, f"get resourcequota -n backend-team-{space}")
    stage.refused(
        DANA, "run more --image=nginx -n backend-team-staging", "quota", "exceeded quota: cotenant", "requested: pods=1"
    )
    stage.kubectl(DANA, "delete -f batch.yaml -n backend-team-staging", show=False)
    stage.voice.shows("10 pods for both spaces, never more; what dev does not use moved while the pods waited for it")


def removed(stage: Stage) -> None:
    stage.kubectl(CAROL, "get pods")
    index = [line.strip() for line in BACKEND.splitlines() if line.startswith("  - {role")].index(
        f"- {{role: {DEVELOPER}, user: carol}}"
    )
    patch = f'[{{"op": "remove", "path": "/spec/members/{index}"}}]'
    stage.kubectl(ADMIN, f"patch tenant backend-team --type=json -p '{patch}'")
    seconds = stage.until(CAROL, "get pods", fails=True)
    stage.refused(CAROL, "get pods", "RBAC", 'User "carol" cannot list resource "pods"')
    stage.voice.shows(f"carol was taken off the list; refused {seconds:.1f} s later, with the certificate still valid")


def dead_operator(stage: Stage) -> None:
    pid = stage.kill_operator()
    stage.voice.shell("admin", f"kill -9 {pid}        # the operator")
    stage.refused(DANA, "get secrets -n frontend-team-dev", "RBAC", 'cannot list resource "secrets"')
    stage.refused(DANA, "apply -f hog.yaml", "quota", "exceeded quota: cotenant")
    stage.refused(DANA, "run root --image=nginx --privileged", "pod security", "violates PodSecurity")
    stage.refused(LEE, "apply -f one-more.yaml", "quota", "count/spaces.cotenant.dev")
    stage.kubectl(DANA, "set image deployment web nginx=nginx:1.29")
    stage.voice.shows("with the operator dead everything is still refused, and everybody still works")
    stage.start_operator()


def owner(stage: Stage) -> None:
    text = stage.cotenant(ADMIN, "tree -n backend-team-staging")
    if "backend-team" not in text or "backend-leads" not in text:
        raise NotAsPromised("the tree does not name the owners")
    stage.voice.shows("every namespace has an owner who can be asked")


ACTS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("Two teams, two short manifests", two_tenants),
    ("Both run a Deployment of the same name", same_name),
    ("One team cannot look at the other", forbidden),
    ("A resource hog hits the quota", quota),
    ("Limits nobody wrote down are there", defaults),
    ("A privileged pod is refused", privileged),
    ("An owner makes a space and asks nobody", self_service),
    ("The number of spaces has a limit", limit),
    ("Little is left, and it moves to where it is needed", scarce),
    ("A member leaves", removed),
    ("The operator is killed, the isolation is not", dead_operator),
    ("Whose is this?", owner),
)
