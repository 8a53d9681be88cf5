"""cotenant installed on a real control plane, with its operator as a process of its own, and people with kubectl."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cotenant.kube.resource import BY_KIND, Resource, resource_of
from cotenant.local.audit import Mark, Request
from cotenant.local.handle import Handle
from cotenant.model.platform import BUILT_IN_ROLES, Platform
from cotenant.render.install import InstallValues, render

KUBECTL = str(Path(sys.executable).with_name("kubectl"))
OPERATOR = "system:serviceaccount:cotenant-system:cotenant"
PLATFORM = Platform(roles=(*BUILT_IN_ROLES, "backend-developer", "frontend-developer", "developer"))
"""The built-in roles, and those that the walkthroughs define."""
KINDS: dict[str, Resource] = {kind: found for (_, kind), found in BY_KIND.items()}
APPLY = "application/apply-patch+yaml"
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a kubectl said."""

    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def ok(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.text}(exit {self.code})"


class Person:
    """Somebody with a client certificate and a stock kubectl."""

    def __init__(self, cluster: Cluster, name: str, groups: Sequence[str], kubeconfig: Path) -> None:
        self.cluster, self.name, self.groups, self.kubeconfig = cluster, name, tuple(groups), kubeconfig

    def __repr__(self) -> str:
        return f"{self.name} {list(self.groups)}"

    def kubectl(self, *arguments: str, stdin: str | Manifest | None = None, timeout: float = 300) -> Answer:
        text = json.dumps(stdin) if isinstance(stdin, dict) else stdin
        environment = {
            **self.cluster.plane.environment(self.kubeconfig),
            "KUBECACHEDIR": str(self.cluster.folder / "kubectl"),
        }
        done = subprocess.run(
            [KUBECTL, *arguments],
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Answer("kubectl " + " ".join(arguments), done.returncode, done.stdout, done.stderr)

    def apply(self, manifest: str | Manifest, *arguments: str) -> Answer:
        return self.kubectl("apply", "-f", "-", *arguments, stdin=manifest)

    def run_pod(self, name: str, *, namespace: str, image: str = "nginx") -> Answer:
        return self.kubectl("run", name, f"--image={image}", "-n", namespace)

    def may(self, verbs: str, what: str, *, namespace: str = "", name: str = "") -> dict[str, bool]:
        """What the API server's authorizer says to each verb; `what` is `pods`, `pods/exec` or `deployments.apps`."""
        kind, _, subresource = what.partition("/")
        kind, _, group = kind.partition(".")
        attributes = {
            "resource": kind,
            "group": group,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
        }
        answers = {}
        for verb in verbs.split():
            spec = {"user": self.name, "groups": [*self.groups, "system:authenticated"]}
            spec |= {"resourceAttributes": attributes | {"verb": verb}}
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
            found = self.cluster.plane.wire().expect("POST", KINDS["SubjectAccessReview"].path(), body)
            answers[verb] = bool(found["status"].get("allowed"))
        return answers


class Operator:
    """The product's process, with nothing but a token of its ServiceAccount."""

    def __init__(self, plane: Handle, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "operator.log"
        self.flags: tuple[str, ...] = ()
        """Further ones, such as --assist."""
        self.environment: dict[str, str] = {}
        self.port = 0

    def start(self) -> None:
        """Returns when every cache is synced."""
        assert self.process is None
        self.port = free_port()
        kubeconfig = self.plane.service_account(PLATFORM.namespace, PLATFORM.service_account)
        command = [sys.executable, "-m", "cotenant", "operator", "--kubeconfig", str(kubeconfig)]
        command += ["--http", f"127.0.0.1:{self.port}", *self.flags]
        environment = os.environ | self.environment
        with self.log.open("ab") as log:
            # The same folder each time: its name is part of the identity by which a restart knows its own Lease.
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 180
        while not self.ready():
            assert self.process.poll() is None, f"the operator ended:\n{self.tail()}"
            if time.monotonic() > deadline:
                raise TimeoutError(f"the operator is not ready:\n{self.tail()}")
            time.sleep(0.02)

    def ready(self) -> bool:
        return self.http("/readyz")[0] == 200

    def http(self, path: str) -> tuple[int, str]:
        """Status and text; 0 when nobody listens."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def kill(self) -> None:
        """SIGKILL: no goodbye of any kind."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(90)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tail(self, start: int = 0, lines: int = 60) -> str:
        with self.log.open("rb") as log:
            log.seek(start)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


class Cluster:
    """A plane with cotenant on it. `get`, `list`, `apply`, `patch`, `delete` are the administrator's, without kubectl."""

    def __init__(self, plane: Handle, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        self.operator = Operator(plane, folder)
        self.admin = Person(self, "kubernetes-admin", ["system:masters"], plane.kubeconfig)

    def install(self) -> None:
        mutating = self.plane.wire().json("GET", KINDS["MutatingAdmissionPolicy"].path())[0] == 200
        for manifest in render(InstallValues(platform=PLATFORM), with_operator=False):
            if manifest["kind"].startswith("MutatingAdmissionPolicy") and not mutating:
                continue
            self.apply(manifest, manager="cotenant-install")
            if manifest["kind"] == "CustomResourceDefinition":
                self._established(manifest)

    def _established(self, definition: Manifest) -> None:
        names, group = definition["spec"]["names"], definition["spec"]["group"]
        deadline = time.monotonic() + 120
        for server in range(len(self.plane.urls)):
            path = f"/apis/{group}/v1alpha1/{names['plural']}"
            while self.plane.wire(server).json("GET", path)[0] != 200:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{path} is not served")
                time.sleep(0.02)

    def user(self, name: str, *groups: str, server: int = 0) -> Person:
        return Person(self, name, groups, self.plane.user(name, groups, server=server))

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        status, found = self.plane.wire().json("GET", KINDS[kind].path(namespace or None, name))
        assert status in (200, 404), found
        return dict(found) if status == 200 else None

    def there(self, kind: str, name: str, namespace: str = "") -> Manifest:
        found = self.get(kind, name, namespace)
        assert found is not None, f"no {kind} {namespace}/{name}"
        return found

    def list(self, kind: str, namespace: str = "", labels: str = "") -> list[Manifest]:
        path = KINDS[kind].path(namespace or None)
        items: list[Manifest] = self.plane.raw(f"{path}?labelSelector={labels}")["items"]
        return items

    def names(self, kind: str, namespace: str = "") -> set[str]:
        return {one["metadata"]["name"] for one in self.list(kind, namespace)}

    def apply(self, manifest: Manifest, *, manager: str = "test") -> Manifest:
        """Server-side apply, as the administrator."""
        metadata = manifest["metadata"]
        path = resource_of(manifest).path(metadata.get("namespace"), metadata["name"])
        status, found = self.plane.wire().json(
            "PATCH", f"{path}?fieldManager={manager}&force=true", manifest, **{"Content-Type": APPLY}
        )
        assert status in (200, 201), f"{manifest['kind']} {metadata['name']}: {found.get('message')}"
        return dict(found)

    def patch(self, kind: str, name: str, change: Manifest, namespace: str = "", *, subresource: str = "") -> Manifest:
        """A merge patch."""
        path = KINDS[kind].path(namespace or None, name, subresource or None)
        return dict(self.plane.wire().expect("PATCH", path, change))

    def replace(
        self, path: str, change: Callable[[Manifest], Any], *, by_operator: bool = False, part: str = ""
    ) -> tuple[int, Manifest]:
        """PUT of what is there as `change` left it. Controllers write too: who comes too late reads it again.

        part: `/status` writes the subresource.
        """
        while True:
            there = self.plane.wire().expect("GET", path)
            change(there)
            send = self.as_operator if by_operator else self.plane.wire().json
            status, answer = send("PUT", path + part, there)
            if status != 409:
                return status, dict(answer)

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        self.plane.wire().expect("DELETE", KINDS[kind].path(namespace or None, name))

    def as_operator(self, method: str, path: str, body: Manifest | None = None) -> tuple[int, Manifest]:
        """Status and answer of a request that only the operator may make."""
        status, found = self.plane.wire().json(
            method, path, body, **{"Impersonate-User": OPERATOR, "Impersonate-Group": "system:masters"}
        )
        return status, dict(found)

    def label(self, namespace: str, **labels: str | None) -> None:
        """Labels of a namespace; None takes one off. `__` in a key stands for `/`, `_` for `-`."""
        self.patch("Namespace", namespace, {"metadata": {"labels": spelled(labels)}})

    def annotate(self, kind: str, name: str, namespace: str = "", **notes: str | None) -> None:
        """Annotations of cotenant.dev/ on an object; None takes one off."""
        keys = {f"cotenant.dev/{key.replace('_', '-')}": value for key, value in notes.items()}
        self.patch(kind, name, {"metadata": {"annotations": keys}}, namespace)

    def writes(self, mark: Mark) -> list[Request]:
        """What the operator has written since the mark, without its Lease and events."""
        found = self.plane.audit_since(mark, user=OPERATOR, writes=True)
        return [one for one in found if not one.resource.endswith(("leases", "events"))]


def spelled(labels: dict[str, str | None]) -> dict[str, str | None]:
    """Keyword arguments as label keys."""
    return {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}


def free_port() -> int:
    """Of those that the system gives to nobody who asks for any: until it is used, no connection takes it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def in_words(requests: Sequence[Request]) -> list[str]:
    """Requests in short, for the message of a failed test."""
    return [f"{one.verb} {one.resource} {one.namespace}/{one.name} {one.code}" for one in requests]
