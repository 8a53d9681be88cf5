"""The harness itself, on the real thing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from cotenant.local.wire import Refused
from vocabulary import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture
def namespace(control_plane):
    name = f"harness-{uuid4().hex[:8]}"
    control_plane.wire().expect("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    eventually(lambda: control_plane.wire().request("GET", path)[0] == 200)
    yield name
    control_plane.wire().request("DELETE", f"/api/v1/namespaces/{name}")


def pod(name, **spec):
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "app", "image": "nginx"}], **spec}}


def test_it_is_the_pinned_kubernetes_with_a_clean_version(control_plane):
    version = control_plane.wire().expect("GET", "/version")
    assert (version["gitVersion"], version["gitTreeState"]) == ("v1.36.4", "clean")


def test_stock_kubectl_can_use_it(control_plane):
    done = subprocess.run(
        ["kubectl", "get", "nodes", "-o", "name"],
        env={**control_plane.environment(), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "node/node-1" in done.stdout.split()


def test_nothing_of_it_can_be_read_by_others(control_plane):
    assert control_plane.directory.stat().st_mode & 0o077 == 0
    keys = list(control_plane.directory.glob("pki/*.key")) + list(control_plane.directory.glob("kubeconfig/*"))
    assert keys
    assert all(key.stat().st_mode & 0o077 == 0 for key in keys)


def test_the_programs_do_not_see_the_users_kubeconfig(control_plane):
    for program, _ in control_plane.programs():
        seen = Path(f"/proc/{program.pid}/environ").read_text()
        assert "KUBECONFIG" not in seen
        assert "HOME=/nonexistent" in seen


def test_a_pod_gets_running_an_ip_and_a_node(control_plane, namespace):
    wire, pods = control_plane.wire(), f"/api/v1/namespaces/{namespace}/pods"
    wire.expect("POST", pods, pod("one", initContainers=[{"name": "first", "image": "busybox"}]))
    seen = eventually(lambda: (p := wire.expect("GET", f"{pods}/one"))["status"]["phase"] == "Running" and p)
    assert seen["status"]["podIP"].startswith("10.")
    assert seen["status"]["containerStatuses"][0]["ready"]
    conditions = {c["type"]: c["status"] for c in seen["status"]["conditions"]}
    assert conditions["Ready"] == conditions["PodScheduled"] == "True"


def test_a_deleted_pod_goes(control_plane, namespace):
    wire, pods = control_plane.wire(), f"/api/v1/namespaces/{namespace}/pods"
    wire.expect("POST", pods, pod("one"))
    eventually(lambda: wire.expect("GET", f"{pods}/one")["status"]["phase"] == "Running")
    wire.expect("DELETE", f"{pods}/one")
    eventually(lambda: wire.request("GET", f"{pods}/one")[0] == 404)


def test_two_pods_have_two_ips(control_plane, namespace):
    wire, pods = control_plane.wire(), f"/api/v1/namespaces/{namespace}/pods"
    for name in ("one", "two"):
        wire.expect("POST", pods, pod(name))
    eventually(lambda: all(p["status"].get("podIP") for p in wire.expect("GET", pods)["items"]))
    items = wire.expect("GET", pods)["items"]
    assert len({p["status"]["podIP"] for p in items}) == 2


def test_a_job_succeeds(control_plane, namespace):
    wire, jobs = control_plane.wire(), f"/apis/batch/v1/namespaces/{namespace}/jobs"
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "app", "image": "busybox"}]}}
    wire.expect("POST", jobs, {"metadata": {"name": "once"}, "spec": {"template": template}})
    eventually(lambda: wire.expect("GET", f"{jobs}/once")["status"].get("succeeded") == 1)


def test_a_deployment_becomes_available(control_plane, namespace):
    wire, path = control_plane.wire(), f"/apis/apps/v1/namespaces/{namespace}/deployments"
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "nginx"}]}}
    spec = {"replicas": 10, "selector": {"matchLabels": labels}, "template": template}
    wire.expect("POST", path, {"metadata": {"name": "web"}, "spec": spec})
    eventually(lambda: wire.expect("GET", f"{path}/web")["status"].get("availableReplicas") == 10)


def test_a_pod_that_fits_nowhere_stays_pending_and_the_scheduler_says_why(control_plane, namespace):
    wire = control_plane.wire()
    wire.expect("POST", f"/api/v1/namespaces/{namespace}/pods", pod("lost", nodeSelector={"disk": "none"}))
    events = f"/api/v1/namespaces/{namespace}/events?fieldSelector=reason%3DFailedScheduling"
    found = eventually(lambda: wire.expect("GET", events)["items"])
    assert "didn't match Pod's node affinity/selector" in found[0]["message"]
    assert wire.expect("GET", f"/api/v1/namespaces/{namespace}/pods/lost")["status"]["phase"] == "Pending"


def test_quota_is_counted_and_enforced(control_plane, namespace):
    wire = control_plane.wire()
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    wire.expect("POST", quotas, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}})
    eventually(lambda: wire.expect("GET", f"{quotas}/q").get("status", {}).get("hard"))
    wire.expect("POST", f"/api/v1/namespaces/{namespace}/pods", pod("one"))
    with pytest.raises(Refused, match="exceeded quota: q"):
        wire.expect("POST", f"/api/v1/namespaces/{namespace}/pods", pod("two"))


def test_the_deletion_of_a_namespace_with_a_running_pod_finishes(control_plane):
    wire, name = control_plane.wire(), f"gone-{uuid4().hex[:8]}"
    wire.expect("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    eventually(lambda: wire.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] == 200)
    wire.expect("POST", f"/api/v1/namespaces/{name}/pods", pod("one"))
    wire.expect("DELETE", f"/api/v1/namespaces/{name}")
    eventually(lambda: wire.request("GET", f"/api/v1/namespaces/{name}")[0] == 404, within=20)


def test_a_user_by_certificate_is_who_it_says_and_has_no_right_of_its_own(control_plane, as_user):
    config = as_user(
        "arn:aws:sts::111122223333:assumed-role/a-role-with-quite-a-long-name/alice@example.com", ["a", "b"]
    )
    review = kubectl(config, "auth", "whoami", "-o", "json")
    info = json.loads(review.stdout)["status"]["userInfo"]
    assert info["username"].endswith("/alice@example.com")
    assert {"a", "b"} <= set(info["groups"])
    refused = kubectl(config, "get", "pods", check=False)
    assert 'cannot list resource "pods" in API group "" in the namespace "default"' in refused.stderr


def test_the_same_user_gets_the_same_file_and_others_get_another(control_plane, as_user):
    assert as_user("bob", ["x"]) == as_user("bob", ["x"])
    assert as_user("bob", ["x"]) != as_user("bob", ["y"])
    assert as_user("a/b") != as_user("a-b")


def test_a_service_account_signs_in_by_a_requested_token(control_plane, namespace):
    config = control_plane.service_account(namespace, "robot", create=True)
    review = kubectl(config, "auth", "whoami", "-o", "json")
    assert json.loads(review.stdout)["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:robot"


def test_the_administrator_can_act_as_somebody_and_the_audit_log_knows_both(control_plane, audit):
    mark = audit.mark()
    refused = kubectl(
        control_plane.impersonating("carol", ["team-c"]), "get", "secrets", "-n", "kube-system", check=False
    )
    assert 'User "carol" cannot list resource "secrets"' in refused.stderr
    lists = [request for request in audit.since(mark, user="carol") if request.resource == "secrets"]
    assert [(r.user, r.impersonated, r.verb, r.code) for r in lists] == [("kubernetes-admin", "carol", "list", 403)]


def test_the_audit_log_counts_exactly_what_was_asked_between_the_marks(control_plane, audit, namespace):
    wire, path = control_plane.wire(), f"/api/v1/namespaces/{namespace}/configmaps"
    wire.expect("POST", path, {"metadata": {"name": "before"}})
    mark = audit.mark()
    for number in range(7):
        wire.expect("POST", path, {"metadata": {"name": f"cm-{number}"}})
    wire.expect("POST", f"{path}?dryRun=All", {"metadata": {"name": "never"}})
    wire.expect("GET", f"{path}/cm-0")
    after = audit.since(mark, user="kubernetes-admin", writes=True)
    wire.expect("POST", path, {"metadata": {"name": "late"}})
    assert [r.name for r in after] == [f"cm-{number}" for number in range(7)]
    assert {r.verb for r in audit.since(mark, user="kubernetes-admin", agent="cotenant-local")} == {"create", "get"}
    assert len(audit.since(mark, user="kubernetes-admin", writes=True)) == 8


def test_metrics_tell_what_was_added(control_plane, namespace):
    before = control_plane.metrics()
    for number in range(5):
        body = {"metadata": {"name": f"cm-{number}"}}
        control_plane.wire().expect("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    added = control_plane.metrics().delta(before)
    assert added.sum("apiserver_request_total", resource="configmaps", verb="POST", code="201") >= 5
    assert added.sum("apiserver_admission_webhook_request_total") == 0


def test_two_api_servers_see_each_others_writes_and_both_are_audited(control_plane_ha):
    one, two = control_plane_ha.wire(0), control_plane_ha.wire(1)
    assert len(set(control_plane_ha.urls)) == 2
    one.expect("POST", "/api/v1/namespaces", {"metadata": {"name": "shared"}})
    assert two.expect("GET", "/api/v1/namespaces/shared")["metadata"]["name"] == "shared"
    two.expect("POST", "/api/v1/namespaces/shared/configmaps", {"metadata": {"name": "back"}})
    assert one.expect("GET", "/api/v1/namespaces/shared/configmaps/back")
    mark = control_plane_ha.audit_mark()
    one.expect("GET", "/api/v1/namespaces/shared/configmaps/back")
    two.expect("GET", "/api/v1/namespaces/shared/configmaps/back")
    assert len(control_plane_ha.audit_since(mark, user="kubernetes-admin")) == 2
    assert "127.0.0.1" in control_plane_ha.user("alice", server=1).read_text()
    assert control_plane_ha.urls[1] in control_plane_ha.user("alice", server=1).read_text()


def kubectl(config, *arguments, check=True):
    binary = Path(sys.executable).with_name("kubectl")
    return subprocess.run(
        [str(binary), "--kubeconfig", str(config), *arguments],
        capture_output=True,
        text=True,
        check=check,
        env={"HOME": "/nonexistent"},
    )
