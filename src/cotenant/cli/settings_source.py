"""Where settings come from: flags, then COTENANT_… variables, then the ConfigMap of the installation, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import structs

from cotenant.cli import Failure
from cotenant.cli.manifests.fields import near
from cotenant.cli.view.output import say
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.model.platform import Platform
from cotenant.render.install.values import SETTINGS
from cotenant.settings import Settings

KEY = "settings.json"
PREFIX = "COTENANT_"
OTHERS = {"COTENANT_DOWNLOAD", "COTENANT_OFFLINE"}
"""Variables of the local control plane."""


def merged(flags: Mapping[str, Any], environment: Mapping[str, str], text: str = "") -> Settings:
    """The settings in force. `text`: settings.json of the ConfigMap, "" for none. Raises Failure with the source's name.

    Flags use the attribute names of Settings; None is a flag that was not given.
    """
    stored = in_config_map(text)
    variables, of_platform = in_environment(environment)
    given = {key: value for key, value in flags.items() if value is not None}
    facts = build(Platform, stored.get("platform", {}), of_platform, {})
    own = {key: value for key, value in stored.items() if key != "platform"}
    settings: Settings = build(Settings, own, variables, given)
    if not settings.retry_period < settings.renew_deadline < settings.lease_duration:
        raise Failure(
            f"retryPeriod {settings.retry_period:g} < renewDeadline {settings.renew_deadline:g} < leaseDuration "
            f"{settings.lease_duration:g} must hold, or two replicas may act at once"
        )
    return structs.replace(settings, platform=facts)


def in_config_map(text: str) -> dict[str, Any]:
    """The settings in the ConfigMap."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any]) if text else {}
    except msgspec.MsgspecError as error:
        raise Failure(f"ConfigMap {SETTINGS}, key {KEY}: {error}") from error


def in_environment(environment: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """COTENANT_LEASE_DURATION=30 and the like: settings of the process, and facts of the platform; lists as a,b,c."""
    found: tuple[dict[str, Any], dict[str, Any]] = {}, {}
    names = [{field.name: field for field in structs.fields(cls)} for cls in (Settings, Platform)]
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in OTHERS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        for fields, into in zip(names, found, strict=True):
            if name in fields and name != "platform":
                listed = "tuple" in str(fields[name].type)
                into[fields[name].encode_name] = [one for one in value.split(",") if one] if listed else value
                break
        else:
            # Not an error: a Service named cotenant makes the kubelet set COTENANT_SERVICE_HOST and more.
            close = get_close_matches(name, [one for fields in names for one in fields], 1, 0.8)
            if close:
                say(f"warning: {variable} is no setting; did you mean {PREFIX}{close[0].upper()}?")
    return found


def build(cls: Any, stored: Mapping[str, Any], variables: Mapping[str, Any], flags: Mapping[str, Any]) -> Any:
    """One struct of the sources, the strongest last; an error names the source that is wrong."""
    fields = {field.encode_name: field for field in structs.fields(cls)}
    if unknown := [key for key in stored if key not in fields]:
        guess = near(unknown[0], fields)
        raise Failure(f"ConfigMap {SETTINGS}, key {KEY}: {unknown[0]} is no setting{guess}")
    values: dict[str, Any] = {}
    for source, content in ((f"ConfigMap {SETTINGS}", stored), ("environment", variables)):
        for key, value in content.items():
            try:
                values[fields[key].name] = msgspec.convert(value, fields[key].type, strict=source != "environment")
            except msgspec.ValidationError as error:
                raise Failure(f"setting {key} in the {source}: {error}, got {value!r}") from error
    made = cls(**values)
    return structs.replace(made, **flags) if flags else made


async def stored(client: Client, namespace: str) -> str:
    """settings.json of the installation; "" where there is none, or this user may not read it."""
    try:
        found = await client.get(CONFIG_MAPS, SETTINGS, namespace)
    except (NotFound, Forbidden):
        return ""
    text: str = found.get("data", {}).get(KEY, "")
    return text


async def platform(client: Client) -> Platform:
    """The facts of this cluster, as its operator has them."""
    offline = merged({}, os.environ).platform
    return merged({}, os.environ, await stored(client, offline.namespace)).platform
