"""docs/reference/metrics.md, written from the metrics themselves."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from cotenant.api.markdown import cell
from cotenant.controllers.meter import LABELS, MOST, OTHERS, QuotaGauges
from cotenant.controllers.world import World
from cotenant.runtime.metrics import Metrics

HEAD = f"""# Metrics

<!-- Generated from src/cotenant/runtime/metrics.py and controllers/meter.py: change them and run make docs. -->

`/metrics` of the operator, in the text format of Prometheus. Names without `cotenant_` are those that dashboards for Kubernetes controllers
already know.

Amounts of quotas are told by the process that leads alone, so that they can be added up: cores, bytes, or counts. At most {MOST} pairs of tenant
and resource have a series of their own, those of older tenants first; what is beyond is added up by resource under `tenant="{OTHERS}"`.
`cotenant_quota_used` is what Kubernetes counts; `used` above `limit` is a limit that was lowered below what is in use.

A refusal is counted when a workload begins to report one. It is false when the pod would have fitted into what the tenant has, floors and ceilings
considered: quota that was in another space at that moment. A pod that somebody makes by hand and that is refused is seen by nobody, and not counted.

| metric | type | labels | |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    return HEAD + "\n".join(rows()) + "\n"


def rows() -> Iterator[str]:
    """One a metric, sorted by name."""
    metrics = Metrics()
    gauges = list(QuotaGauges(World(), lambda: True).describe())
    labels = metrics.labels | {one.name: LABELS for one in gauges}
    families: list[Metric] = [*metrics.registry.collect(), *gauges]
    for one in sorted(families, key=lambda one: one.name):
        name = f"{one.name}_total" if one.type == "counter" else one.name
        named = ", ".join(f"`{label}`" for label in labels[one.name])
        yield f"| `{name}` | {one.type} | {named} | {cell(one.documentation)}. |"
