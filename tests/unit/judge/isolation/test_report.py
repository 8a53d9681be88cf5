from __future__ import annotations

import json

from cotenant.judge.isolation import table
from cotenant.judge.isolation.pairs import choose
from cotenant.judge.isolation.parties import Lax
from cotenant.judge.isolation.report import KEPT, Tally, shared
from cotenant.judge.isolation.request import request
from cotenant.judge.isolation.verdict import Answer, judge
from cotenant.kube import resource
from unit.judge.isolation.samples import BLUE, NOWHERE, RED, attempt, blue, red, refusal

BINDING = 'RBAC: allowed by RoleBinding "x/blue-dev" of ClusterRole "view" to Group "reds"'


def tally(*parties) -> Tally:
    found = parties or (red(), blue())
    return Tally(found, choose((one.name for one in found), 1))


def add(to: Tally, one, answer: Answer, decider: str = "") -> None:
    to.add(one, judge(one, answer), answer, request(one, NOWHERE), NOWHERE, decider)


def works(to: Tally) -> None:
    for name, who in (("red", RED), ("blue", BLUE)):
        control = attempt("get", claim="control", target=name, namespace=f"{name}-dev", who=who)
        control = type(control)("control", name, name, who, control.action)
        add(to, control, Answer(404, "not found"))


def report(of: Tally):
    return of.report(mode="live", kubernetes="v1.36.4", cluster="https://c", time="now")


def cell(of, source: str, target: str):
    return next(one for one in of.cells if (one.source, one.target) == (source, target))


def test_everything_refused_and_everybody_at_work_is_a_proof():
    to = tally()
    works(to)
    add(to, attempt(), refusal(attempt()))
    found = report(to)
    assert (found.verdict, found.exit_code, found.checks) == ("PROVEN", 0, 3)
    assert found.counts == {"ALLOWED-EXPECTED": 2, "DENIED by RBAC": 1}
    assert 'cannot list resource "secrets"' in cell(found, "red", "blue").sample.answer


def test_one_hole_breaks_its_pair_and_the_whole():
    to = tally()
    works(to)
    add(to, attempt(), Answer(200), BINDING)
    found = report(to)
    assert (found.verdict, found.exit_code) == ("BROKEN", 1)
    assert cell(found, "blue", "red").state == "PROVEN"
    (evidence,) = cell(found, "red", "blue").failures
    assert (evidence.decider, evidence.member, evidence.status) == (BINDING, "group reds", 200)


def test_a_member_that_can_do_nothing_at_home_is_not_proven_isolated():
    to = tally()
    add(to, attempt(), refusal(attempt()))
    found = report(to)
    assert (found.verdict, found.exit_code) == ("INCOMPLETE", 3)
    assert cell(found, "red", "blue").state == "INCOMPLETE"


def test_one_right_missing_at_home_is_enough_to_be_incomplete():
    to = tally()
    works(to)
    control = attempt("get", claim="control", target="red", namespace="red-dev")
    add(to, control, refusal(control))
    assert report(to).verdict == "INCOMPLETE"


def test_a_hole_is_worse_than_a_gap():
    to = tally()
    add(to, attempt(), Answer(0, "unreachable"))
    add(to, attempt(), Answer(200), BINDING)
    assert report(to).exit_code == 1


def test_members_that_cannot_be_tried_and_tenants_without_space_or_member_are_gaps():
    for odd in (red(untried=("arn:aws:iam::1:role/x: an IAM principal",)), red(spaces={}), red(identities=())):
        to = tally(odd, blue())
        works(to)
        assert report(to).verdict == "INCOMPLETE"


def test_failures_are_counted_and_only_some_are_kept():
    to = tally()
    for _ in range(KEPT + 5):
        add(to, attempt(), Answer(200), BINDING)
    found = cell(report(to), "red", "blue")
    assert (found.failed, len(found.failures)) == (KEPT + 5, KEPT)


def test_nothing_tried_is_no_answer():
    assert report(tally()).exit_code == 2


def test_a_sample_says_so():
    parties = [red(name=f"t{number}", home=f"home-t{number}") for number in range(12)]
    found = report(tally(*parties))
    assert any("a sample, seed 1: 48 of 132 ordered pairs" in note for note in found.notes)


def test_members_of_both_tenants_are_known():
    assert shared(red(), blue(identities=(RED, BLUE))) == {"group reds"}


def test_json_says_what_it_is_and_carries_the_evidence():
    to = tally()
    works(to)
    add(to, attempt(), Answer(200), BINDING)
    found = json.loads(report(to).json())
    assert (found["apiVersion"], found["kind"], found["verdict"]) == (
        "cli.cotenant.dev/v1",
        "IsolationReport",
        "BROKEN",
    )
    (broken,) = [one for one in found["cells"] if one["state"] == "BROKEN"]
    assert (broken["from"], broken["to"]) == ("red", "blue")
    assert broken["failures"][0]["reproduce"].startswith(
        "kubectl --as cotenant-verify:reds --as-group reds get secrets"
    )


def test_the_table_shows_the_matrix_the_hole_its_cause_and_the_command():
    to = tally()
    works(to)
    add(to, attempt(), Answer(200), BINDING)
    text = table.text(report(to))
    assert "FROM \\ TO   blue         red" in text
    assert "red         BROKEN 1/1   own: works" in text
    assert "BROKEN  red → blue: group reds, list secrets in blue-dev" in text
    assert f"because {BINDING}" in text
    assert "try     kubectl --as cotenant-verify:reds --as-group reds get secrets -n blue-dev" in text
    assert "\n\n\n" not in text


def test_many_tenants_are_listed_instead_of_a_matrix():
    parties = [red(name=f"t{number}", home=f"home-t{number}") for number in range(12)]
    assert "FROM   TO    RESULT" in table.text(report(tally(*parties)))


def test_what_is_allowed_cluster_wide_breaks_every_pair_of_its_tenant_and_the_verdict_says_so():
    to = tally()
    works(to)
    wide = attempt(kind=resource.NODES, claim="cluster", target="red", namespace="")
    add(to, wide, Answer(200), BINDING)
    found = report(to)
    assert (cell(found, "red", "blue").state, cell(found, "blue", "red").state) == ("BROKEN", "PROVEN")
    text = table.text(found)
    assert "BROKEN cluster-wide" in text
    assert text.endswith("BROKEN: 1 failure cluster-wide; 1 of 2 pairs proven isolated")


def test_a_break_inside_own_spaces_never_reads_as_all_pairs_proven():
    to = tally()
    works(to)
    add(to, attempt("create", claim="fence", target="red", namespace="red-dev"), Answer(201), BINDING)
    text = table.text(report(to))
    assert text.endswith("BROKEN: 1 failure in own spaces; nothing allowed from one tenant to another")


def test_a_label_that_enforces_less_than_the_rules_breaks_its_tenant_though_nobody_may_try_it():
    to = tally(red(lax=(Lax("red-dev", "privileged", "baseline"),)), blue())
    works(to)
    found = report(to)
    assert (found.verdict, found.exit_code, cell(found, "red", "red").state) == ("BROKEN", 1, "BROKEN")
    text = table.text(found)
    assert "namespace red-dev enforces privileged; the rules of its Tenant say baseline" in text
    assert "1 failure in own spaces" in text
