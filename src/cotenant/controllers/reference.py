"""docs/reference/metrics.md, written from the metrics themselves: `python -m cotenant.controllers.reference --write`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.metrics_core import Metric

from cotenant.controllers.meter import LABELS, MOST, OTHERS, QuotaGauges
from cotenant.controllers.world import World
from cotenant.judge.reference import kept, safe
from cotenant.runtime.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
HEAD = f"""# Metrics

<!-- Generated from src/cotenant/runtime/metrics.py and controllers/meter.py: change them and run make docs. -->

`/metrics` of the operator, in the text format of Prometheus. Names without `cotenant_` are those that dashboards for Kubernetes controllers
already know.

Amounts of quotas are told by the process that leads alone, so that they can be added up: cores, bytes, or counts. At most {MOST} pairs of tenant
and resource have a series of their own, those of older tenants first; what is beyond is added up by resource under `tenant="{OTHERS}"`.
`cotenant_quota_used` is what Kubernetes counts; `used` above `limit` is a limit that was lowered below what is in use.

A refusal is counted when a ReplicaSet begins to report one. It is false when the pod would have fitted into what the tenant has, floors and ceilings
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
        yield f"| `{name}` | {one.type} | {named} | {safe(one.documentation)}. |"


def main(arguments: list[str], path: Path = PAGE) -> int:
    """Keeps the page."""
    return kept(arguments, page(), path, "cotenant.controllers.reference")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
