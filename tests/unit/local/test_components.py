from __future__ import annotations

from pathlib import Path

import pytest

from cotenant.local import Options, components
from cotenant.local.components import Layout, merged
from cotenant.local.eks import Cluster
from cotenant.local.kubeconfig import file_name
from cotenant.local.options import Options as Choices
from cotenant.local.places import cache, dev_directory

LAYOUT = Layout(Path("/p"))


def flags_of(options: Options) -> dict[str, str]:
    flags = components.apiserver(LAYOUT, options, 0, 6443, "unix:///p/etcd.sock")
    return dict(flag.partition("=")[::2] for flag in flags)


def test_nothing_listens_beyond_loopback():
    flags = [
        *components.apiserver(LAYOUT, Options(), 0, 1, "http://127.0.0.1:2"),
        *components.controllers(LAYOUT, Options(), 2),
        *components.scheduler(LAYOUT, Options(), 3),
    ]
    assert [flag for flag in flags if flag.startswith("--bind-address")] == ["--bind-address=127.0.0.1"] * 3


def test_the_audit_log_never_rotates_by_default():
    assert flags_of(Options())["--audit-log-maxsize"] == "0"
    assert "--audit-log-path" not in flags_of(Options(audit=False))


def test_an_aws_side_brings_its_webhooks_and_its_authorizer_after_rbac():
    flags = flags_of(Options(eks=Cluster()))
    assert "--authorization-mode" not in flags
    assert flags["--authorization-config"] == "/p/run/authorization.json"
    assert flags["--authentication-token-webhook-config-file"] == "/p/kubeconfig/eks-tokens.kubeconfig"
    assert flags["--authentication-token-webhook-cache-ttl"] == "10s"
    assert flags_of(Options())["--authorization-mode"] == "Node,RBAC"
    with pytest.raises(ValueError, match="brings its own"):
        Options(eks=Cluster(), authn_webhook=Path("/x"))


@pytest.mark.parametrize("wrong", [{"mode": "BOTH"}, {"account": "12345678901"}, {"name": "a b"}, {"accounts": ("1",)}])
def test_a_cluster_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).removesuffix("s")):
        Cluster(**wrong)


def test_services_have_room_for_long_runs():
    assert flags_of(Options())["--service-cluster-ip-range"] == "10.0.0.0/16"


def test_an_older_version_is_emulated_by_all_three():
    options = Options(emulated_version="1.34")
    for flags in (
        components.apiserver(LAYOUT, options, 0, 1, "x"),
        components.controllers(LAYOUT, options, 2),
        components.scheduler(LAYOUT, options, 3),
    ):
        assert "--emulated-version=kube=1.34" in flags


def test_a_version_that_cannot_be_emulated_is_refused_with_those_that_can():
    with pytest.raises(ValueError, match=r"1\.33, 1\.34, 1\.35, 1\.36"):
        Options(emulated_version="1.32")


def test_three_api_servers_are_refused():
    with pytest.raises(ValueError, match="one or two"):
        Choices(apiservers=3)


def test_sign_in_by_webhook_speaks_v1():
    flags = flags_of(Options(authn_webhook=Path("/w")))
    assert flags["--authentication-token-webhook-config-file"] == "/w"
    assert flags["--authentication-token-webhook-version"] == "v1"
    assert "--authentication-token-webhook-config-file" not in flags_of(Options())


def test_feature_gates_are_one_flag():
    assert flags_of(Options(feature_gates={"B": False, "A": True}))["--feature-gates"] == "A=true,B=false"


def test_extra_flags_replace_add_and_take_away():
    assert merged(["--a=1", "--b=2", "--c=3"], ["--b=9", "--d", "--a-"]) == ["--b=9", "--c=3", "--d"]


def test_a_long_path_has_no_socket():
    assert Layout(Path("/" + "x" * 95)).etcd_socket() is None
    assert LAYOUT.etcd_socket() == Path("/p/run/etcd.sock")


def test_kubeconfig_names_are_readable_and_do_not_collide():
    assert file_name("arn:aws:iam::1:role/x").startswith("arn-aws-iam-1-role-x-")
    assert len({file_name("a", "b"), file_name("a/b"), file_name("a-b"), file_name("a", "b", "c")}) == 4


def test_folders_follow_the_xdg_rules_and_survive_without_a_home():
    assert cache({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c/cotenant/controlplane")
    assert cache({"XDG_CACHE_HOME": "relative", "HOME": "/h"}) == Path("/h/.cache/cotenant/controlplane")
    assert dev_directory({"HOME": "/h"}) == Path("/h/.local/state/cotenant/dev")
    assert cache({}).is_absolute()
