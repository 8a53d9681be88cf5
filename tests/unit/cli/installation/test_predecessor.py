from msgspec.structs import replace

from cotenant.cli.installation.predecessor import changes
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues

OLD = InstallValues(image="r.example.com/c:1", platform=Platform(roles=("owner", "developer")))


def test_what_stays_is_not_told():
    assert list(changes(OLD, OLD, with_operator=True)) == []


def test_every_change_is_told_with_both_values():
    new = InstallValues(image="r.example.com/c:2", replicas=3, platform=Platform(roles=("owner",)), metrics_from="prom")

    assert list(changes(OLD, new, with_operator=True)) == [
        "roles: owner, developer -> owner",
        "image: r.example.com/c:1 -> r.example.com/c:2",
        "replicas: 2 -> 3",
        "metrics from namespace: monitoring -> prom",
    ]


def test_without_the_operator_its_image_is_nobodys_business():
    assert list(changes(OLD, replace(OLD, image="r.example.com/c:2"), with_operator=False)) == []


def test_an_image_that_nobody_chose_is_no_predecessor():
    first = InstallValues()

    assert list(changes(first, replace(first, image="r.example.com/c:1"), with_operator=True)) == []
