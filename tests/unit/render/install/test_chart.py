"""The chart says what `cotenant install` applies: templates filled in by a few lines, compared as manifests."""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from pathlib import Path

import jsonschema
import pytest
import yaml

from cotenant import __version__
from cotenant.model.platform import Platform
from cotenant.render.install import InstallValues, render
from cotenant.render.install.chart import files

CHART = Path(__file__).parents[4] / "charts" / "cotenant"
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
GIVEN = DEFAULTS | {"image": "registry.example.com/cotenant:1"}
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def filled(values: dict, namespace: str) -> list[dict]:
    """What helm would render: every expression of the templates has one meaning, given here."""
    bindable = [*(f"cotenant:{role}" for role in values["roles"]), "cotenant:home-owner", "cotenant:home-viewer"]
    meaning = {
        '{{ include "cotenant.bindable" . }}': json.dumps(bindable),
        "{{ toJson .Values.roles }}": json.dumps(values["roles"]),
        "{{ .Release.Namespace }}": namespace,
        "{{ .Values.logLevel | quote }}": json.dumps(values["logLevel"]),
        "{{ .Values.memoryLimit | quote }}": json.dumps(values["memoryLimit"]),
        "{{ .Values.metricsFrom | quote }}": json.dumps(values["metricsFrom"]),
        "{{ .Values.replicas }}": str(values["replicas"]),
    }
    settings = (CHART / "templates" / "_helpers.tpl").read_text().partition('define "cotenant.settings" -}}')[2]
    settings = settings.partition("{{- end -}}")[0].strip()
    compact = json.dumps(values["roles"], separators=(",", ":"))  # as toJson writes it
    settings = settings.replace("{{ toJson .Values.roles }}", compact).replace("{{ .Release.Namespace }}", namespace)
    settings = settings.replace("{{ .Values.strictAccounting }}", json.dumps(values["strictAccounting"]))
    for name, value in values["eks"].items():
        settings = settings.replace(f"{{{{ toJson .Values.eks.{name} }}}}", json.dumps(value))
    assert "{{" not in settings
    meaning |= {
        '{{ include "cotenant.settings" . | indent 4 }}': textwrap.indent(settings, "    "),
        '{{ include "cotenant.settings" . | sha256sum | quote }}': hashlib.sha256(settings.encode()).hexdigest(),
    }
    manifests = []
    assist = values["quota"]["assist"]
    for path in sorted((CHART / "templates").glob("*.yaml")):
        text = path.read_text().partition("\n")[2]
        for switch, on in (("quota.assist", assist), ("fairness", values["fairness"])):
            if text.startswith(f"{{{{- if .Values.{switch} }}}}\n"):
                text = text.partition("\n")[2].removesuffix("{{- end }}\n") if on else ""
        served = '{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}\n'
        if text.startswith(served):
            text = text.removeprefix(served).removesuffix("{{- end }}\n")
        text = re.sub(r"{{ if \.Values\.quota\.assist }}(.*?){{ end }}", r"\1" if assist else "", text)
        wanted = values["strictAccounting"]
        text = re.sub(
            r"{{- if .Values.strictAccounting }}\n(.*){{- end }}\n",
            lambda found, wanted=wanted: found[1] if wanted else "",
            text,
            flags=re.DOTALL,
        )
        text = re.sub(r'{{ required ".*?" \.Values\.image \| quote }}', json.dumps(values["image"]), text)
        for expression, value in meaning.items():
            text = text.replace(expression, value)
        assert "{{" not in text, path
        manifests.extend(yaml.safe_load_all(text))
    return manifests


def comparable(manifests: list[dict]) -> dict:
    return {f"{m['kind']} {m['metadata']['name']}": json.loads(json.dumps(m)) for m in manifests}


@pytest.mark.parametrize(
    ("values", "namespace"),
    [
        (GIVEN, "cotenant-system"),
        (GIVEN | {"roles": ["owner", "developer"], "replicas": 3, "metricsFrom": "prometheus"}, "tenancy"),
        (GIVEN | {"quota": {"assist": True}}, "tenancy"),
        (GIVEN | {"strictAccounting": False}, "tenancy"),
        (GIVEN | {"fairness": True}, "tenancy"),
        (GIVEN | {"eks": {"cluster": "shop", "region": "eu-north-1"}}, "tenancy"),
    ],
)
def test_the_chart_renders_what_install_applies(values, namespace):
    strict = values["strictAccounting"]
    platform = Platform(namespace=namespace, roles=tuple(values["roles"]), strict_accounting=strict)
    expected = render(
        InstallValues(
            image=values["image"],
            replicas=values["replicas"],
            platform=platform,
            log_level=values["logLevel"],
            memory_limit=values["memoryLimit"],
            metrics_from=values["metricsFrom"],
            assist=values["quota"]["assist"],
            fairness=values["fairness"],
            eks_cluster=values["eks"]["cluster"],
            aws_region=values["eks"]["region"],
        )
    )

    # helm makes the namespace, and takes the definitions from crds/.
    apart = ("Namespace", "CustomResourceDefinition")
    assert comparable(filled(values, namespace)) == comparable([m for m in expected if m["kind"] not in apart])


def test_the_committed_templates_are_what_the_manifests_say():
    for name, text in files().items():
        assert (CHART / "templates" / name).read_text() == text, name


def test_the_values_left_out_are_those_of_install():
    values = InstallValues()

    assert {
        "image": "",  # has to be said: the one of InstallValues has no registry
        "replicas": values.replicas,
        "roles": list(values.platform.roles),
        "strictAccounting": values.platform.strict_accounting,
        "fairness": values.fairness,
        "logLevel": values.log_level,
        "memoryLimit": values.memory_limit,
        "metricsFrom": values.metrics_from,
        "eks": {"cluster": values.eks_cluster, "region": values.aws_region},
        "quota": {"assist": values.assist},
    } == DEFAULTS
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


def test_without_an_image_the_chart_refuses_with_the_next_step():
    """A tag without registry would be looked for on docker.io, where anybody may put one."""
    (line,) = [line for line in (CHART / "templates" / "operator.yaml").read_text().splitlines() if "image:" in line]

    assert line.strip().startswith('image: {{ required "image: set it to')
    assert (Path(__file__).parents[4] / "docs/how-to/install-on-eks.md").is_file()
    assert "docs/how-to/install-on-eks.md" in line


def test_the_schema_of_the_values_takes_the_right_and_refuses_the_wrong():
    jsonschema.validate(DEFAULTS, SCHEMA)
    for wrong in (
        {"replicas": 0},
        {"roles": []},
        {"roles": ["a b"]},
        {"imge": "x"},
        {"logLevel": "loud"},
        {"image": " "},
        {"metricsFrom": ""},
        {"quota": {"assist": "yes"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(DEFAULTS | wrong, SCHEMA)
