from __future__ import annotations

from cotenant.runtime.metrics import Metrics

CONVENTIONAL = {
    "workqueue_depth",
    "workqueue_adds_total",
    "workqueue_retries_total",
    "workqueue_queue_duration_seconds",
    "controller_runtime_reconcile_total",
    "controller_runtime_reconcile_errors_total",
    "controller_runtime_reconcile_time_seconds",
    "controller_runtime_max_concurrent_reconciles",
    "controller_runtime_active_workers",
    "rest_client_requests_total",
    "rest_client_request_duration_seconds",
    "leader_election_master_status",
}


def test_stock_dashboards_find_their_names() -> None:
    text = Metrics().expose().decode()

    missing = {name for name in CONVENTIONAL if f"# TYPE {name} " not in text}
    assert missing == set()


def test_no_label_grows_with_tenants() -> None:
    metrics = Metrics()
    labels = {label for each in vars(metrics).values() for label in getattr(each, "_labelnames", ())}

    bounded = {
        "action",
        "name",
        "controller",
        "result",
        "code",
        "method",
        "verb",
        "host",
        "resource",
        "reason",
        "kind",
        "outcome",
    }
    assert labels == bounded


def test_a_request_counts_under_its_code_method_and_host() -> None:
    metrics = Metrics()
    observe = metrics.request_observer("https://10.0.0.1:443")
    observe("GET", 200, 0.01)
    observe("GET", 200, 0.01)
    observe("PATCH", 0, 1.0)

    text = metrics.expose().decode()
    assert 'rest_client_requests_total{code="200",host="10.0.0.1:443",method="GET"} 2.0' in text
    assert 'rest_client_requests_total{code="<error>",host="10.0.0.1:443",method="PATCH"} 1.0' in text


def test_two_processes_in_one_test_do_not_share_a_registry() -> None:
    first, second = Metrics(), Metrics()
    first.events_sent.inc()

    assert b"cotenant_events_sent_total 0.0" in second.expose()
