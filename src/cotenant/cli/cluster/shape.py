"""The shape that a manifest must have before it is asked about: what somebody wrote is no error of ours."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from cotenant.api.workload import ClaimTemplate, PodSpec, Template

Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Part = Number | Annotated[str, Meta(pattern=r"^[0-9]{1,5}%$")]


class _Rolling(Struct, rename="camel"):
    max_surge: Part = 0
    max_unavailable: Part = 0


class _Order(Struct, rename="camel"):
    rolling_update: _Rolling | None = None


class _Ordinals(Struct):
    start: Number = 0


class _Spec(Struct, rename="camel"):
    template: Template = field(default_factory=Template)
    replicas: Number = 1
    parallelism: Number = 1
    completions: Number | None = None
    strategy: _Order | None = None
    update_strategy: _Order | None = None
    volume_claim_templates: list[ClaimTemplate] | None = None
    ordinals: _Ordinals | None = None


class _Run(Struct):
    spec: _Spec = field(default_factory=_Spec)


class _Schedule(Struct, rename="camel"):
    job_template: _Run = field(default_factory=_Run)


class _Metadata(Struct):
    name: str = ""


def wrong(manifest: dict[str, Any]) -> str:
    """What is wrong with a manifest of a pod or of what makes pods, with its place; "" where nothing is."""
    kinds: dict[str, Any] = {"Pod": PodSpec, "CronJob": _Schedule}
    try:
        msgspec.convert(manifest["spec"], kinds.get(manifest["kind"], _Spec))
        msgspec.convert(manifest.get("metadata") or {}, _Metadata)
    except msgspec.ValidationError as error:
        return str(error)
    return ""
