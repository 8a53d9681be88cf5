import pytest
from msgspec.structs import replace

from cotenant.cli import Failure
from cotenant.cli.installation.predecessor import changes, running
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import CONFIG_MAPS
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


def test_the_assist_is_told_when_it_comes_goes_or_moves():
    on, elsewhere = replace(OLD, assist=True), replace(OLD, assist=True, assist_url="https://10.0.0.1:9443/assist")

    assert list(changes(OLD, on, with_operator=True)) == ["assist: off -> on"]
    assert list(changes(on, OLD, with_operator=True)) == ["assist: on -> off"]
    assert list(changes(OLD, elsewhere, with_operator=False)) == ["assist: off -> on, at https://10.0.0.1:9443/assist"]


def test_without_the_operator_its_image_is_nobodys_business():
    assert list(changes(OLD, replace(OLD, image="r.example.com/c:2"), with_operator=False)) == []


def test_an_image_that_nobody_chose_is_no_predecessor():
    first = InstallValues()

    assert list(changes(first, replace(first, image="r.example.com/c:1"), with_operator=True)) == []


class Answering:
    """A client of a cluster that has nothing but the settings."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def get(self, kind, name, namespace):
        if kind is not CONFIG_MAPS:
            raise NotFound(404, "NotFound", "")
        return {"data": {"settings.json": self.text}}


async def test_settings_that_somebody_wrote_are_kept():
    found = await running(Answering('{"platform": {"reservedNames": ["prod-*"]}, "workers": 2}'))
    assert (found.platform.reserved_names, found.tuning) == (("prod-*",), {"workers": 2})


async def test_the_eks_cluster_is_kept_and_a_change_of_it_is_told():
    found = await running(Answering('{"platform": {}, "eksCluster": "shop", "awsRegion": "eu-north-1", "workers": 2}'))
    assert (found.eks_cluster, found.aws_region, found.tuning) == ("shop", "eu-north-1", {"workers": 2})
    assert list(changes(found, replace(found, eks_cluster="", aws_region=""), with_operator=False)) == [
        "EKS cluster: shop eu-north-1 -> none"
    ]


@pytest.mark.parametrize("text", ['{"platform": {"reservdNames": []}}', '{"worker": 2}', '{"workers": "x"}', "{"])
async def test_settings_that_nobody_understands_are_not_written_over(text):
    with pytest.raises(Failure, match=r"cannot be read: .*settings.*; mend them: kubectl edit configmap"):
        await running(Answering(text))
