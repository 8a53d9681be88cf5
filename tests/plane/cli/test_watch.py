"""`cotenant get -w` as a process."""

from __future__ import annotations

import signal
import subprocess
from threading import Thread

import pytest

from installation import Person
from plane.cli.program import PROGRAM
from vocabulary import eventually, given_space, given_tenant

pytestmark = pytest.mark.cluster


class Watch:
    """`cotenant get … -w` as a process."""

    def __init__(self, person: Person, *arguments: str) -> None:
        program = [*PROGRAM, "get", *arguments, "--kubeconfig", str(person.kubeconfig)]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.reader = Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()

    def says(self, *words: str) -> str:
        """The first line with all of these words."""
        return eventually(lambda: next((line for line in self.lines if set(words) <= set(line.split())), ""))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self.reader.join(60)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def test_watch_prints_what_changes_until_ctrl_c(cluster):
    team = given_tenant(cluster, "watched", spaces=["dev"])
    for person, noun in ((cluster.admin, "spaces"), (team.owner, "spaces"), (team.owner, "tenants")):
        name = f"by-{noun}-{len(person.name)}"
        scope = ("--tenant", team.name) if noun == "spaces" else (team.name,)
        watch = Watch(person, noun, *scope, "-w")
        try:
            watch.says("dev" if noun == "spaces" else team.name)
            given_space(team, name)
            if noun == "spaces":
                watch.says(name, team.namespace(name), "Ready", "True")
            else:
                watch.says(team.name, "True", "4/4")
        finally:
            code = watch.stop()
        assert code == 130
        assert [line.split()[0] for line in watch.lines].count("NAME") == 1


def test_watch_prints_documents_too(cluster):
    team = given_tenant(cluster, "stream", spaces=["dev"])
    watch = Watch(cluster.admin, "spaces", "--tenant", team.name, "-w", "-o", "name")
    try:
        watch.says("space.cotenant.dev/dev")
        given_space(team, "more")
        watch.says("space.cotenant.dev/more")
    finally:
        watch.stop()
