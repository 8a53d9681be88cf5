"""Templates of the Helm chart, made from the same manifests as `cotenant install`, so that the two cannot differ.

Each value of the chart is rendered as a marker first; markers become template expressions. The namespace is the
release's: helm makes it.
"""

from __future__ import annotations

from typing import Any

import yaml

from cotenant.model.platform import Platform
from cotenant.render import install
from cotenant.render.install.operator import KEY, assist_address, checksum, settings_text
from cotenant.render.install.rights import bindable
from cotenant.render.install.validating import API
from cotenant.render.install.values import InstallValues, Manifest

_MARK = "zzz-"
_PLATFORM = Platform(namespace="zzz-namespace", roles=("zzz-role",), strict_accounting=False)
"""Without what is in strict.yaml."""
_VALUES = InstallValues(
    image="zzz-image",
    replicas=88_888,
    log_level="zzz-log",
    memory_limit="zzz-memory",
    metrics_from="zzz-metrics",
    eks_cluster="zzz-eks",
    aws_region="zzz-region",
    platform=_PLATFORM,
    assist=True,
    fairness=True,
)
_IMAGE = "image: set it to the operator's image, with registry and tag; docs/how-to/install-on-eks.md builds one"
EXPRESSIONS = {
    # In CEL, in YAML, and in the JSON of the settings: a list in JSON is right in all three.
    '["cotenant:zzz-role", "cotenant:home-owner", "cotenant:home-viewer"]': '{{ include "cotenant.bindable" . }}',
    "zzz-bindable": '{{ include "cotenant.bindable" . }}',
    "zzz-roles": "{{ toJson .Values.roles }}",
    # The hash is over the very text that the ConfigMap holds, so both come from one helper.
    "zzz-settings": '|\n{{ include "cotenant.settings" . | indent 4 }}',
    checksum(_VALUES): '{{ include "cotenant.settings" . | sha256sum | quote }}',
    # Empty is off.
    f"--assist={assist_address(_VALUES)}": f"--assist={{{{ if .Values.quota.assist }}}}{assist_address(_VALUES)}{{{{ end }}}}",
    "zzz-namespace": "{{ .Release.Namespace }}",
    "zzz-image": f'{{{{ required "{_IMAGE}" .Values.image | quote }}}}',
    "zzz-log": "{{ .Values.logLevel | quote }}",
    "zzz-memory": "{{ .Values.memoryLimit | quote }}",
    "zzz-metrics": "{{ .Values.metricsFrom | quote }}",
    '"zzz-eks"': "{{ toJson .Values.eks.cluster }}",
    '"zzz-region"': "{{ toJson .Values.eks.region }}",
    "88888": "{{ .Values.replicas }}",
    '"strictAccounting": false': '"strictAccounting": {{ .Values.strictAccounting }}',
}
"""Marker, as it stands in the YAML -> template expression."""
HELPERS = """{{/* ClusterRoles that the operator may bind, as JSON: one a role of the platform, and those of the home. */}}
{{- define "cotenant.bindable" -}}
{{- $names := list -}}
{{- range .Values.roles }}{{- $names = append $names (printf "cotenant:%s" .) -}}{{- end -}}
{{- toJson (concat $names (list "cotenant:home-owner" "cotenant:home-viewer")) -}}
{{- end -}}
{{/* What the operator reads from its ConfigMap, as JSON. */}}
{{- define "cotenant.settings" -}}
zzz-settings-text
{{- end -}}
"""
_WHERE = {
    "assist.yaml": ".Values.quota.assist",
    "fairness.yaml": ".Values.fairness",
    "pools.yaml": f'.Capabilities.APIVersions.Has "{API}/MutatingAdmissionPolicy"',
}
"""Template -> the condition for all that is in it."""
_HEAD = "{{- /* Generated from src/cotenant/render/install: change that and run make docs. */}}\n"


def files() -> dict[str, str]:
    """File name below templates/ -> text."""
    parts = {
        "identity.yaml": [each for each in install.ground(_VALUES) if each["kind"] != "Namespace"],
        "policies.yaml": install.deny(_PLATFORM),
        "pools.yaml": install.force(_PLATFORM),
        "roles.yaml": install.grant(_VALUES),
        "operator.yaml": install.run(_VALUES),
        "assist.yaml": install.assist(_VALUES),
        "fairness.yaml": install.fairness(_VALUES),
    }
    settings = _expressed(settings_text(_VALUES))
    strict = f"{{{{- if .Values.strictAccounting }}}}\n{_template(install.optional(_PLATFORM))}{{{{- end }}}}\n"
    return {"_helpers.tpl": HELPERS.replace("zzz-settings-text", settings), "strict.yaml": _HEAD + strict} | {
        name: _HEAD + _optional(name, _template(manifests)) for name, manifests in parts.items()
    }


def _optional(name: str, text: str) -> str:
    """What a value of the chart turns on, or the cluster."""
    return f"{{{{- if {_WHERE[name]} }}}}\n{text}{{{{- end }}}}\n" if name in _WHERE else text


def _template(manifests: list[Manifest]) -> str:
    text = yaml.dump_all(map(_marked, manifests), Dumper=_Dumper, sort_keys=False, width=10_000)
    text = _expressed(text)
    if _MARK in text:
        raise ValueError("a value of the chart stands where no template expression is known for it")
    return text


def _expressed(text: str) -> str:
    """Markers become template expressions."""
    text = text.replace('["zzz-role"]', "zzz-roles")
    for marker, expression in EXPRESSIONS.items():
        text = text.replace(marker, expression)
    return text


def _marked(manifest: Manifest) -> Manifest:
    """The settings, and the names that may be bound, become one marker: YAML would write them over several lines."""
    if manifest["kind"] == "ConfigMap":
        return manifest | {"data": {KEY: "zzz-settings"}}
    rules = [
        rule | {"resourceNames": "zzz-bindable"} if rule.get("resourceNames") == bindable(_PLATFORM) else rule
        for rule in manifest.get("rules", ())
    ]
    return manifest | ({"rules": rules} if rules else {})


class _Dumper(yaml.SafeDumper):
    """Text that holds a marker in quotes is a literal block: no escaping gets between marker and expression."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - overridden
        """Templates are read by people: nothing is abbreviated."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    literal = "\n" in text or f'"cotenant:{_MARK}' in text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if literal else None)


_Dumper.add_representer(str, _text)
