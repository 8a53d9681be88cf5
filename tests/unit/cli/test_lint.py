"""`cotenant lint`: what it reads, what it says, how it ends."""

from __future__ import annotations

import io
import json
import os
import re
from pathlib import Path

import pytest

from cotenant.cli import answer

ROOT = Path(__file__).parents[3]
TRAP = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n"
CLEAN = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
GUARD = "aaaaaaaaaa"


@pytest.fixture
def lint(tmp_path, monkeypatch, capsys):
    """Runs the command in an empty folder: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words):
        code = answer(["lint", *words], "cotenant")
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_trap_reads_like_a_compilers_message_with_reason_and_remedy(lint, tmp_path):
    (tmp_path / "a.yaml").write_text(TRAP)
    code, out, err = lint("-f", "a.yaml")
    assert code == 1
    assert out == (
        "a.yaml:1:13: error: extensions/v1beta1 serves no Ingress any more [L711 api-gone]\n"
        "    why:   The API server knows this version no more: `no matches for kind`.\n"
        "    write: apiVersion: networking.k8s.io/v1\n"
    )
    assert err == "1 error, 0 warnings in 1 file\n"


def test_nothing_to_say_is_exit_0_and_says_what_was_read(lint, tmp_path):
    (tmp_path / "a.yaml").write_text(CLEAN)
    assert lint("-f", "a.yaml") == (0, "", "nothing found in 1 file\n")


def test_stdin_is_a_file(lint, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TRAP.encode())))
    code, out, _ = lint("-f", "-")
    assert code == 1 and out.startswith("stdin:1:13: error:")


def test_folders_are_read_and_with_r_those_below_them(lint, tmp_path):
    for name in ("b/c", "b/.hidden"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.yml").write_text(TRAP)
    (tmp_path / "b/note.txt").write_text(TRAP)
    (tmp_path / "b/y.json").write_text(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}))
    os.symlink(tmp_path / "b", tmp_path / "b/loop")
    assert lint("-f", "b")[::2] == (0, "nothing found in 1 file\n")
    code, out, _ = lint("-R", "-f", "b")
    assert (code, [line.split(":")[0] for line in out.splitlines()[::3]]) == (1, ["b/c/x.yml"])


BAD = {
    "a file that is not there": (None, "does not exist"),
    "a binary file": (b"\x7fELF\0\0\xff", "is no text file"),
    "another encoding": ("name: ä".encode("latin-1"), "is not UTF-8"),
    "a file without end": (b"a" * ((16 << 20) + 1), "is larger than 16 MiB; no manifest is"),
    "a template": (
        b"{{- if .Values.on }}\nkind: X\n{{- end }}\n",
        "is a template; fill it in first: helm template … | cotenant lint -f -",
    ),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_is_told_and_the_other_files_go_on(lint, tmp_path, content, message):
    if content is not None:
        (tmp_path / "bad.yaml").write_bytes(content)
    (tmp_path / "clean.yaml").write_text(CLEAN)
    (tmp_path / "trap.yaml").write_text(TRAP)
    assert lint("-f", "bad.yaml")[0] == 2
    code, _, err = lint("-f", "bad.yaml", "-f", "clean.yaml")
    assert code == 3
    assert re.match(rf"error: bad.yaml(:1)?: {re.escape(message)}\n", err)
    assert lint("-f", "bad.yaml", "-f", "trap.yaml")[0] == 1


def test_a_file_without_permission_is_told(lint, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (tmp_path / "a.yaml").write_text(TRAP)
    (tmp_path / "a.yaml").chmod(0)
    assert lint("-f", "a.yaml") == (2, "", "error: a.yaml: Permission denied\n")


HOSTILE = {
    "a bomb of aliases": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)),
        "aliases repeat too much here; write the values out instead",
    ),
    "brackets without end": ("a: " + "[" * 200_000, "goes more than 100 levels deep here; nothing reads that"),
    "dashes without end": ("- " * 200_000 + "a", "goes more than 100 levels deep here; nothing reads that"),
    "an alias of itself": ("a: &a\n  b: *a\n", "aliases repeat too much here; write the values out instead"),
    "a key twice": ("kind: A\nkind: B\n", "kind is there twice, first in line 1; only one of them can hold"),
    "a map for a key": ("? {a: b}\n: c\n", "a key is a word; quote what begins with { or ["),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_yaml_is_a_finding_like_any_other(lint, tmp_path, text, message):
    (tmp_path / "a.yaml").write_text(text)
    code, out, _ = lint("-f", "a.yaml")
    assert code == 1
    assert f"{message} [L101 broken-yaml]" in out


def test_strange_but_lawful_documents_are_no_trouble(lint, tmp_path):
    odd = [
        "",
        "# only a comment\n",
        "- a\n",
        "kind: 5\n",
        "kind: Role\nrules: 5\n",
        "kind: RoleBinding\nsubjects: [5, null]\n",
    ]
    odd += ["kind: ConfigMap\nmetadata: {name: aws-auth}\ndata: {mapRoles: 5, mapUsers: '5', mapAccounts: '- {'}\n"]
    odd += [
        "kind: NetworkPolicy\nspec: {egress: [5, {to: 5}], policyTypes: 5}\n",
        "kind: Pod\nspec: {tolerations: 5, nodeSelector: 5}\n",
    ]
    odd += [
        "kind: ClusterConfig\nmetadata: 5\naccessConfig: {accessEntries: [5, {accessPolicies: 5, principalARN: [1]}]}\nmanagedNodeGroups: [5]\n"
    ]
    odd += [
        "kind: ResourceQuota\nspec: {hard: 5}\n",
        "kind: LimitRange\nspec: {limits: [{type: Container, max: 5}]}\n",
        "kind: List\nitems: [5, {kind: Role}]\n",
    ]
    odd += [
        "Statement: 5\n",
        "Statement: [5, {Effect: Allow, Action: 5}]\n",
        "kind: Tenant\nspec: {members: [5, {user: 5}]}\n",
        "kind: NodePool\nspec: 5\n",
    ]
    (tmp_path / "a.yaml").write_text("---\n".join(odd))
    code, out, err = lint("-f", "a.yaml")
    assert code == 1 and "this should not happen" not in err
    assert {line.rpartition("[")[2] for line in out.splitlines() if ".yaml:" in line} <= {
        "L101 broken-yaml]", "L107 data-is-text]", "L302 aws-auth-unreadable]", "L306 no-principal]"
    }  # fmt: skip


def test_our_own_kinds_are_checked_as_plan_checks_them(lint, tmp_path):
    (tmp_path / "t.yaml").write_text(
        "apiVersion: cotenant.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\nspec: {member: []}\n"
    )
    code, out, _ = lint("-f", "t.yaml")
    assert code == 1
    assert "t.yaml:4: error: spec.member: is no field of spec; did you mean members? [L001 faulty-manifest]" in out
    assert lint("-f", "t.yaml", "--ignore", "faulty-manifest")[0] == 0


def test_json_is_versioned_and_has_everything(lint, tmp_path):
    (tmp_path / "a.yaml").write_text(TRAP)
    code, out, _ = lint("-f", "a.yaml", "-f", "b.yaml", "-o", "json")
    found = json.loads(out)
    assert code == 1
    assert (found["apiVersion"], found["kind"]) == ("cli.cotenant.dev/v1", "LintReport")
    assert found["unread"] == [{"file": "b.yaml", "message": "does not exist"}]
    (one,) = found["findings"]
    assert {key: one[key] for key in ("file", "line", "column", "rule", "name", "level", "write")} == {
        "file": "a.yaml", "line": 1, "column": 13, "rule": "L711", "name": "api-gone", "level": "error",
        "write": "apiVersion: networking.k8s.io/v1",
    }  # fmt: skip


def test_the_rules_are_listed(lint):
    code, out, _ = lint("--list")
    assert code == 0
    assert re.search(r"^L211 +role-arn-as-user +error +A Group", out, re.MULTILINE)
    rules = json.loads(lint("--list", "-o", "json")[1])["rules"]
    assert len(rules) == len(out.splitlines()) - 1 > 50


WRONG = {
    "no file": ((), "name a file or folder: -f FILE"),
    "an unknown rule": (("-f", "a", "--ignore", "role-arn-as-users"), "no such rule; did you mean role-arn-as-user?"),
    "a dry run of nothing": (("-f", "a", "--dry-run"), "--dry-run goes with --fix"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_exit_2(lint, words, message):
    code, out, err = lint(*words)
    assert (code, out) == (2, "") and message in err


def test_a_correction_is_shown_as_a_diff_before_anybody_writes_it(lint, tmp_path):
    (tmp_path / "a.yaml").write_text(TRAP)
    code, out, _ = lint("-f", "a.yaml", "--fix", "--dry-run")
    assert code == 1
    assert out.splitlines()[2:5] == [
        "@@ -1,3 +1,3 @@",
        "-apiVersion: extensions/v1beta1",
        "+apiVersion: networking.k8s.io/v1",
    ]
    assert (tmp_path / "a.yaml").read_text() == TRAP


def test_a_correction_changes_nothing_but_its_place(lint, tmp_path):
    text = "\ufeff# mine\r\nkind:   Ingress  # odd\r\napiVersion: 'extensions/v1beta1'\r\n\r\nspec: {a: [1,\r\n  2]}"
    (tmp_path / "a.yaml").write_bytes(text.encode())
    code, _, err = lint("-f", "a.yaml", "--fix")
    assert (code, err) == (0, "corrected a.yaml\nnothing found in 1 file\n")
    assert (tmp_path / "a.yaml").read_bytes().decode() == text.replace("extensions/v1beta1", "networking.k8s.io/v1")


def test_a_file_that_was_broken_is_corrected_in_one_go(lint, tmp_path):
    text = "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata:\n  name: \u201ca\u201d\n namespace: b\n"
    (tmp_path / "a.yaml").write_text(text)
    assert lint("-f", "a.yaml", "--fix")[0] == 0
    assert (
        tmp_path / "a.yaml"
    ).read_text() == 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: "a"\n  namespace: b\n'


def test_what_came_from_stdin_has_no_place_to_go(lint, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TRAP.encode())))
    code, _, err = lint("-f", "-", "--fix")
    assert code == 1 and "stdin: has no file to write to; see the corrections: --fix --dry-run" in err


def test_text_behind_an_alias_is_left_to_its_author(lint, tmp_path):
    text = "kind: Pod\napiVersion: v1\nspec:\n  a: &c {imagePullPolicy: always}\n  b: *c\n"
    (tmp_path / "a.yaml").write_text(text)
    code, out, _ = lint("-f", "a.yaml", "--fix")
    assert code == 1 and "always is none of Always" in out
    assert (tmp_path / "a.yaml").read_text() == text


def test_what_we_render_and_install_is_clean(lint, tmp_path, capsys):
    (tmp_path / "t.yaml").write_text(
        "apiVersion: cotenant.dev/v1alpha1\nkind: Tenant\nmetadata: {name: backend}\nspec:\n"
        "  members: [{role: owner, group: devs}, {role: viewer, user: bob}]\n  spaces: {limit: 3, declared: [dev]}\n"
        "  quota: {hard: {requests.cpu: 8, limits.memory: 16Gi}}\n  network: {to: [{cidr: 10.9.0.0/16}]}\n"
        "  limits: [{type: Container, default: {memory: 1Gi}, defaultRequest: {cpu: 100m}}]\n"
    )
    assert lint("-f", "t.yaml")[0] == 0
    for words in (["render", "-f", "t.yaml"], ["install", "--render"]):
        assert answer(words, "cotenant") == 0
        (tmp_path / "out.yaml").write_text(capsys.readouterr().out)
        assert lint("-f", "out.yaml")[:2] == (0, "")


def test_our_pages_and_our_chart_are_clean(lint, tmp_path):
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    pages.remove(ROOT / "docs" / "how-to" / "lint.md")  # shows traps
    found = 0
    for page in pages:
        for number, (_, text) in enumerate(
            re.findall(r"^```(yaml)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
        ):
            whole = text if "apiVersion" in text else f"x: {GUARD}\n{text}"
            (tmp_path / f"{page.stem}-{number}.yaml").write_text(whole)
            found += 1
    assert found >= 5
    assert lint("-f", ".", "--ignore", "faulty-manifest")[:2] == (0, "")
    code, out, err = lint("-R", "-f", str(ROOT / "charts"))
    assert (code, out) == (3, "") and err.count("is a template") == len(
        list((ROOT / "charts").rglob("templates/*.yaml"))
    )
