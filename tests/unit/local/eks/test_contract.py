"""Every operation, asked through boto3 and held against botocore's model: requests are read by it, answers written by it."""

from __future__ import annotations

import json
import urllib.request
from urllib.error import HTTPError

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from cotenant.local.eks import accesspolicies
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.message import Request
from cotenant.local.eks.model import Model
from unit.local.eks.iam import ACCOUNT, CLUSTER, given_entry, given_role

VIEW = f"{accesspolicies.ARN}AmazonEKSViewPolicy"
SCOPE = {"type": "namespace", "namespaces": ["a"]}


@pytest.fixture
def answers(aws):
    """Raw bodies of EKS' answers, by operation, held against the output shape."""
    client, found = aws.client("eks"), {}

    def hold(parsed, model, **_):
        if "Error" not in parsed:
            body = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
            report = ParamValidator().validate(body, model.output_shape)
            assert not report.has_errors(), report.generate_report()
            found[model.name] = body

    client.meta.events.register("after-call.eks", hold)
    return client, found


def test_every_operation_that_is_there_answers_what_the_model_promises(aws, answers):
    eks, found = answers
    arn = given_role(aws)
    on = {"clusterName": CLUSTER}
    whose = {**on, "principalArn": arn}
    eks.list_clusters()
    eks.describe_cluster(name=CLUSTER)
    eks.describe_cluster_versions()
    eks.list_nodegroups(**on)
    eks.list_fargate_profiles(**on)
    eks.list_access_policies()
    entry = eks.create_access_entry(**whose, kubernetesGroups=["g"], tags={"a": "b"}, username="x:{{SessionName}}")
    eks.describe_access_entry(**whose)
    eks.update_access_entry(**whose, kubernetesGroups=["h"], username="y:{{SessionName}}")
    eks.list_access_entries(**on)
    eks.associate_access_policy(**whose, policyArn=VIEW, accessScope=SCOPE)
    eks.list_associated_access_policies(**whose)
    eks.disassociate_access_policy(**whose, policyArn=VIEW)
    resource = entry["accessEntry"]["accessEntryArn"]
    eks.tag_resource(resourceArn=resource, tags={"c": "d"})
    assert eks.list_tags_for_resource(resourceArn=resource)["tags"] == {"a": "b", "c": "d"}
    eks.untag_resource(resourceArn=resource, tagKeys=["a"])
    eks.delete_access_entry(**whose)
    made = eks.create_pod_identity_association(**on, namespace="n", serviceAccount="s", roleArn=arn)["association"]
    one = {**on, "associationId": made["associationId"]}
    eks.describe_pod_identity_association(**one)
    eks.update_pod_identity_association(**one, disableSessionTags=True)
    assert "roleArn" not in eks.list_pod_identity_associations(**on, namespace="n")["associations"][0]
    eks.delete_pod_identity_association(**one)
    served = {call.operation for call in aws.calls if call.service == "eks"}
    assert found.keys() == served
    # Whoever adds an operation adds it here.
    service = type(aws.front.service)
    public = {name for name in vars(service) if not name.startswith("_")} - {"run", "creator"}
    model = Model("eks")
    later = {"UpdateClusterConfig", "DescribeUpdate"}  # test_signin.py: there is no way back from a change of mode
    assert {model.method(name) for name in served | later} == public


def test_an_answer_outside_the_model_is_a_fault_and_not_an_answer():
    model = Model("eks")
    operation, _ = model.operation(Request("GET", f"/clusters/{CLUSTER}"))
    assert operation.name == "DescribeCluster"
    for wrong in ({"cluster": {"nam": "x"}}, {"cluster": {"name": 1}}, {"cluster": {"status": "FINE"}}):
        with pytest.raises(AssertionError, match="DescribeCluster"):
            model.write(operation, wrong)


def test_a_request_outside_the_model_is_refused_with_what_is_wrong(aws):
    arn = given_role(aws)
    eks, model = aws.client("eks"), Model("eks")
    for wrong, saying in (
        ({"kubernetesGroups": "g", "principalArn": arn}, "kubernetesGroups"),
        ({"username": 1, "principalArn": arn}, "username"),
        ({}, "principalArn"),
        ([], "no JSON object"),
    ):
        request = Request("POST", f"/clusters/{CLUSTER}/access-entries", body=json.dumps(wrong).encode())
        operation, path = model.operation(request)
        with pytest.raises(AwsError, match=saying):
            model.read(operation, path, request)
    given_entry(aws, arn)
    with pytest.raises(ClientError, match=r"InvalidParameterException.*none of cluster, namespace"):
        eks.associate_access_policy(
            clusterName=CLUSTER, principalArn=arn, policyArn=VIEW, accessScope={"type": "everywhere"}
        )


def test_an_operation_that_is_not_there_says_so_and_not_that_nothing_was_found(aws):
    with pytest.raises(ClientError, match=r"InvalidRequestException.*ListAddons is not part of the local EKS"):
        aws.client("eks").list_addons(clusterName=CLUSTER)
    for call in (aws.client("sns").list_topics, aws.client("logs").describe_log_groups):
        with pytest.raises(ClientError, match="not part of the local endpoint; it has eks, eks-auth, iam and sts"):
            call()


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lists_come_in_pages(aws, size):
    for _ in range(3):
        given_entry(aws, given_role(aws))
    eks = aws.client("eks")
    pages = list(
        eks.get_paginator("list_access_entries").paginate(clusterName=CLUSTER, PaginationConfig={"PageSize": size})
    )
    assert all(len(page["accessEntries"]) <= size for page in pages)
    arns = [arn for page in pages for arn in page["accessEntries"]]
    assert len(arns) == len(set(arns)) >= 4
    with pytest.raises(ClientError, match="InvalidParameterException"):
        eks.list_access_entries(clusterName=CLUSTER, nextToken="bm8=")


def test_the_region_and_the_name_of_the_cluster_must_be_right(aws):
    for eks, name in ((aws.client("eks"), "other"), (aws.client("eks", region_name="eu-west-1"), CLUSTER)):
        with pytest.raises(ClientError, match=f"ResourceNotFoundException.*No cluster found for name: {name}"):
            eks.describe_cluster(name=name)


def test_faults_and_delays_can_be_ordered_also_from_outside(aws):
    wish = json.dumps({"operation": "ListAccessPolicies", "code": "ThrottlingException", "status": 429}).encode()
    request = urllib.request.Request(f"{aws.url}/cotenant/faults", wish, {"Content-Type": "application/json"})
    urllib.request.urlopen(request).close()
    with pytest.raises(HTTPError) as as_a_web_page_could:
        urllib.request.urlopen(f"{aws.url}/cotenant/faults", wish)
    assert as_a_web_page_could.value.code == 403
    as_a_web_page_could.value.close()
    eks = aws.client("eks", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError, match="ThrottlingException"):
        eks.list_access_policies()
    assert eks.list_access_policies()["accessPolicies"]


def test_nobody_from_another_machine_can_reach_it(aws):
    assert aws._listener._server.socket.getsockname()[0] == "127.0.0.1"


def test_boto3_gets_over_throttling_by_itself(aws):
    aws.fail("ListAccessPolicies", "ThrottlingException", times=2)
    assert aws.client("eks").list_access_policies()["accessPolicies"]
    assert [call.status for call in aws.calls] == [429, 429, 200]


def test_the_journal_says_who_did_what(aws):
    arn = given_role(aws)
    aws.calls.clear()
    given_entry(aws, arn)
    with pytest.raises(ClientError):
        given_entry(aws, arn)
    first, second = aws.calls
    assert (first.service, first.operation, first.status, first.error) == ("eks", "CreateAccessEntry", 200, "")
    assert first.caller == f"arn:aws:iam::{ACCOUNT}:user/admin"
    assert (second.status, second.error) == (409, "ResourceInUseException")
