from cotenant.cli.installation.roles import lost

RUNS = ("owner", "editor", "viewer", "developer", "auditor")
BUILT_IN = ("owner", "editor", "viewer")


def test_a_role_that_somebody_has_cannot_be_left_out_by_mistake():
    refusal = lost(RUNS, BUILT_IN, {"developer": ["blue", "acme"], "owner": ["acme"]})

    assert "role developer is held by members of acme, blue" in refusal
    assert "--roles developer;" in refusal
    assert "Nothing was done" in refusal


def test_the_advice_keeps_what_else_was_asked_for():
    refusal = lost(RUNS, (*BUILT_IN, "auditor"), {"developer": ["acme"]})

    assert "--roles auditor,developer;" in refusal


def test_a_role_that_nobody_has_may_go():
    assert lost(RUNS, (*BUILT_IN, "developer"), {"developer": ["acme"]}) == ""


def test_a_role_that_was_never_allowed_is_not_lost():
    assert lost(RUNS, RUNS, {"typo": ["acme"]}) == ""


def test_where_no_settings_are_left_every_role_in_use_has_to_be_named():
    assert "--roles developer;" in lost(None, BUILT_IN, {"developer": ["acme"]})


def test_many_tenants_are_counted_not_listed():
    refusal = lost(RUNS, BUILT_IN, {"developer": [f"t{number}" for number in range(9)]})

    assert "t0, t1, t2, t3, t4 and 4 more" in refusal
