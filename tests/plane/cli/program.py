"""The command line as it is started in tests: within this process, or as one that hears Ctrl-C."""

from __future__ import annotations

import sys
from dataclasses import replace

from installation import Answer, Person
from program import answered


def cotenant(person: Person, *arguments: str, stdin: str = "") -> Answer:
    """`cotenant …` of somebody, without the cost of a process."""
    offline = "--kubeconfig" in arguments or arguments[0] == "render"
    given = [*arguments, *([] if offline else ["--kubeconfig", str(person.kubeconfig)])]
    return replace(answered(given, stdin=stdin), command="cotenant " + " ".join(arguments))


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
