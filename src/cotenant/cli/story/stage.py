"""The stage: a control plane of our own, real kubectl with real identities, and an operator that can be killed.

Every act is preceded by the proof that the cluster is the one that we started: whose process, which address, which CA.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cotenant.cli.story.manifests import FILES
from cotenant.cli.story.voice import Voice
from cotenant.local.handle import Handle
from cotenant.local.plane import LocalControlPlane
from cotenant.local.proc import alive, dying_with_me
from cotenant.local.state import Program
from cotenant.model.denial import Layer, layer
from cotenant.model.platform import Platform

OPERATOR = "cotenant-operator"
SECONDS = 30.0
_SOURCE = str(Path(__file__).parents[3])
REFUSED = 403


class NotAsPromised(Exception):
    """An act that did not go as this product promises."""


class NotOurs(Exception):
    """The cluster is not, or no longer, the one that we started."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a client certificate. `prompt` is how they are shown."""

    name: str
    groups: tuple[str, ...]
    prompt: str
    namespace: str = "default"


ADMIN = Actor("", (), "admin")


class Stage:
    """One plane, its kubeconfigs, the files of the story, and the operator's process."""

    def __init__(self, plane: LocalControlPlane, kubectl: str, voice: Voice, platform: Platform) -> None:
        self.plane = plane
        self.voice = voice
        self.platform = platform
        self._kubectl = kubectl
        self._operator: Program | None = None
        self._tie = dying_with_me()
        self.files = plane.directory / "demo"
        self.files.mkdir(mode=0o700)
        for name, text in FILES.items():
            (self.files / name).write_text(text)

    def kubeconfig(self, actor: Actor) -> Path:
        """The file of somebody, after the proof that it leads to our own plane."""
        path = (
            self.plane.kubeconfig
            if actor is ADMIN
            else self.plane.user(actor.name, actor.groups, namespace=actor.namespace)
        )
        must_be_ours(self.plane, path)
        return path

    def kubectl(self, actor: Actor, command: str, *, show: bool = True) -> str:
        """Runs `kubectl command` as somebody and prints it with its answer; NotAsPromised unless it succeeds."""
        code, text = self._run(actor, command)
        if show:
            self.voice.shell(actor.prompt, f"kubectl {command}")
            self.voice.answer(text)
        if code:
            raise NotAsPromised(f"this should have worked: kubectl {command}: {text}")
        return text

    def refused(self, actor: Actor, command: str, by: Layer, *saying: str) -> str:
        """As `kubectl`, for what must be refused by one layer, with these words. Returns the answer."""
        code, text = self._run(actor, command)
        self.voice.shell(actor.prompt, f"kubectl {command}")
        self.voice.answer(text, refused=True)
        must_be_refused(code, text, by, saying)
        return text

    def cotenant(self, actor: Actor, command: str) -> str:
        """Runs a command of this program; NotAsPromised unless it answers."""
        path = self.kubeconfig(actor)
        done = self._call([*ourselves(), *command.split(), "--kubeconfig", str(path)], path)
        self.voice.shell(actor.prompt, f"cotenant {command}")
        self.voice.answer(done.stdout or done.stderr)
        if done.returncode:
            raise NotAsPromised(f"this should have worked: cotenant {command}: {done.stderr.strip()}")
        return done.stdout

    def until(self, actor: Actor, command: str, *, fails: bool) -> float:
        """Repeats a command quietly until it fails, or works; seconds that took. NotAsPromised after 30."""
        started = time.monotonic()
        while bool(self._run(actor, command)[0]) != fails:
            if time.monotonic() - started > SECONDS:
                raise NotAsPromised(f"still {'allowed' if fails else 'refused'}: kubectl {command}")
            time.sleep(0.05)
        return time.monotonic() - started

    def start_operator(self) -> None:
        """The operator as a process, with a token of its real ServiceAccount: it may do what it may on a real cluster."""
        platform = self.platform
        path = self.plane.service_account(platform.namespace, platform.service_account)
        must_be_ours(self.plane, path)
        argv = [*ourselves(), "operator", "--kubeconfig", str(path), "--http", "127.0.0.1:0"]
        # The official client writes certificates to temporary files; killed, it leaves them: so into a folder of ours.
        self._operator = self.plane.run(OPERATOR, ["env", f"TMPDIR={self.plane.directory}", *argv])

    def kill_operator(self) -> int:
        """SIGKILL, as a node that burns down would; the pid."""
        found = self._operator
        if found is None or not alive(found.pid, found.born):
            raise NotAsPromised(f"the operator has died by itself:\n{self.plane.logs(OPERATOR, 20)}")
        os.kill(found.pid, signal.SIGKILL)
        while alive(found.pid, found.born):
            time.sleep(0.01)
        return found.pid

    def _run(self, actor: Actor, command: str) -> tuple[int, str]:
        path = self.kubeconfig(actor)
        private = [f"--kubeconfig={path}", f"--cache-dir={self.plane.directory / 'kubectl-cache'}"]
        done = self._call([self._kubectl, *private, *split(command)], path)
        return done.returncode, (done.stdout + done.stderr).strip()

    def _call(self, argv: list[str], kubeconfig: Path) -> subprocess.CompletedProcess[str]:
        # Aliases and defaults of the user's own ~/.kube/kuberc would change what our commands mean.
        environment = {**self.plane.environment(kubeconfig), "KUBECTL_KUBERC": "false", "NO_COLOR": "1"}
        return subprocess.run(
            argv,
            cwd=self.files,
            env=environment,
            capture_output=True,
            text=True,
            timeout=2 * SECONDS,
            check=False,
            preexec_fn=self._tie,  # nothing of the story runs in another thread
        )


def ourselves() -> list[str]:
    """A command line that runs this very program."""
    code = f"import sys; sys.path.insert(0, {_SOURCE!r}); from cotenant.cli import main; main()"
    return [sys.executable, "-c", code]


def split(command: str) -> list[str]:
    """The words of a command line, as a shell would see them."""
    import shlex

    return shlex.split(command)


def must_be_ours(plane: Handle, kubeconfig: Path) -> None:
    """NotOurs unless we started this plane, it still runs, and the file leads to its address with its CA."""
    state = plane.state
    if not state.running or state.owner.pid != os.getpid():
        raise NotOurs(f"the control plane in {plane.directory} is not, or no longer, the one that this demo started")
    cluster = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]
    if cluster["server"] not in plane.urls:
        raise NotOurs(f"{kubeconfig} leads to {cluster['server']}, the demo's own control plane is at {plane.url}")
    if base64.b64decode(cluster["certificate-authority-data"]) != plane.ca_file.read_bytes():
        raise NotOurs(f"{kubeconfig} trusts another CA than that of the demo's own control plane")
    plane.wire().expect("GET", "/version")  # TLS: whoever answers there holds a certificate of our CA


def must_be_refused(code: int, text: str, by: Layer, saying: tuple[str, ...]) -> None:
    """NotAsPromised unless kubectl failed, this layer refused, and the answer has these words."""
    if not code:
        raise NotAsPromised("this was allowed and must be refused")
    found = layer(REFUSED, text)
    if found != by:
        raise NotAsPromised(f"refused by {found}, and should be by {by}")
    for words in saying:
        if words not in text:
            raise NotAsPromised(f"the answer does not say {words!r}")
