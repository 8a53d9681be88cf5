"""Flags over variables over the ConfigMap over defaults."""

import pytest

from cotenant.cli import Failure
from cotenant.cli.settings_source import merged
from cotenant.settings import Settings


def test_without_any_source_the_defaults_hold():
    assert merged({}, {}) == Settings()


def test_each_source_is_stronger_than_the_next():
    text = '{"workers": 2, "leaseDuration": 20.0, "logLevel": "error", "qps": 7.0}'
    environment = {"COTENANT_WORKERS": "3", "COTENANT_LEASE_DURATION": "30", "PATH": "/bin"}
    found = merged({"workers": 5, "qps": None}, environment, text)
    assert (found.workers, found.lease_duration, found.log_level, found.qps) == (5, 30.0, "error", 7.0)


def test_facts_of_the_platform_come_from_both_too():
    text = '{"platform": {"roles": ["owner"], "namespace": "there", "reservedNames": ["x-*"]}}'
    found = merged({}, {"COTENANT_NAMESPACE": "here", "COTENANT_ROLES": "owner,developer"}, text).platform
    assert (found.namespace, found.roles, found.reserved_names) == ("here", ("owner", "developer"), ("x-*",))


def test_an_empty_http_address_is_a_value():
    assert merged({"http": ""}, {}).http == ""


@pytest.mark.parametrize(
    ("flags", "environment", "text", "message"),
    [
        ({}, {"COTENANT_WORKERS": "many"}, "", r"setting workers in the environment: .*'many'"),
        ({}, {}, '{"workers": "4"}', "setting workers in the ConfigMap cotenant-settings: "),
        ({}, {}, '{"worker": 4}', "worker is no setting; did you mean workers?"),
        ({}, {}, '{"platform": {"role": []}}', "role is no setting; did you mean roles?"),
        ({}, {}, "{", "ConfigMap cotenant-settings, key settings.json: "),
        ({"lease_duration": 5.0}, {}, "", "retryPeriod 2 < renewDeadline 10 < leaseDuration 5 must hold"),
    ],
)
def test_a_wrong_setting_names_its_source(flags, environment, text, message):
    with pytest.raises(Failure, match=message):
        merged(flags, environment, text)


def test_a_misspelt_variable_is_warned_about_and_those_of_the_kubelet_are_not(capsys):
    merged({}, {"COTENANT_LEASE_DURATON": "3", "COTENANT_SERVICE_HOST": "10.0.0.1", "COTENANT_PORT_8080_TCP": "x"})
    assert capsys.readouterr().err == (
        "warning: COTENANT_LEASE_DURATON is no setting; did you mean COTENANT_LEASE_DURATION?\n"
    )
