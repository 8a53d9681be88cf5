"""What kubectl's words for a workload mean, and how many pods each kind wants."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli import Failure
from cotenant.cli.cluster.workloads import claimed, demanded, named, said

TEMPLATE = {"spec": {"containers": [{"name": "c"}]}}


def wanted(kind: str, *makers: Any, status: Any = None, **spec: Any) -> tuple[int, int]:
    """How many pods an object wants, and has."""
    item = {"kind": kind, "metadata": {"name": "w"}, "spec": {"template": TEMPLATE} | spec, "status": status or {}}
    found = demanded(item, list(makers))
    assert found.template == TEMPLATE["spec"]
    return found.wants, found.has


def job(active: int = 0, **spec: Any) -> dict[str, Any]:
    return {"kind": "Job", "metadata": {"name": "j"}, "spec": spec, "status": {"active": active}}


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("web", "Pod"),
        ("po/web", "Pod"),
        ("deploy/web", "Deployment"),
        ("deployment/web", "Deployment"),
        ("deployments.apps/web", "Deployment"),
        ("deployment.v1.apps/web", "Deployment"),
        ("Deployment/web", "Deployment"),
        ("rs/web", "ReplicaSet"),
        ("rc/web", "ReplicationController"),
        ("replicationcontrollers/web", "ReplicationController"),
        ("sts/web", "StatefulSet"),
        ("statefulsets/web", "StatefulSet"),
        ("ds/web", "DaemonSet"),
        ("job/web", "Job"),
        ("jobs.batch/web", "Job"),
        ("cj/web", "CronJob"),
        ("cronjobs.v1.batch/web", "CronJob"),
    ],
)
def test_a_workload_is_named_as_kubectl_names_it(word: str, kind: str) -> None:
    found, name = named(word)
    assert (found.kind, name) == (kind, "web")


@pytest.mark.parametrize("word", ["svc/web", "deploy/", "deployments.batch/web", "deployment.v1beta1.apps/web", "/web"])
def test_what_makes_no_pods_is_an_error_that_tells_what_does(word: str) -> None:
    with pytest.raises(
        Failure, match="name a pod, or one of deploy/NAME, rs/NAME, rc/NAME, sts/NAME, ds/NAME, job/NAME, cj/NAME"
    ):
        named(word)


def test_a_daemonset_wants_what_its_controller_counts() -> None:
    assert wanted("DaemonSet", status={"desiredNumberScheduled": 3, "currentNumberScheduled": 2}) == (3, 2)


def test_a_replication_controller_wants_its_replicas() -> None:
    assert wanted("ReplicationController", status={"replicas": 1}, replicas=4) == (4, 1)
    assert wanted("ReplicationController") == (1, 0)


def test_a_cronjob_wants_its_next_run_beside_what_runs() -> None:
    def cron(*makers: Any, **spec: Any) -> tuple[int, int]:
        run = {"parallelism": 2, "template": TEMPLATE}
        return wanted("CronJob", *makers, jobTemplate={"spec": run}, **spec)

    assert cron() == (2, 0)
    assert cron(job(active=1, parallelism=2)) == (4, 1)
    assert cron(job(active=1, parallelism=2), concurrencyPolicy="Forbid") == (2, 1)
    assert cron(suspend=True) == (0, 0)


def test_claims_that_are_there_are_those_of_ordinals_that_are_wanted() -> None:
    spec = {
        "replicas": 3,
        "ordinals": {"start": 1},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}],
    }
    found = demanded({"kind": "StatefulSet", "metadata": {"name": "db"}, "spec": spec}, [])
    assert claimed(found, {"data-db-0", "data-db-1", "data-db-3", "data-other-2"}) == 2


@pytest.mark.parametrize(
    "text",
    [
        'Error creating: pods "w-0" is forbidden: no',
        'create Pod w-0 in StatefulSet w failed error: pods "w-0" is forbidden: no',
        '(combined from similar events): create Claim d-w-0 for Pod w-0 in StatefulSet w failed error: pods "w-0" is forbidden: no',
    ],
)
def test_of_an_event_the_words_of_the_api_server_are_told(text: str) -> None:
    assert said(text) == 'pods "w-0" is forbidden: no'


@pytest.mark.parametrize("word", ["", ".", "..", "deploy/.", "deploy/.."])
def test_what_is_no_name_is_an_error_that_tells_the_ways(word: str) -> None:
    with pytest.raises(Failure, match="name a pod, or one of deploy/NAME"):
        named(word)


def test_claims_of_a_set_that_wants_any_number_of_pods_are_counted_at_once() -> None:
    template = {"metadata": {"name": "data"}}
    item = {
        "kind": "StatefulSet",
        "metadata": {"name": "w"},
        "spec": {"replicas": 2**31 - 1, "volumeClaimTemplates": [template]},
    }
    assert claimed(demanded(item, []), {"data-w-0", "data-w-7", "data-w-07", "data-w-x", "other-w-1"}) == 2
