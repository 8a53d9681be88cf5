"""The installation that is there: what it chose, and what the next one changes of that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from cotenant.cli import Failure
from cotenant.cli.settings_source import in_config_map, merged
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import Resource
from cotenant.model.platform import Platform
from cotenant.render.install import ASSIST, FAIRNESS, InstallValues
from cotenant.render.install.operator import KEY
from cotenant.render.install.values import IMAGE, NAME, SETTINGS

Found = dict[str, Any]


async def running(client: Client) -> InstallValues | None:
    """What an earlier installation chose, so that repeating it without a flag takes nothing back; None for a first one.

    Failure if its settings cannot be read: nothing may be thrown away that nobody has looked at.
    """
    namespace = Platform().namespace
    found = await _found(client, resource.CONFIG_MAPS, SETTINGS, namespace)
    if found is None:
        return None
    text = found.get("data", {}).get(KEY, "{}")
    try:
        platform = merged({}, {}, text).platform
    except Failure as error:
        fix = f"kubectl edit configmap {SETTINGS} -n {namespace}"
        raise Failure(
            f"the settings of the installation that runs cannot be read: {error}; mend them: {fix}"
        ) from error
    tuning = {name: value for name, value in in_config_map(text).items() if name != "platform"}
    where = {"eks_cluster": tuning.pop("eksCluster", ""), "aws_region": tuning.pop("awsRegion", "")}
    values = InstallValues(platform=platform, tuning=tuning, **where)
    hook = await _found(client, resource.MUTATING_WEBHOOKS, ASSIST, None)
    if hook is not None:
        urls = [one["clientConfig"].get("url", "") for one in hook.get("webhooks", ())]
        values = replace(values, assist=True, assist_url="".join(urls[:1]))
    if await _found(client, resource.PRIORITY_LEVELS, FAIRNESS, None) is not None:
        values = replace(values, fairness=True)
    deployment = await _found(client, resource.DEPLOYMENTS, NAME, namespace)
    if deployment is not None:
        values = _with_deployment(values, deployment["spec"])
    policy = await _found(client, resource.NETWORK_POLICIES, NAME, namespace)
    readers = _readers(policy) if policy is not None else None
    return replace(values, metrics_from=readers) if readers else values


def changes(old: InstallValues, new: InstallValues, *, with_operator: bool) -> Iterator[str]:
    """What the flags change of the installation that runs, one line each."""
    words = [f"on, at {one.assist_url}" if one.assist_url else "on" if one.assist else "off" for one in (old, new)]
    pairs = [
        ("roles", ", ".join(old.platform.roles), ", ".join(new.platform.roles)),
        ("assist", words[0], words[1]),
        ("EKS cluster", *(f"{one.eks_cluster or 'none'} {one.aws_region}".strip() for one in (old, new))),
        ("fairness", *("on" if one.fairness else "off" for one in (old, new))),
        ("strict accounting", *("on" if one.platform.strict_accounting else "off" for one in (old, new))),
    ]
    if with_operator:
        before = "" if old.image == IMAGE else old.image  # the one nobody chose: there was no Deployment
        pairs += [("image", before, new.image), ("replicas", str(old.replicas), str(new.replicas))]
        pairs += [("metrics from namespace", old.metrics_from, new.metrics_from)]
    for name, before, after in pairs:
        if before and before != after:
            yield f"{name}: {before} -> {after}"


def _with_deployment(values: InstallValues, spec: Found) -> InstallValues:
    container = spec["template"]["spec"]["containers"][0]
    level = next((one.get("value") for one in container.get("env", ()) if one["name"] == "COTENANT_LOG_LEVEL"), None)
    memory = container.get("resources", {}).get("limits", {}).get("memory")
    return replace(
        values,
        image=container["image"],
        replicas=spec["replicas"] or values.replicas,  # scaled to nothing by hand: an installation is to run
        log_level=level or values.log_level,
        memory_limit=memory or values.memory_limit,
    )


def _readers(policy: Found) -> str | None:
    """The namespace in the NetworkPolicy; None where somebody wrote another one."""
    try:
        labels = policy["spec"]["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"]
    except (KeyError, IndexError):
        return None
    name: str | None = labels.get("kubernetes.io/metadata.name")
    return name


async def _found(client: Client, kind: Resource, name: str, namespace: str | None) -> Found | None:
    try:
        return await client.get(kind, name, namespace)
    except NotFound:
        return None
