"""The way of a rule from observe to enforce, and the way round all of them for half an hour."""

from __future__ import annotations

import json

import pytest

from plane.cli.program import cotenant, expect
from vocabulary import eventually, expect_denied, given_tenant

pytestmark = pytest.mark.cluster


def condition(team, name: str) -> tuple[str, str]:
    found = team.tenant()["status"]["conditions"]
    return next((one["status"], f"{one['reason']}: {one['message']}") for one in found if one["type"] == name)


def test_what_runs_today_is_known_before_a_rule_refuses_it(cluster, manifest):
    team = given_tenant(
        cluster, "tighten", spaces=["dev"], pods={"registries": ["registry.example.com/"]}, enforcement="warn"
    )
    place = team.namespace("dev")
    admin = cluster.admin
    made = admin.kubectl("create", "deployment", "web", "--image=docker.io/nginx", "-n", place)
    assert made.ok, str(made)
    assert "Warning: " in made.err
    assert "COTENANT-POD-8: image docker.io/nginx" in made.err
    assert (
        "COTENANT" not in admin.kubectl("create", "deployment", "ok", "--image=registry.example.com/x", "-n", place).err
    )
    assert condition(team, "PolicyEnforced")[1].startswith("NotRefused: enforcement: warn")

    said = cotenant(admin, "policies", "check", str(team), "-o", "json")
    found = json.loads(expect(said, 1))
    assert [(one["kind"], one["name"], one["rule"]) for one in found["refused"]] == [
        ("Deployment", "web", "COTENANT-POD-8")
    ]
    assert found["unasked"] == []
    text = expect(cotenant(admin, "policies", "check", str(team)), 1)
    assert [line.split()[:4] for line in text.splitlines()[1:]] == [[place, "Deployment", "web", "COTENANT-POD-8"]]

    wish = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": str(team)}}
    kept = {key: value for key, value in team.tenant()["spec"].items() if key != "enforcement"}
    planned = expect(cotenant(admin, "plan", "-f", manifest(json.dumps(wish | {"spec": kept}))), 1)
    assert f"! would be refused: Deployment {place}/web: COTENANT-POD-8: image docker.io/nginx" in planned
    looser = expect(
        cotenant(admin, "plan", "-f", manifest(json.dumps(wish | {"spec": kept | {"enforcement": "observe"}}))), 1
    )
    assert "would be refused: Deployment" not in looser

    merge = json.dumps({"spec": {"enforcement": "enforce"}})
    admin.kubectl("patch", "tenant", str(team), "--type=merge", "-p", merge)
    eventually(lambda: condition(team, "PolicyEnforced")[0] == "True")
    more = ("create", "deployment", "more", "--image=docker.io/nginx", "--dry-run=server", "-n", place)
    expect_denied(lambda: admin.kubectl(*more), by="policy", saying="COTENANT-POD-8")
    eventually(lambda: cluster.names("SpacePolicy", place) == {"policy"})


def test_the_glass_is_broken_with_a_reason_seen_by_everybody_and_mended(cluster):
    team = given_tenant(cluster, "glass", spaces=["dev"], pods={"registries": ["registry.example.com/"]})
    place, admin = team.namespace("dev"), cluster.admin
    wanted = ("create", "deployment", "web", "--image=docker.io/nginx", "-n", place, "--dry-run=server")
    assert not admin.kubectl(*wanted).ok

    said = cotenant(admin, "breakglass", "--for", "30m", "--reason", "registry down")
    try:
        expect(said, 0, "broken until ", "cotenant-workloads", "7 policies")
        eventually(lambda: admin.kubectl(*wanted).ok)
        assert "registry down" in cotenant(admin, "doctor").text
        assert "warning: 7 policies only audit until" in cotenant(admin, "verify", str(team), "--static").err
        eventually(
            lambda: condition(team, "PolicyEnforced")[1].startswith("GlassBroken: 7 policies only audit until"), 90
        )
    finally:
        expect(cotenant(admin, "breakglass", "--end"), 0, "whole again")
    eventually(lambda: not admin.kubectl(*wanted).ok)
    assert "registry down" not in cotenant(admin, "doctor").text
    eventually(lambda: condition(team, "PolicyEnforced")[0] == "True", 30)


def test_without_the_right_to_it_nobody_breaks_anything(cluster, nobody):
    expect(cotenant(nobody, "breakglass", "--for", "30m", "--reason", "fun"), 2, "forbidden")
