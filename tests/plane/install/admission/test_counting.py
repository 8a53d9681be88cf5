"""What is observed is counted: by the audit log, and the queries that the page gives for it, and by the API server's counters."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections import Counter

import pytest

from cotenant.model.trail import Break, tally
from docs.page import ROOT, blocks
from plane.install.admission.place import image, passes, pod, refused
from plane.install.admission.test_modes import ELSEWHERE, softened

pytestmark = pytest.mark.cluster
PAGE = ROOT / "docs" / "how-to" / "tighten-rules.md"
TENANT = "acme"
RULES = {"COTENANT-POD-8": "observe", "COTENANT-POD-10": "warn"}


@pytest.fixture(scope="module")
async def log(make_place, control_plane, admin):
    """What the API server wrote of six requests in a space where one rule observes, one warns and the others refuse."""
    place = await softened(make_place, "counting", rules=RULES)
    mark = control_plane.audit_mark()
    before = await counters(admin)
    foreign = image("docker.io/x")
    for number in range(3):
        passes(await place.ask("pods", named(f"o{number}", containers=foreign), dry=False))
    passes(await place.ask("pods", named("w", schedulerName="mine"), dry=False))
    refused(
        await place.ask("pods", named("e", nodeSelector=ELSEWHERE, containers=foreign), dry=False), "COTENANT-POD-4"
    )
    passes(await place.ask("pods", pod(containers=foreign)))  # a dry run is no request
    lines = await asyncio.to_thread(written, control_plane, mark)
    return lines, before, await counters(admin)


def named(name: str, **spec):
    return pod(**spec) | {"metadata": {"name": name}}


def written(plane, mark) -> list[bytes]:
    """The lines of the audit log since the mark, of every API server."""
    plane.audit_mark()  # what was answered before is in the log then
    found = []
    for path, start in zip(plane.audit_logs(), mark.offsets, strict=True):
        with path.open("rb") as log:
            log.seek(start)
            found += log.read().splitlines()
    return found


async def counters(admin) -> Counter[tuple[str, str]]:
    """By binding and action, out of the API server's metrics."""
    status, text = await admin.raw("GET", "/metrics", accept="text/plain")
    assert status == 200
    found: Counter[tuple[str, str]] = Counter()
    for line in text.decode().splitlines():
        if line.startswith("apiserver_validating_admission_policy_check_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            found[labels["policy_binding"], labels["enforcement_action"]] += float(line.rsplit(" ", 1)[1])
    return found


def test_the_audit_log_is_counted_by_tenant_rule_and_outcome(log):
    lines, *_ = log
    found = tally(line for line in lines if b'"counting"' in line)

    assert found.unread == 0
    assert found.counts == {
        Break(TENANT, "dev", "COTENANT-POD-8", "observed"): 4,
        Break(TENANT, "dev", "COTENANT-POD-10", "warned"): 1,
        Break(TENANT, "dev", "COTENANT-POD-4", "refused"): 1,
    }


def test_so_do_the_queries_of_the_page(log, tmp_path):
    lines = [line.decode() for line in log[0] if b'"counting"' in line]
    (query,) = (body for _, body in blocks(PAGE, "insights"))
    found: Counter[tuple[str, ...]] = Counter()
    patterns = [
        re.compile(one.replace("(?<", "(?P<")) for one in re.findall(r"^\| parse @message /(.*)/$", query, re.MULTILINE)
    ]
    assert len(patterns) == 3
    for line in lines:
        values = {name: text for one in patterns if (hit := one.search(line)) for name, text in hit.groupdict().items()}
        shown = "rule" in values and ("mode" in values or '"code":403' in line)
        if shown and '"stage":"ResponseComplete"' in line and "dryRun=" not in line:
            found[values["tenant"], values["rule"], values["mode"]] += 1
    assert found[TENANT, "COTENANT-POD-8", "observe"] == 3
    assert found[TENANT, "COTENANT-POD-10", "warn"] == 1
    # Of two bindings that speak: both, in one value.
    assert sum(times for (_, rule, _), times in found.items() if "COTENANT-POD-4" in rule) == 1

    if shutil.which("jq"):
        (tmp_path / "audit.log").write_text("\n".join(lines))
        (script,) = (body for _, body in blocks(PAGE, "sh") if body.startswith("jq "))
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        rows = [line.split(None, 1) for line in done.stdout.splitlines()]
        counted = {tuple(row.split("\t")): int(times) for times, row in rows}
        assert counted == found


def test_the_api_servers_counters_have_the_labels_that_the_page_asks_for(log):
    _, before, after = log
    more = after - before
    assert more["cotenant-pods-observe", "audit"] >= 4
    assert more["cotenant-pods-warn", "audit"] >= 1
    assert more["cotenant-pods-warn", "warn"] >= 1
    assert more["cotenant-pods", "deny"] >= 1
    for _, query in blocks(PAGE, "promql"):
        matchers = dict(re.findall(r'(\w+)=~?"([^"]*)"', query))
        assert any(
            re.fullmatch(matchers.get("policy_binding", ".*"), binding) and action == matchers["enforcement_action"]
            for binding, action in more
        ), json.dumps(matchers)
