from __future__ import annotations

import json

import pytest

from cotenant.local import ControlPlaneError
from cotenant.local import audit as audit_module
from cotenant.local.audit import Audit
from cotenant.local.metrics import Metrics

BEFORE = """# HELP x y
# TYPE requests_total counter
requests_total{code="200",verb="GET"} 10
requests_total{code="201",verb="POST"} 2
up 1
duration_bucket{le="+Inf"} 3
"""
AFTER = BEFORE.replace("} 10", "} 14") + 'requests_total{code="403",verb="GET",path="a,b=\\"c\\" }"} 1e+00\n'


def test_metrics_sum_over_the_labels_that_were_not_asked_for():
    metrics = Metrics.parse(AFTER)
    assert metrics.sum("requests_total") == 17
    assert metrics.sum("requests_total", verb="GET") == 15
    assert metrics.sum("requests_total", path='a,b=\\"c\\" }') == 1


def test_a_delta_counts_new_series_from_0_and_absent_ones_as_0():
    added = Metrics.parse(AFTER).delta(Metrics.parse(BEFORE))
    assert added.sum("requests_total") == 5
    assert added.sum("never_used_total", name="x") == 0
    assert added.names() == {"requests_total"}


class Server:
    """Writes one audit line for each of its requests, as the API server does in blocking mode."""

    def __init__(self, log):
        self.log = log

    def request(self, method, path, **fields):
        with self.log.open("a") as file:
            event = {"verb": "get", "requestURI": path, "user": {"username": "admin"}, **fields}
            file.write(json.dumps(event) + "\n")


@pytest.fixture
def audited(tmp_path):
    servers = [Server(tmp_path / f"{n}.log") for n in range(2)]
    return Audit([s.log for s in servers], servers), servers


def test_only_what_came_after_the_mark_counts_on_every_server(audited):
    audit, (one, two) = audited
    one.request("GET", "/old")
    mark = audit.mark()
    one.request("GET", "/a")
    two.request("GET", "/b", impersonatedUser={"username": "alice"})
    assert [r.uri for r in audit.since(mark)] == ["/a", "/b"]
    assert [r.uri for r in audit.since(mark, user="alice")] == ["/b"]
    assert [r.uri for r in audit.since(mark, user="admin")] == ["/a"]


def test_dry_runs_and_reviews_are_no_writes(audited):
    audit, (one, _) = audited
    mark = audit.mark()
    one.request("POST", "/x", verb="create", objectRef={"resource": "pods", "name": "p"})
    one.request("POST", "/x?dryRun=All", verb="create", objectRef={"resource": "pods"})
    one.request("POST", "/x", verb="create", objectRef={"resource": "selfsubjectaccessreviews"})
    one.request("GET", "/x", verb="list", objectRef={"resource": "pods"})
    assert [(r.verb, r.name) for r in audit.since(mark, writes=True)] == [("create", "p")]


def test_a_failed_sign_in_has_no_user(audited):
    audit, (one, _) = audited
    mark = audit.mark()
    one.request("GET", "/x", user={}, responseStatus={"code": 401})
    assert [(r.user, r.code) for r in audit.since(mark)] == [("", 401)]


def test_a_log_that_does_not_show_our_own_request_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(audit_module, "_PATIENCE", 0.05)
    (tmp_path / "a.log").touch()

    class Silent:
        def request(self, *_):
            pass

    with pytest.raises(ControlPlaneError, match="was it rotated"):
        Audit([tmp_path / "a.log"], [Silent()]).mark()
