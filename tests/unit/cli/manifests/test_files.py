"""Files -> manifests: every fault of every field, with its line."""

import errno
import io
import os
from pathlib import Path

import pytest

from cotenant.cli import Failure
from cotenant.cli.manifests import load, read

TENANT = "apiVersion: cotenant.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\n"

FAULTS = {
    "the name beside metadata": (
        "apiVersion: cotenant.dev/v1alpha1\nkind: Tenant\nmetadata:\nname: x\n",
        [
            "3: metadata: is missing",
            "4: name: is no field of Tenant; it belongs to metadata above: indent it by two more spaces",
        ],
    ),
    "a field in the wrong place": (
        TENANT + "spec:\n  limit: 5\n",
        ["5: spec.limit: is no field of spec; did you mean spec.spaces.limit?"],
    ),
    "a field that is misspelt, and right elsewhere": (
        TENANT + "spec:\n  spaces: {limits: 3}\n",
        ["5: spec.spaces.limits: is no field of spec.spaces; did you mean limit?"],
    ),
    "a misspelt field": (
        TENANT + "spec:\n  member: []\n",
        ["5: spec.member: is no field of spec; did you mean members?"],
    ),
    "a field of nothing": (
        TENANT + "spec:\n  storage: {kind: gp3}\n",
        ["5: spec.storage.kind: is no field of spec.storage; allowed are classes"],
    ),
    "a quoted number": (
        TENANT + 'spec:\n  spaces:\n    limit: "5"\n',
        ["6: spec.spaces.limit: must be a whole number, and is a text; write 5 without quotes"],
    ),
    "a bare number": (
        TENANT + "spec:\n  displayName: 5\n",
        ['5: spec.displayName: must be a text, and is a whole number; write "5"'],
    ),
    "yes in quotes": (
        TENANT + 'spec:\n  network: {internet: "yes"}\n',
        ["5: spec.network.internet: must be true or false, and is a text; write true or false"],
    ),
    "one value for a list": (
        TENANT + "spec:\n  spaces: {declared: dev}\n",
        ["5: spec.spaces.declared: must be a list, and is a text; write [dev]"],
    ),
    "a word that is none of those": (
        TENANT + "spec:\n  deletionPolicy: delete\n",
        ["5: spec.deletionPolicy: delete is none of Delete, Orphan; did you mean Delete?"],
    ),
    "a number out of bounds": (
        TENANT + "spec:\n  spaces: {limit: 501}\n",
        ["5: spec.spaces.limit: is 501, at most 500 is allowed"],
    ),
    "a member without and one with two subjects": (
        TENANT + "spec:\n  members:\n  - role: owner\n  - {role: viewer, user: a, group: b}\n",
        [
            "6: spec.members[0]: a member has exactly one of group, user, serviceAccount, iamRole, iamUser",
            "7: spec.members[1]: a member has exactly one of group, user, serviceAccount, iamRole, iamUser",
        ],
    ),
    "a time that is none": (
        TENANT + "spec:\n  members: [{role: owner, user: a, expires: 2026-12-31}]\n",
        ["5: spec.members[0].expires: 2026-12-31 is no time; write it as 2026-12-31T00:00:00Z"],
    ),
    "a space that is declared twice": (
        TENANT + "spec:\n  spaces:\n    declared:\n    - dev\n    - dev\n",
        ["8: spec.spaces.declared[1]: dev is on the list already; take it off once"],
    ),
    "a list item without a colon": (
        TENANT + "spec:\n  members:\n  - role owner\n",
        ["6: spec.members[0]: must be a map, and is a text"],
    ),
    "a quantity that is none": (
        TENANT + "spec:\n  quota:\n    hard:\n      pods: many\n",
        ["7: spec.quota.hard.pods: must be a quantity that is not negative, such as 500m, 4 or 8Gi"],
    ),
    "naming without {space}": (
        TENANT + 'spec:\n  spaces:\n    naming: "{tenant}"\n',
        ["6: spec.spaces.naming: naming must contain {space}, for example {tenant}-{space}"],
    ),
    "more declared than allowed": (
        TENANT + "spec:\n  spaces:\n    limit: 1\n    declared: [a, b]\n",
        [
            "7: spec.spaces.declared: more spaces are declared than spaces.limit allows; raise the limit or declare fewer"
        ],
    ),
    "a reserved name": (
        TENANT.replace("name: a", "name: kube-team"),
        [
            "3: metadata.name: this name is reserved, as is default, home and what begins with kube-, home-, cotenant, aws-, amazon- or eks-; choose another"
        ],
    ),
    "a label that is no text": (
        TENANT.replace("name: a", "name: a, labels: {team: 1}"),
        ['3: metadata.labels.team: must be a text; write "1"'],
    ),
    "an unknown kind": (
        TENANT.replace("Tenant", "Tenants"),
        ["2: kind: Tenants is no kind of cotenant.dev; did you mean Tenant?"],
    ),
    "an unknown version": (
        TENANT.replace("v1alpha1", "v1"),
        ["1: apiVersion: is cotenant.dev/v1; write cotenant.dev/v1alpha1"],
    ),
    "no kind at all": (
        "apiVersion: cotenant.dev/v1alpha1\nmetadata: {name: a}\n",
        ["1: kind is missing; write kind: Tenant"],
    ),
    "a misspelt apiVersion": (
        "apiversion: cotenant.dev/v1alpha1\nkind: Tenant\n",
        ["1: apiVersion is missing; write apiVersion: cotenant.dev/v1alpha1; did you mean apiversion?"],
    ),
    "a Space without a home": (
        "apiVersion: cotenant.dev/v1alpha1\nkind: Space\nmetadata: {name: dev}\n",
        ["3: metadata.namespace: is missing; a Space lives in its tenant's home: namespace: home-<tenant>"],
    ),
    "a Tenant in a namespace": (
        TENANT.replace("name: a", "name: a, namespace: b"),
        ["3: metadata.namespace: a Tenant has no namespace; leave it out"],
    ),
    "the same tenant twice": (
        f"{TENANT}---\n{TENANT}",
        ["7: metadata.name: Tenant a is there twice, first in FILE:1"],
    ),
    "nothing": ("# only a comment\n", ["is empty; a manifest begins with apiVersion and kind"]),
}


@pytest.fixture
def file(tmp_path):
    def make(text, name="t.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return make


@pytest.mark.parametrize(("text", "messages"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_file_line_and_remedy(file, text, messages):
    path = file(text)
    _, problems = read([path])
    wanted = [f"{path}:{one}" if one[0].isdigit() else f"{path}: {one}" for one in messages]
    assert [str(one) for one in problems] == [one.replace("FILE", path) for one in wanted]


def test_good_manifests_are_taken_in_beside_broken_ones(file):
    found, problems = read([file(f"{TENANT}---\na: [\n---\n{TENANT.replace('name: a', 'name: b')}")])
    assert [one.metadata.name for one in found.tenants] == ["a", "b"]
    assert len(problems) == 1


def test_kinds_of_others_are_named_and_not_silently_dropped(file):
    path = file(TENANT + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert load([path]).ignored == [f"v1 ConfigMap x ({path}:5)"]


def test_a_list_is_read_item_by_item_with_the_lines_of_its_items(file):
    path = file(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: cotenant.dev/v1alpha1\n  kind: Tenant\n  metadata:\n    name: KUBE\n"
    )
    _, problems = read([path])
    assert [one.line for one in problems] == [7]


def test_what_kubectl_printed_can_be_given_back(file):
    text = TENANT.replace(
        "{name: a}", "{name: a, uid: x, resourceVersion: '5', generation: 2, managedFields: [], selfLink: ''}"
    )
    found = load([file(text + "spec: {profile: null}\nstatus: {home: home-a, odd: 1}\n")])
    assert found.tenants[0].spec.profile is None


def test_a_folder_is_read_in_the_order_of_names_and_other_files_are_left_alone(file, tmp_path):
    file(TENANT.replace("name: a", "name: second"), "b.yml")
    file('{"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "first"}}', "a.json")
    file("no manifest: [", "README.md")
    assert [one.metadata.name for one in load([str(tmp_path)]).tenants] == ["first", "second"]


def test_stdin_is_a_file_named_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a: [")))
    assert str(read(["-"])[1][0]).startswith("stdin:1: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x7fELF\x00\x00", "is no text file"),
        (b"a: 1\nb: \xff\n", "2: is not UTF-8"),
        (b"", "is empty; a manifest begins with apiVersion and kind"),
    ],
)
def test_a_file_that_is_no_manifest_says_so(file, content, message):
    path = file(content)
    (problem,) = read([path])[1]
    assert str(problem).removeprefix(path).lstrip(": ") == message


def test_missing_files_addresses_and_empty_folders_are_errors(tmp_path):
    missing, folder = tmp_path / "nope.yaml", tmp_path / "folder"
    folder.mkdir()
    _, problems = read([str(missing), "https://example.com/t.yaml", str(folder)])
    assert [one.message for one in problems] == [
        "does not exist",
        "is an address; fetch it first: curl -fsSL … | cotenant … -f -",
        "holds no file that ends in .yaml, .yml or .json",
    ]


def test_what_lies_behind_a_closed_folder_or_a_file_says_why(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (problem,) = read([str(tmp_path / "file" / "t.yaml")])[1]
    assert problem.message == "Not a directory"

    def closed(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    # Root passes every closed folder, so the answer is put in the kernel's mouth.
    monkeypatch.setattr(Path, "stat", closed)
    monkeypatch.setattr(Path, "open", closed)
    (problem,) = read([str(tmp_path / "t.yaml")])[1]
    assert problem.message == "Permission denied"


def test_a_byte_order_mark_is_no_letter(file):
    assert load([file(b"\xef\xbb\xbf" + TENANT.encode())]).tenants


def test_loading_prints_every_fault_and_fails_with_their_number(file, capsys):
    with pytest.raises(Failure, match="2 faults in the manifests; nothing was done") as failure:
        load([file(TENANT + "spec:\n  member: []\n  limit: 5\n")])
    assert failure.value.code == 2
    assert capsys.readouterr().err.count("error: ") == 2
