"""Scaffolding without a cluster."""

import pytest
import yaml

from cotenant.cli import answer


def run(capsys, *arguments):
    code = answer(["create", *arguments], "cotenant")
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_tenant_is_printed_as_it_would_be_made(capsys):
    code, out, _ = run(
        capsys, "tenant", "backend", "--export", "--space", "dev", "--space", "build", "--limit", "4",
        "--profile", "standard", "--display-name", "Backend",
        "--member", "owner=group:devs", "--member", "viewer=user:bob@example.com",
        "--member", "editor=serviceaccount:ci/bot", "--member", "owner=iam-role:arn:aws:iam::123456789012:role/A",
    )  # fmt: skip
    assert code == 0
    assert yaml.safe_load(out) == {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "backend"},
        "spec": {
            "displayName": "Backend",
            "profile": "standard",
            "members": [
                {"role": "owner", "group": "devs"},
                {"role": "viewer", "user": "bob@example.com"},
                {"role": "editor", "serviceAccount": {"namespace": "ci", "name": "bot"}},
                {"role": "owner", "iamRole": "arn:aws:iam::123456789012:role/A"},
            ],
            "spaces": {"limit": 4, "declared": ["dev", "build"]},
        },
    }


def test_a_space_is_printed_for_a_tenant_or_a_home(capsys):
    by_tenant = run(capsys, "space", "dev", "--tenant", "backend", "--export")
    assert yaml.safe_load(by_tenant[1])["metadata"] == {"name": "dev", "namespace": "home-backend"}
    assert run(capsys, "space", "dev", "-n", "home-backend", "--export") == by_tenant


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tenant", "a", "--member", "owner"], "'owner'; write ROLE=KIND:NAME, such as owner=group:devs"),
        (["tenant", "a", "--member", "owner=gruop:x"], "gruop is no kind of member; did you mean group?"),
        (["tenant", "a", "--member", "owner=serviceaccount:x"], "write owner=serviceaccount:NAMESPACE/NAME"),
        (["tenant", "a", "--member", "owner=permission-set:x"], "write owner=permission-set:ACCOUNT/NAME"),
        (["tenant", "a", "--member", "owner=permission-set:1/x"], "an AWS account has 12 digits"),
        (["tenant", "kube-a"], "metadata.name: this name is reserved"),
        (["tenant", "A"], "metadata.name: the name of a tenant is made of a-z, 0-9 and -, without a dot"),
        (
            ["tenant", "a", "--limit", "1", "--space", "x", "--space", "y"],
            "spec.spaces.declared: more spaces are declared",
        ),
        (["tenant", "a", "--member", "owner=iam-role:nope"], "spec.members[0].iamRole: must be the ARN of an IAM role"),
        (["space", "dev"], "--export asks no cluster: say --tenant NAME, or -n home-NAME"),
        (["space", "Dev", "--tenant", "a"], "metadata.name: the name of a space is made of a-z, 0-9 and -"),
        (["space", "dev", "--tenant", "a", "-n", "home-b"], "--tenant and -n exclude each other"),
    ],
)
def test_a_wrong_wish_is_refused_before_any_cluster_is_asked(capsys, arguments, message):
    code, out, err = run(capsys, *arguments, "--export")
    assert (code, out) == (2, "")
    assert message in err


def test_a_permission_set_is_a_member_by_account_and_name(capsys):
    _, out, _ = run(capsys, "tenant", "a", "--member", "owner=permission-set:012345678901/Team", "--export")
    [one] = yaml.safe_load(out)["spec"]["members"]
    assert one == {"role": "owner", "permissionSet": {"name": "Team", "account": "012345678901"}}
