"""The API server's own metrics, parsed. A scrape is 3 MB: take one before and one after, never in a loop."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Series = tuple[str, frozenset[tuple[str, str]]]


class Metrics:
    """Samples by name and labels. Families that were never used are absent, which reads as 0."""

    def __init__(self, samples: Mapping[Series, float]) -> None:
        self._samples = samples

    @classmethod
    def parse(cls, text: str) -> Metrics:
        samples: dict[Series, float] = {}
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            head, _, value = line.rpartition(" ")
            name, brace, labels = head.partition("{")
            pairs = frozenset(_LABEL.findall(labels)) if brace else frozenset()
            samples[name, pairs] = float(value)
        return cls(samples)

    def sum(self, name: str, /, **labels: str) -> float:
        """The sum of all series of that name that have these labels."""
        wanted = set(labels.items())
        return sum(value for (each, pairs), value in self._samples.items() if each == name and wanted <= pairs)

    def delta(self, earlier: Metrics) -> Metrics:
        """What was added since an earlier scrape; meant for counters, `_sum` and `_count`."""
        before = earlier._samples
        changed = {
            series: value - before.get(series, 0.0)
            for series, value in self._samples.items()
            if value != before.get(series, 0.0)
        }
        return Metrics(changed)

    def names(self) -> set[str]:
        return {name for name, _ in self._samples}
