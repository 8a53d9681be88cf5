"""The command line as it is started in tests: within this process, or as one that hears Ctrl-C."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor

from cotenant.cli import answer
from installation import Answer, Person


def cotenant(person: Person, *arguments: str, stdin: str = "") -> Answer:
    """`cotenant …` of somebody, without the cost of a process; in a thread, as it brings an event loop of its own."""
    out, err = io.StringIO(), io.StringIO()
    terminal = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(stdin), out, err
    try:
        with ThreadPoolExecutor(1) as thread:
            offline = "--kubeconfig" in arguments or arguments[0] == "render"
            given = [*arguments, *([] if offline else ["--kubeconfig", str(person.kubeconfig)])]
            code = thread.submit(answer, given, "cotenant").result(60)
    finally:
        sys.stdin, sys.stdout, sys.stderr = terminal
    return Answer("cotenant " + " ".join(arguments), code, out.getvalue(), err.getvalue())


def expect(said: Answer, code: int = 0, *texts: str) -> str:
    """The answer's stdout, if it is as expected."""
    assert said.code == code, str(said)
    for text in texts:
        assert text in said.text, str(said)
    return said.out


# Whoever runs these tests in the background hands down a SIGINT that is ignored.
HEARING = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cotenant.cli import main; main()"
)


PROGRAM = [sys.executable, "-c", HEARING]
