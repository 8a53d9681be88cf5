"""Prometheus metrics under the names that dashboards for Kubernetes controllers already know.

Own registry, and no label that grows with tenants or namespaces. What is told of single tenants has a bound of its own,
see controllers/meter.py.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
TRANSFER_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1, 2.5, 5, 10, 30)
WORK_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Everything the runtime counts. Make one a process and hand it to every part."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.labels: dict[str, tuple[str, ...]] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            self.labels[name] = labels
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            self.labels[name] = labels
            return Gauge(name, text, labels, registry=registry)

        def seconds(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            self.labels[name] = labels
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        self.queue_depth = gauge("workqueue_depth", "Keys waiting", "name")
        self.queue_adds = counter("workqueue_adds", "Keys added", "name")
        self.queue_retries = counter("workqueue_retries", "Keys added again after a failure", "name")
        self.queue_wait = seconds("workqueue_queue_duration_seconds", "Time a key waits", WORK_BUCKETS, "name")
        self.reconciles = counter("controller_runtime_reconcile", "Reconciles by result", "controller", "result")
        self.reconcile_errors = counter("controller_runtime_reconcile_errors", "Failed reconciles", "controller")
        self.reconcile_seconds = seconds(
            "controller_runtime_reconcile_time_seconds", "Time of a reconcile", WORK_BUCKETS, "controller"
        )
        self.workers = gauge("controller_runtime_max_concurrent_reconciles", "Workers", "controller")
        self.active_workers = gauge("controller_runtime_active_workers", "Workers with a key in hand", "controller")
        self.requests = counter("rest_client_requests", "Requests to the API server", "code", "method", "host")
        self.request_seconds = seconds(
            "rest_client_request_duration_seconds", "Time to an answer", REQUEST_BUCKETS, "verb", "host"
        )
        self.aws_calls = counter("cotenant_aws_calls", "Calls to AWS by result", "action", "result")
        self.aws_auth_unread = gauge(
            "cotenant_aws_auth_unread_sections", "Sections of aws-auth that cannot be read: nobody in them signs in"
        )
        self.leading = gauge("leader_election_master_status", "1 while this process leads", "name")
        self.leashed = gauge("cotenant_leash_in_force", "1 while the policy on the operator itself was seen to refuse")
        self.synced = gauge("cotenant_reflector_synced", "1 once the first list is in", "resource")
        self.healthy = gauge("cotenant_reflector_healthy", "0 while a watch cannot be kept up", "resource")
        self.objects = gauge("cotenant_reflector_objects", "Objects in memory", "resource")
        self.watch_events = counter("cotenant_reflector_events", "Watch events taken in", "resource")
        self.relists = counter("cotenant_reflector_relists", "Lists from the beginning", "resource")
        self.watch_failures = counter("cotenant_reflector_failures", "Broken lists and watches", "resource", "reason")
        self.quarantined = gauge("cotenant_reflector_quarantined", "Objects that cannot be decoded", "resource")
        self.transfers = counter(
            "cotenant_quota_transfers",
            "Quota moved between a tenant's pool and a space, by what it was",
            "kind",
            "outcome",
        )
        self.transfer_seconds = seconds(
            "cotenant_quota_transfer_duration_seconds", "Time of one transfer, all its writes", TRANSFER_BUCKETS, "kind"
        )
        self.refusals = counter("cotenant_quota_refusals", "Workloads that began to be refused pods by their quota")
        self.false_refusals = counter(
            "cotenant_quota_false_refusals", "Of these, those whose tenant had room for the pod elsewhere"
        )
        self.assists = counter("cotenant_assist", "Pods that the assist was asked about", "outcome")
        self.certificate_expiry = gauge(
            "cotenant_webhook_cert_expiry_timestamp_seconds", "End of the certificate served"
        )
        self.refunds = counter(
            "cotenant_quota_refunds", "Writes that gave back what was charged for objects that ended"
        )
        self.refund_conflicts = counter("cotenant_quota_refund_conflicts", "Refunds that somebody was faster than")
        self.recounts = counter("cotenant_quota_recounts", "Recounts of strict quotas", "result")
        self.freezes = counter("cotenant_quota_freezes", "Recounts during which a space admitted nothing new")
        self.events_sent = counter("cotenant_events_sent", "Events written")
        self.events_dropped = counter("cotenant_events_dropped", "Events given up", "reason")

    def request_observer(self, host: str) -> Observer:
        """What a Client calls after every request."""
        return Observer(self, host.partition("://")[2] or host)

    def expose(self) -> bytes:
        """The text format, for /metrics."""
        return generate_latest(self.registry)


class Observer:
    """Counts requests; keeps the labelled children at hand, for looking them up costs more than counting."""

    def __init__(self, metrics: Metrics, host: str) -> None:
        self._metrics = metrics
        self._host = host
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}

    def __call__(self, method: str, code: int, seconds: float) -> None:
        counter = self._counters.get((method, code))
        if counter is None:
            word = str(code) if code else "<error>"
            counter = self._counters[method, code] = self._metrics.requests.labels(word, method, self._host)
        counter.inc()
        histogram = self._histograms.get(method)
        if histogram is None:
            histogram = self._histograms[method] = self._metrics.request_seconds.labels(method, self._host)
        histogram.observe(seconds)
