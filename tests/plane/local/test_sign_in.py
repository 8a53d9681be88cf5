"""IAM identities sign in with the tools that everybody has: `aws`, its exec plugin, and kubectl, all of them real."""

from __future__ import annotations

import http.client
import json
import resource
import ssl
import time
from uuid import uuid4

import pytest

from cotenant.local import LocalControlPlane
from cotenant.local.eks import Cluster
from cotenant.local.eks.accesspolicies import ARN
from cotenant.local.wire import Wire, strict_context
from plane.local.person import Person
from unit.local.eks.iam import ACCOUNT, CLUSTER, allow
from vocabulary import eventually

pytestmark = pytest.mark.cluster

UNAUTHORIZED = "You must be logged in to the server"
CACHE = 10.0
"""Seconds for which the API server remembers who a token is, and what a webhook allowed."""


def test_the_administrator_is_the_clusters_creator_and_may_do_everything(person):
    admin = person()
    said = admin.sets_up_kubectl()
    arn = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}"
    assert said == f"Added new context {arn} to {admin.home / 'config'}\n"
    assert admin.sets_up_kubectl() == f"Updated context {arn} in {admin.home / 'config'}\n"
    assert admin.who() == (f"arn:aws:iam::{ACCOUNT}:user/admin", [])
    assert admin.kubectl("auth", "can-i", "*", "*").stdout == "yes\n"
    assert "node/node-1" in admin.kubectl("get", "nodes", "-o", "name").stdout


def test_a_session_of_a_role_with_a_path_has_the_name_and_groups_of_its_entry(cloud, person):
    role = cloud.role(path="/cotenant/dev/")
    cloud.entry(role, username="team-a:{{SessionName}}", kubernetesGroups=["team-a", "readers"])
    member = person(cloud.session(role, "ann@example.com"))
    admin = person(name="admin")
    admin.sets_up_kubectl()  # the role has no permission in IAM: the kubeconfig is handed over
    member.env["KUBECONFIG"] = str(admin.home / "config")
    assert member.who() == ("team-a:ann-example.com", ["readers", "team-a"])
    refusal = member.kubectl("get", "pods").stderr
    assert (
        'User "team-a:ann-example.com" cannot list resource "pods" in API group "" in the namespace "default"'
        in refusal
    )


def test_kubectl_assumes_the_role_itself_when_the_kubeconfig_names_it(cloud, person):
    role = cloud.role()
    cloud.entry(role)
    _, key = cloud.user(allow("eks:DescribeCluster"), allow("sts:AssumeRole", resource=role))
    member = person(key)
    member.sets_up_kubectl("--role-arn", role)
    name = role.rpartition("/")[2]
    assert member.who() == (f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/EKSGetTokenAuth", [])


def test_nobody_gets_in_before_a_mapping_and_aws_auth_gives_one_and_the_entry_then_wins(cloud, person, aws_auth):
    arn, key = cloud.user(allow("eks:DescribeCluster"))
    member = person(key)
    member.sets_up_kubectl()
    assert UNAUTHORIZED in member.who()
    aws_auth(mapUsers=f"- userarn: {arn}\n  username: test-benzema-mto\n  groups: [iam-devteam]\n")
    eventually(lambda: member.who() == ("test-benzema-mto", ["iam-devteam"]))
    cloud.entry(arn, username="by-entry", kubernetesGroups=["entry"])
    # A token of the same second is the same token, and the API server remembers what it meant.
    eventually(lambda: member.who() == ("by-entry", ["entry"]), within=15)


def test_one_error_in_aws_auth_locks_out_every_role_and_is_told_in_the_log(cloud, person, aws_auth, control_plane_eks):
    role = cloud.role()
    member = person(cloud.session(role))
    person(name="admin").sets_up_kubectl("--kubeconfig", member.env["KUBECONFIG"])
    good = f"- rolearn: {role}\n  username: fine\n"
    aws_auth(mapRoles=good)
    eventually(lambda: member.who() == ("fine", []))
    aws_auth(mapRoles=f"{good}\n - broken: [\n")
    eventually(lambda: UNAUTHORIZED in member.who())
    assert "mapRoles is no YAML and dropped whole" in control_plane_eks.logs("eks", 200)


def test_a_role_made_again_is_shut_out_by_its_own_entry(cloud, person):
    role = cloud.role()
    cloud.entry(role, kubernetesGroups=["team"])
    admin = person(name="admin")
    admin.sets_up_kubectl()
    before, after = person(cloud.session(role), "before"), None
    before.env["KUBECONFIG"] = str(admin.home / "config")
    assert before.who()[1] == ["team"]
    cloud.iam.delete_role(RoleName=role.rpartition("/")[2])
    # Two tokens of one second are the same text, and the API server remembers what it was told of it.
    eventually(lambda: UNAUTHORIZED in before.who(), within=CACHE + 5)
    assert cloud.role(name=role.rpartition("/")[2]) == role
    after = person(cloud.session(role), "after")
    after.env["KUBECONFIG"] = str(admin.home / "config")
    assert UNAUTHORIZED in after.who()
    described = admin.aws("eks", "describe-access-entry", "--cluster-name", CLUSTER, "--principal-arn", role)
    assert described["accessEntry"]["kubernetesGroups"] == ["team"]
    cloud.eks.delete_access_entry(clusterName=CLUSTER, principalArn=role)
    cloud.entry(role, kubernetesGroups=["team"])
    eventually(lambda: after.who()[1] == ["team"], within=CACHE + 5)


def test_a_deleted_entry_keeps_a_token_alive_for_the_cache_of_the_api_server_and_no_longer(cloud, person):
    arn, key = cloud.user(allow("eks:DescribeCluster"))
    cloud.entry(arn, username="short")
    wire = wire_of(cloud.plane, person(key).token())
    began = time.monotonic()
    assert wire.request("GET", "/api")[0] == 200
    cloud.eks.delete_access_entry(clusterName=CLUSTER, principalArn=arn)
    eventually(lambda: wire.request("GET", "/api")[0] == 401, within=CACHE + 5)
    assert time.monotonic() - began > CACHE - 1
    wire.close()


def test_a_token_for_another_cluster_and_one_that_was_changed_open_nothing(cloud, person):
    admin = person()
    for token in (admin.token("other"), admin.token()[:-6] + "AAAAAA", "k8s-aws-v1.", "nonsense"):
        wire = wire_of(cloud.plane, token)
        assert wire.request("GET", "/api")[0] == 401
        wire.close()


def test_access_policies_give_rights_that_rbac_does_not_know_and_impersonation_does_not_see(cloud, person):
    space = f"space-{uuid4().hex[:6]}"
    cloud.plane.wire().expect("POST", "/api/v1/namespaces", {"metadata": {"name": space}})
    arn, key = cloud.user(allow("eks:DescribeCluster"))
    cloud.entry(arn, username="viewer")
    member, admin = person(key), person(name="admin")
    member.sets_up_kubectl()
    admin.sets_up_kubectl()
    assert member.kubectl("auth", "can-i", "list", "pods", "-n", space).stdout == "no\n"
    cloud.policy(arn, "AmazonEKSViewPolicy", f"{space[:-3]}*")
    eventually(lambda: member.kubectl("get", "pods", "-n", space).returncode == 0, within=CACHE + 5)
    # kubectl asks for any version: another entry of the authorizer's cache.
    eventually(lambda: member.kubectl("auth", "can-i", "list", "pods", "-n", space).stdout == "yes\n", within=CACHE + 5)
    assert member.kubectl("get", "namespace", space).returncode == 0
    for refused in (("get", "pods", "-n", "default"), ("get", "secrets", "-n", space), ("get", "namespaces")):
        assert "Forbidden" in member.kubectl(*refused).stderr
    asked = ("auth", "can-i", "list", "pods", "-n", space, "--as", "viewer")
    assert admin.kubectl(*asked).stdout == "no\n"


def test_an_admin_by_access_policy_cannot_hand_on_rights_that_rbac_does_not_give_him(cloud, person):
    arn, key = cloud.user(allow("eks:DescribeCluster"))
    cloud.entry(arn)
    cloud.policy(arn, "AmazonEKSAdminPolicy", "default")
    member = person(key)
    member.sets_up_kubectl()
    assert member.kubectl("create", "configmap", f"c{uuid4().hex[:6]}").returncode == 0
    made = member.kubectl("create", "role", f"r{uuid4().hex[:6]}", "--verb=get", "--resource=pods")
    assert "attempting to grant RBAC permissions not currently held" in made.stderr


def test_a_sign_in_costs_one_call_in_ten_seconds(cloud, person):
    """Of a token: kubectl asks its plugin for a new one with every process, a client that stays keeps its own."""
    arn, key = cloud.user()
    cloud.entry(arn)
    cloud.policy(arn, "AmazonEKSViewPolicy")
    wire = wire_of(cloud.plane, person(key).token())
    mark, began = cloud.plane.aws.mark(), time.monotonic()
    while time.monotonic() - began < 12:
        for _ in range(20):
            assert wire.request("GET", "/api/v1/namespaces/default/pods?limit=1")[0] == 200
        time.sleep(0.5)
    seconds = time.monotonic() - began
    wire.close()
    # An operator of other tests may ask AWS meanwhile, in its own name.
    calls = [call.operation for call in cloud.plane.aws.calls(mark) if call.caller in ("", arn)]
    allowed = 1 + int(seconds // CACHE)
    for operation in ("TokenReview", "GetCallerIdentity", "SubjectAccessReview"):
        assert 1 <= calls.count(operation) <= allowed, calls
    assert set(calls) == {"TokenReview", "GetCallerIdentity", "SubjectAccessReview"}


def test_who_did_not_sign_in_by_iam_costs_no_call(control_plane_eks, person):
    mark = control_plane_eks.aws.mark()
    stranger = {"KUBECONFIG": str(control_plane_eks.user("ann", ["team"]))}
    assert "Forbidden" in person().kubectl("get", "pods", **stranger).stderr
    robot = {"KUBECONFIG": str(control_plane_eks.service_account("default", "robot", create=True))}
    assert "Forbidden" in person().kubectl("get", "pods", **robot).stderr
    assert [call for call in control_plane_eks.aws.calls(mark) if call.service == "kubernetes"] == []


def test_from_get_token_to_the_first_answer_takes_less_than_a_second_and_a_half(person):
    """In seconds of processor time, of kubectl, its plugin and `aws` together: the clock on the wall depends on who else runs."""
    admin = person()
    admin.sets_up_kubectl()
    assert admin.kubectl("get", "nodes").returncode == 0
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert admin.kubectl("get", "nodes", "-o", "name").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 1.5, spent


def test_throttling_by_sts_is_waited_for_and_not_taken_for_a_stranger(cloud, person):
    wire = wire_of(cloud.plane, person().token())
    cloud.plane.aws.fail("GetCallerIdentity", "Throttling", "Rate exceeded", times=2)
    assert wire.request("GET", "/api")[0] == 200
    wire.close()


def test_the_webhooks_answer_nobody_but_the_api_server(control_plane_eks):
    order = json.loads((control_plane_eks.directory / "run" / "eks.json").read_text())
    context = strict_context(control_plane_eks.ca_file)
    connection = http.client.HTTPSConnection("127.0.0.1", order["webhook_port"], context=context, timeout=60)

    def ask():
        # TLS 1.3 tells a client without certificate only when it reads.
        connection.request("POST", "/authenticate", "{}")
        return connection.getresponse()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask()
    connection.close()


def test_the_whole_life_of_an_entry_by_the_command_line(cloud, person):
    role, admin = cloud.role(path="/team/"), person()
    on = ("--cluster-name", CLUSTER, "--principal-arn", role)
    made = admin.aws(
        "eks", "create-access-entry", *on, "--kubernetes-groups", "a", "b", "--tags", "managed-by=cotenant"
    )
    assert made["accessEntry"]["kubernetesGroups"] == ["a", "b"]
    again = admin.run("aws", "eks", "create-access-entry", *on)
    assert "The specified access entry resource is already in use on this cluster." in again.stderr
    changed = admin.aws("eks", "update-access-entry", *on, "--kubernetes-groups", "c")
    assert changed["accessEntry"]["kubernetesGroups"] == ["c"]
    policy = ("--policy-arn", f"{ARN}AmazonEKSViewPolicy")
    admin.aws("eks", "associate-access-policy", *on, *policy, "--access-scope", "type=namespace,namespaces=a,b")
    listed = admin.aws("eks", "list-associated-access-policies", *on)["associatedAccessPolicies"]
    assert [each["accessScope"]["namespaces"] for each in listed] == [["a", "b"]]
    admin.aws("eks", "disassociate-access-policy", *on, *policy)
    assert role in admin.aws("eks", "list-access-entries", "--cluster-name", CLUSTER)["accessEntries"]
    admin.aws("eks", "delete-access-entry", *on)
    gone = admin.run("aws", "eks", "describe-access-entry", *on)
    assert "ResourceNotFoundException" in gone.stderr and "could not be found" in gone.stderr


def wire_of(plane, token):
    return Wire(plane.url, strict_context(plane.ca_file), token=token)


def test_a_cluster_of_the_old_mode_has_a_hidden_administrator_on_both_servers_and_after_a_restart(tmp_path):
    old = Cluster(name="shop", mode="CONFIG_MAP", account="999988887777", region="eu-west-1")
    for life in ("first", "second"):
        with LocalControlPlane(
            directory=tmp_path / "kept", eks=old, apiservers=2, nodes=0, progress=lambda _: None
        ) as plane:
            admin = Person(plane, tmp_path / life)
            admin.aws("eks", "update-kubeconfig", "--name", "shop")
            assert admin.who() == ("kubernetes-admin", ["system:masters"])
            token = admin.token("shop")
            for url in plane.urls:
                wire = Wire(url, strict_context(plane.ca_file), token=token)
                assert wire.request("GET", "/api/v1/nodes")[0] == 200
                wire.close()
            refused = admin.run("aws", "eks", "list-access-entries", "--cluster-name", "shop")
            assert "must be set to one of [API, API_AND_CONFIG_MAP]" in refused.stderr
