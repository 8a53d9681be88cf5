"""The frame of the command line: names, exit codes, errors of one line, nothing imported too early."""

import resource
import subprocess
import sys

import click
import pytest

from cotenant import cli
from cotenant.cli import COMMANDS, Failure, answer, cotenant, program
from cotenant.kube.errors import Forbidden

HEAVY = {"aiohttp", "kubernetes", "rich", "yaml", "msgspec", "cryptography", "asyncio", "structlog", "boto3"}


def run(*arguments, code=None, **more):
    """A real process, as a shell starts it."""
    start = f"import sys; sys.argv[0] = {more.pop('argv0', 'cotenant')!r}; from cotenant.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments], capture_output=True, text=True, check=False, **more
    )
    if code is not None:
        assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def command(monkeypatch):
    """Puts a command of the test's own in the place of `version`."""

    def install(callback):
        monkeypatch.setattr(cotenant, "get_command", lambda ctx, name: click.Command(name, callback=callback))

    return install


def test_help_imports_nothing_but_click():
    program = (
        "import sys; from cotenant.cli import answer; answer(['--help'], 'cotenant');"
        f"sys.exit(','.join(sorted({HEAVY!r} & sys.modules.keys())) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stderr.strip(), done.returncode) == ("", 0)
    assert "Usage: cotenant" in done.stdout


def test_help_costs_less_than_a_fifth_of_a_second():
    def once():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run("--help", code=0)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(once() for _ in range(5)) < 0.2  # of the processor: others may use the machine at the same moment


def test_every_command_can_be_imported_and_bears_its_name():
    ctx = click.Context(cotenant)
    for name in COMMANDS:
        command = cotenant.get_command(ctx, name)
        assert isinstance(command, click.Command), name
        assert command.help, name


def test_every_line_of_the_help_fits_and_ends_with_a_full_stop():
    assert [entry.line for entry in COMMANDS.values() if not entry.line.endswith(".") or len(entry.line) > 90] == []


def test_as_a_plugin_of_kubectl_usage_begins_with_kubectl():
    assert run("--help", argv0="/usr/bin/kubectl-cotenant").stdout.startswith("Usage: kubectl cotenant ")
    assert run("get", "tenants", "--help", argv0="kubectl-cotenant").stdout.startswith(
        "Usage: kubectl cotenant get tenants "
    )
    assert program("/x/cotenant") == "cotenant"


def test_bare_it_prints_its_help():
    assert run(code=0).stdout.startswith("Usage: cotenant ")


def test_a_group_without_a_command_is_a_mistake():
    done = run("create", code=2)
    assert done.stdout == ""
    assert "Usage: cotenant create " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gett"], "no such command: gett; did you mean get? (see: cotenant --help)"),
        (["frobnicate"], "no such command: frobnicate (see: cotenant --help)"),
        (["render"], "missing option '-f' / '--filename' (see: cotenant render --help)"),
        (["get", "tenants", "\u2013\u2013as", "x"], "\u2013\u2013as: that dash is no hyphen; write --as"),
        (["get", "tenants", "\u2014as"], "\u2014as: that dash is no hyphen; write --as"),
        (["get", "tenants", "\u2013o", "json"], "\u2013o: that dash is no hyphen; write -o"),
        (
            ["tree", "\u201cbackend\u201d"],
            "\u201cbackend\u201d: curly quotes are part of the word for a shell; write 'backend'",
        ),
        (
            ["get", "spaces", "-A", "-n", "x"],
            "-A, -n and --tenant exclude each other (see: cotenant get spaces --help)",
        ),
        (
            ["get", "spaces", "--as-group", "x"],
            "--as-group needs --as: a group alone is nobody (see: cotenant get spaces --help)",
        ),
        (["tree", "backend", "-n", "x"], "TENANT and -n exclude each other (see: cotenant tree --help)"),
        (
            ["--kubeconfig", "x", "tree"],
            (
                "no such option '--kubeconfig' before the command; most options come after it: "
                "cotenant COMMAND --kubeconfig (see: cotenant --help)"
            ),
        ),
        (["render", "-f", "/nope.yaml"], "1 fault in the manifests; nothing was done"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(capsys, arguments, message):
    assert answer(arguments, "cotenant") == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == f"error: {message}"
    assert captured.out == ""


def test_an_unknown_flag_is_a_mistake_never_ignored(capsys):
    assert answer(["get", "tenants", "--chunk-size=5"], "cotenant") == 2
    assert "no such option" in capsys.readouterr().err.lower()


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_the_number_that_a_command_returns_is_the_exit_code(command, returned, code):
    command(lambda: returned)
    assert answer(["version"], "cotenant") == code


def test_an_answer_of_the_cluster_is_one_line_without_traceback(command, capsys):
    def refuse():
        raise Forbidden(403, "Forbidden", "pods is\nforbidden")

    command(refuse)
    assert answer(["version"], "cotenant") == 2
    assert capsys.readouterr().err == "error: pods is forbidden\n"


def test_our_own_faults_are_one_line_too_and_verbose_shows_the_traceback(command, capsys):
    command(lambda: {}["x"])
    assert answer(["version"], "cotenant") == 2
    assert capsys.readouterr().err.startswith("error: KeyError: 'x'; this should not happen")
    with pytest.raises(KeyError):
        answer(["-v", "version"], "cotenant")


def test_a_failure_carries_its_own_exit_code(command, capsys):
    def fail():
        raise Failure("only a part\nis known", cli.PARTLY)

    command(fail)
    assert answer(["version"], "cotenant") == 3
    assert capsys.readouterr().err == "error: only a part is known\n"


def test_ctrl_c_is_130_and_says_nothing(command, capsys):
    def interrupted():
        raise KeyboardInterrupt

    command(interrupted)
    assert answer(["version"], "cotenant") == 130
    assert capsys.readouterr().err.strip() == ""


def test_a_reader_that_has_gone_is_no_error_message(tmp_path):
    spaces = ", ".join(f"s{n}" for n in range(40))
    path = tmp_path / "t.yaml"
    path.write_text(
        "apiVersion: cotenant.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\n"
        f"spec: {{spaces: {{limit: 500, declared: [{spaces}]}}}}\n"
    )
    line = f"'{sys.executable}' -m cotenant render -f '{path}' | head -1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "apiVersion: v1\n"
    assert "Broken" not in done.stderr and "Exception" not in done.stderr


def test_a_reader_that_goes_away_is_no_error():
    start = "from cotenant.cli import main; main()"
    for arguments in (["install", "--render", "--image", "r.example.com/c:1"], ["--help"]):
        with subprocess.Popen(
            [sys.executable, "-c", start, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()  # as `| head` does
            said = process.stderr.read()
        assert (process.returncode, said) == (141, b""), arguments


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--assist", "--no-operator"], "needs --assist-url"),
        (["--assist-url", "https://10.0.0.1:9443/assist"], "together with --assist and --no-operator"),
        (["--assist", "--no-operator", "--assist-url", "http://10.0.0.1/assist"], "an https:// address"),
    ],
)
def test_an_assist_that_nobody_would_find_is_refused_before_anything_is_asked(flags, words, capsys):
    assert answer(["install", "--render", *flags], "cotenant") == 2
    assert words in capsys.readouterr().err
