from __future__ import annotations

import pytest

from cotenant.kube import resource as kinds
from cotenant.kube.resource import Resource, resource_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (kinds.NAMESPACES.path(), "/api/v1/namespaces"),
        (kinds.NAMESPACES.path(name="a"), "/api/v1/namespaces/a"),
        (kinds.NAMESPACES.path("ignored", "a"), "/api/v1/namespaces/a"),
        (kinds.PODS.path(), "/api/v1/pods"),
        (kinds.PODS.path("n", "p", "log"), "/api/v1/namespaces/n/pods/p/log"),
        (kinds.SPACES.path("home-a", "dev"), "/apis/cotenant.dev/v1alpha1/namespaces/home-a/spaces/dev"),
        (
            kinds.CLUSTER_ROLES.path(name="cotenant:home-owner"),
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/cotenant:home-owner",
        ),
    ],
)
def test_a_path_is_the_one_of_the_api(path: str, expected: str) -> None:
    assert expected == path


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_cannot_climb_out_of_its_path(name: str) -> None:
    with pytest.raises(ValueError, match="no object name"):
        kinds.NAMESPACES.path(name=name)


def test_a_slash_in_a_name_stays_inside_its_segment() -> None:
    assert kinds.NAMESPACES.path(name="../secrets") == "/api/v1/namespaces/..%2Fsecrets"


def test_an_object_of_a_namespaced_kind_needs_its_namespace() -> None:
    with pytest.raises(ValueError, match="needs a namespace"):
        kinds.PODS.path(name="p")


def test_a_manifest_names_its_resource() -> None:
    assert resource_of({"apiVersion": "apps/v1", "kind": "Deployment"}) is kinds.DEPLOYMENTS
    assert resource_of({"apiVersion": "v1", "kind": "Namespace"}) is kinds.NAMESPACES
    with pytest.raises(KeyError):
        resource_of({"apiVersion": "v2", "kind": "Namespace"})


def test_no_two_constants_are_the_same_kind() -> None:
    assert len(kinds.BY_KIND) == len(kinds.ALL)
    assert all(isinstance(each, Resource) for each in kinds.ALL)


def test_a_resource_reads_like_kubectl_writes_it() -> None:
    assert str(kinds.DEPLOYMENTS) == "deployments.apps"
    assert str(kinds.PODS) == "pods"
