"""PersistentVolumeClaims: which storage, and whose."""

from __future__ import annotations

from cotenant.render.install.admission.rule import Policy, Rule, kinds, named, several, short, told

_BETA = "volume.beta.kubernetes.io/storage-class"


def _class(one: str) -> str:
    """CEL: the class of a claim, empty where it has none: a default class is filled in before.

    The old annotation comes first, as for the controllers (GetPersistentVolumeClaimClass).
    """
    return f"{one}.metadata.?annotations[?'{_BETA}'].orValue({one}.spec.?storageClassName.orValue(''))"


VOLUMES = Policy(
    name="cotenant-volumes",
    about="PersistentVolumeClaims",
    rules=(
        Rule(
            id="COTENANT-VOLUME-1",
            title="A claim has an allowed StorageClass",
            why="The class chooses the price, the place, and in shared file systems whose data lies beside.",
            way_out="name one in spec.storageClassName, or a platform administrator changes storage.classes of the Tenant",
            leaf="storage.classes",
            holds="!has(params.spec.storage.classes) || variables.class in params.spec.storage.classes || "
            "(oldObject != null && variables.class == variables.classBefore)",
            says=told(
                "StorageClass {} is not allowed; allowed: {}",
                named("variables.class"),
                several("params.spec.storage.classes"),
            ),
        ),
        Rule(
            id="COTENANT-VOLUME-4",
            title="A claim has an allowed VolumeAttributesClass",
            why="It buys throughput that a whole account shares, and changes what a claim costs after it was made.",
            way_out="leave spec.volumeAttributesClassName out, or a platform administrator adds it to storage.classes of "
            "the Tenant",
            leaf="storage.classes",
            holds="!has(params.spec.storage.classes) || variables.attributes == '' || "
            "variables.attributes in params.spec.storage.classes || variables.attributes == variables.attributesBefore",
            says=told(
                "VolumeAttributesClass {} is not allowed; allowed: {}",
                short("variables.attributes"),
                several("params.spec.storage.classes"),
            ),
        ),
        Rule(
            id="COTENANT-VOLUME-2",
            firm=True,
            title="A claim reads from its own namespace",
            why="A data source elsewhere is a copy of the data of others.",
            way_out="leave spec.dataSourceRef.namespace out",
            holds="object.spec.?dataSourceRef.?namespace.orValue(request.namespace) == request.namespace",
            says=told("dataSourceRef names namespace {}", short("object.spec.dataSourceRef.namespace")),
        ),
        Rule(
            id="COTENANT-VOLUME-3",
            firm=True,
            title="A claim has a class, and does not choose its PersistentVolume",
            why="A volume that somebody left behind, or that waits for another tenant's claim, still holds their data. A claim "
            "without a class takes any that has none; so does one that names none where the cluster has no default class.",
            way_out="leave spec.volumeName and spec.selector out and name a class in spec.storageClassName, or ask who may "
            "write PersistentVolumes",
            holds="(variables.volume == '' || variables.volume == variables.volumeBefore) && (oldObject != null ? "
            "variables.class != '' || variables.classBefore == '' : "
            "variables.class != '' && !has(object.spec.selector))",
            unless="authorizer.group('').resource('persistentvolumes').check('update').allowed()",
            says=told(
                "the claim {}",
                f"(variables.volume != '' ? 'chooses among the volumes of the cluster: ' + {short('variables.volume')} : "
                "variables.class == '' ? 'has no StorageClass and takes any volume without one' : "
                "'chooses among the volumes of the cluster')",
            ),
        ),
    ),
    matches=(kinds("", ["CREATE"], "persistentvolumeclaims"),),
    updates=(kinds("", ["UPDATE"], "persistentvolumeclaims"),),
    condition="request.operation == 'CREATE' || object.spec != oldObject.spec || "
    f"{_class('object')} != {_class('oldObject')}",
    variables=(
        ("class", _class("object")),
        ("classBefore", f"oldObject == null ? '' : {_class('oldObject')}"),
        ("attributes", "object.spec.?volumeAttributesClassName.orValue('')"),
        ("attributesBefore", "oldObject == null ? '' : oldObject.spec.?volumeAttributesClassName.orValue('')"),
        ("volume", "object.spec.?volumeName.orValue('')"),
        ("volumeBefore", "oldObject == null ? '' : oldObject.spec.?volumeName.orValue('')"),
    ),
)
