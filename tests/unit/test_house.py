"""The rules of the house, as far as a machine can keep them. CONTRIBUTING.md says why each of them is there."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from cotenant.judge import quota, space, tenant
from cotenant.judge.chain import MOVING, Chain
from cotenant.judge.reasons import REASONS
from cotenant.judge.reference import CONDITIONS

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "cotenant"
MODULES = sorted(SRC.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST = 400
NO_NOUNS = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared", "lib", "core"}
PURE = ("api", "model", "render", "judge")
IMPURE = {
    "asyncio", "aiohttp", "http", "socket", "ssl", "urllib.request", "requests", "kubernetes", "boto3", "subprocess",
    "time", "random", "secrets", "uuid", "threading", "structlog",
}  # fmt: skip

FEATURES = {
    # room in render/: what judges it, the page that explains it
    "access": ("judge.tenant", {"AccessSynced", "IAMSynced"}, "docs/how-to/iam.md"),
    "limits": ("judge.quota", {"QuotaSynced"}, "docs/how-to/limits.md"),
    "namespace": ("judge.space", {"Ready"}, "docs/how-to/spaces.md"),
    "network": ("judge.tenant", {"NetworkIsolated"}, "docs/how-to/network.md"),
    "nodes": ("judge.tenant", {"PolicyEnforced"}, "docs/how-to/dedicated-nodes.md"),
    "quota": ("judge.quota", {"QuotaSynced"}, "docs/explanation/quota.md"),
    "rules": ("judge.tenant", {"PolicyEnforced"}, "docs/reference/policies.md"),
    "install": ("judge.isolation", {"Verified"}, "docs/how-to/install-on-eks.md"),
    "space": ("judge.space", {"Ready"}, "docs/how-to/spaces.md"),
    "tenant": ("judge.tenant", {"Ready"}, "docs/explanation/how-it-works.md"),
}
"""Every feature has three places. A room without its check and its page fails here."""


def name_of(module: Path) -> str:
    return str(module.relative_to(ROOT))


def rooms() -> set[str]:
    found = {
        path.stem for path in (SRC / "render").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    return found - {"__init__"}


def chains() -> dict[str, set[str]]:
    """Module in judge/ -> the conditions that its chains make."""
    found = {}
    for module in (quota, space, tenant):
        own = {one.condition for one in vars(module).values() if isinstance(one, Chain)}
        found[module.__name__.removeprefix("cotenant.")] = own
    return found


@pytest.mark.parametrize("module", [*MODULES, *TESTS], ids=name_of)
def test_a_module_is_short_and_a_noun(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LONGEST
    assert NO_NOUNS.isdisjoint({module.stem, *(part.name for part in module.parents)} - {"src"})


def test_layers_are_kept() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_is_in_the_table_and_nothing_else() -> None:
    assert rooms() == set(FEATURES)


@pytest.mark.parametrize("room", FEATURES)
def test_a_feature_has_a_room_a_check_and_a_page(room: str) -> None:
    judged_by, conditions, page = FEATURES[room]
    importlib.import_module(f"cotenant.{judged_by}")
    assert conditions <= set(CONDITIONS)
    if judged_by in chains():
        assert conditions <= chains()[judged_by]
    assert (ROOT / page).is_file(), f"render/{room} has no page {page}"
    assert len((ROOT / page).read_text()) > 300


def test_every_condition_that_a_chain_makes_is_in_the_reference() -> None:
    assert set().union(*chains().values()) <= set(CONDITIONS)


def findings() -> Iterator[tuple[str, str]]:
    """(file, reason) of every Finding that any module makes."""
    for module in MODULES:
        if "from cotenant.model.finding import" not in module.read_text():
            continue  # another Finding
        for node in ast.walk(ast.parse(module.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"):
                continue
            for one in texts(node.args[0], module):
                yield name_of(module), one


def texts(argument: ast.expr, module: Path) -> Iterable[str]:
    """The reasons that the first argument of a Finding may be. Passing one on from another Finding adds none."""
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    if isinstance(argument, ast.Attribute) and argument.attr == "reason":
        return []
    if isinstance(argument, ast.Name):
        assigned = [
            node.value
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == argument.id
        ]
        return [str(one.value) for value in assigned for one in ast.walk(value) if isinstance(one, ast.Constant) and one.value in REASONS]  # fmt: skip
    raise AssertionError(f"{module}: a reason that no reader can look up: {ast.unparse(argument)}")


def test_every_reason_is_on_the_closed_list_and_none_on_it_is_dead() -> None:
    used = {reason for _, reason in findings()}
    assert used - set(REASONS) == set()
    assert set(REASONS) - used == set()


def public(module: Path) -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods by name."""

    def of(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
        for one in ast.iter_child_nodes(node):
            if isinstance(one, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not one.name.startswith("_"):
                yield f"{prefix}{one.name}", one
                if isinstance(one, ast.ClassDef):
                    yield from of(one, f"{prefix}{one.name}.")

    tree = ast.parse(module.read_text())
    yield "the module", tree
    yield from of(tree, "")


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_what_is_public_says_what_it_is(module: Path) -> None:
    # In the local control plane and the demo's story, nobody else's code calls functions: modules and classes are enough.
    inside = module.is_relative_to(SRC / "local") or module.is_relative_to(SRC / "cli" / "story")
    kinds = (ast.Module, ast.ClassDef) if inside else (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    silent = [
        name
        for name, node in public(module)
        if isinstance(node, kinds) and not ast.get_docstring(node) and not name.startswith("pytest_")
    ]
    assert silent == []


@pytest.mark.parametrize("module", [one for one in MODULES if one.relative_to(SRC).parts[0] in PURE], ids=name_of)
def test_pure_rooms_know_no_loop_no_network_and_no_clock(module: Path) -> None:
    tree = ast.parse(module.read_text())
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            sampled = name == "random" and module.parent.name == "isolation"  # a seed is passed in
            assert sampled or name not in IMPURE, f"{name_of(module)} imports {name}"
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("datetime", "date")
        ):
            assert node.attr not in ("now", "utcnow", "today"), f"{name_of(module)} looks at the clock"
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await), f"{name_of(module)} awaits"


def committed() -> list[Path]:
    """Text files that belong to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:  # an unpacked source archive has no history
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.splitlines() if not name.endswith((".png", ".svg", ".sum"))]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


# Put together, lest this file is its own finding.
PLACES = re.compile(
    "|".join(
        [
            "/ho" + "me/(?!me/)[a-z]",
            "/Use" + "rs/",
            "/ro" + "ot/",
            "(?<![a-z.])/wo" + "rk/",
            r"(?<![\w.])/tm" + "p/[a-z]+/",
        ]
    )
)
INDEXES = re.compile(
    "|".join(
        [
            "pypi" + r"\.org",
            "pythonho" + "sted",
            "--index" + "-url",
            "artifac" + "tory",
            "nexus" + r"\.",
            "proxy" + r"\.golang",
        ]
    )
)


@pytest.mark.parametrize(("what", "pattern"), [("a place on some machine", PLACES), ("an index of packages", INDEXES)])
def test_the_repository_names_no_place_of_its_makers(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in committed()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], what


SILENCED = re.compile(r"#\s*(noqa|type:\s*ignore|nosec|pragma)\b(?P<rest>.*)$")
REASON = re.compile(r"^(:\s*[A-Z0-9, ]+|: no cover|\[[a-z0-9, -]+\])\s*(-|#)\s+\S.{3,}")


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=name_of)
def test_who_silences_a_checker_says_why(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if path.samefile(__file__) or not (found := SILENCED.search(line)):
            continue
        assert REASON.match(found["rest"]), f"{name_of(path)}:{number}: {line.strip()}"


def test_reasons_that_pass_by_themselves_are_documented_as_such() -> None:
    page = (ROOT / "docs/reference/conditions.md").read_text()
    marks = dict(re.findall(r"^\| `(\w+)` \| (yes)? ?\|", page, re.MULTILINE))
    assert {reason for reason in REASONS if marks[reason]} == MOVING


def skips(path: Path) -> Iterator[tuple[str, bool]]:
    """(source, reason given) of whatever skips a test or expects it to fail, as mark or as call."""
    tree = ast.parse(path.read_text())
    calls = {id(one.func): one for one in ast.walk(tree) if isinstance(one, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pytest":  # under a name that is not looked for below
            yield from ((one.name, False) for one in node.names if one.name in {*SKIPPING, "mark"})
        if isinstance(node, ast.Attribute) and node.attr in SKIPPING and ast.unparse(node.value).startswith("pytest"):
            call = calls.get(id(node))
            said = [one.value for one in call.keywords if one.arg == "reason"] if call else []
            said += call.args if call and ast.unparse(node) == "pytest.skip" else []
            yield ast.unparse(call or node), any(not isinstance(one, ast.Constant) or bool(one.value) for one in said)


SKIPPING = {"skip", "skipif", "xfail", "importorskip"}
ALLOWED = {
    "tests/plane/install/admission/test_pools.py": "Kubernetes before 1.36 serves no mutating policies",
    "tests/plane/local/test_lifetime.py": "somebody said by a flag that no plane may be started",
    "tests/unit/cli/test_lint.py": "no file is closed to root",
    "tests/unit/local/test_builder.py": "there is no Go",
    "tests/unit/local/test_proc.py": "Linux only",
    "tests/unit/local/test_supervisor.py": "Linux only",
    "tests/unit/model/escrow/test_exploration.py": "takes long; a variable asks for it",
    "tests/unit/test_house.py": "an unpacked source archive has no history",
}
"""Files that may skip something, at one place each, and why."""


def test_no_test_is_skipped_or_expected_to_fail_without_a_reason() -> None:
    found = {name_of(path): list(skips(path)) for path in TESTS}
    assert {name: [said for said, _ in all_] for name, all_ in found.items() if not all(why for _, why in all_)} == {}
    assert {name: len(all_) for name, all_ in found.items() if all_} == dict.fromkeys(ALLOWED, 1)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pytest\npytest.skip()", [False]),
        ("import pytest\npytest.skip('')", [False]),
        ("import pytest\npytest.skip('no Go')", [True]),
        ("import pytest\n@pytest.mark.skip\ndef test_a(): ...", [False]),
        ("import pytest\n@pytest.mark.xfail(strict=True)\ndef test_a(): ...", [False]),
        ("import pytest\n@pytest.mark.skipif(True, reason='x')\ndef test_a(): ...", [True]),
        ("from pytest import skip\nskip('no Go')", [False]),
    ],
)
def test_the_watchdog_sees_every_way_to_skip(tmp_path: Path, source: str, expected: list[bool]) -> None:
    (tmp_path / "test_a.py").write_text(source)
    assert [why for _, why in skips(tmp_path / "test_a.py")] == expected
