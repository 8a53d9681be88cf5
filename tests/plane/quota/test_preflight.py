"""Two API servers behind one address, of which one was started without the plugin that runs policies."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cotenant.local import LocalControlPlane
from cotenant.model.platform import Platform
from installation import Cluster
from vocabulary import condition, eventually, expect_condition, expect_ready, given_tenant

pytestmark = pytest.mark.cluster
OFF = "--disable-admission-plugins=ValidatingAdmissionPolicy"
SECOND = "kube-apiserver-2"


class Balancer:
    """One address: its connections are handed out by turns, and stay where they are."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self.turns = itertools.cycle(urlsplit(url).port for url in urls)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open: set[socket.socket] = set()
        self.served = threading.Thread(target=self.serve, daemon=True)
        self.served.start()

    def serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", next(self.turns)))
            except OSError:
                near.close()
                continue
            self.open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pass_on, args=(one, other), daemon=True).start()

    def pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while said := one.recv(65536):
                other.sendall(said)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.served.join()
        for one in self.open:
            one.close()


@pytest.fixture
def uneven(tmp_path_factory) -> Iterator[Cluster]:
    """The operator knows both API servers by one address alone."""
    with LocalControlPlane(apiservers=2, extra_args={SECOND: [OFF]}) as plane:
        balancer, platform = Balancer(plane.urls), Platform()
        found = Cluster(plane, tmp_path_factory.mktemp("operator"))
        try:
            found.install()
            own = plane.service_account(platform.namespace, platform.service_account)
            through = own.with_name("balanced.kubeconfig")
            through.write_text(own.read_text().replace(plane.url, balancer.url))
            found.operator.flags = ("--kubeconfig", str(through))
            found.operator.start()
            yield found
        finally:
            found.operator.stop()
            balancer.close()


def mend(plane: LocalControlPlane) -> None:
    """The second API server again, with its plugins."""
    old = next(one for one in plane.state.programs if one.name == SECOND)
    words = Path(f"/proc/{old.pid}/cmdline").read_text().rstrip("\0").split("\0")
    os.kill(old.pid, signal.SIGKILL)

    def runs() -> bool:
        return {one.name: running for one, running in plane.programs()}[SECOND]

    def answers() -> bool:
        """Somebody's connection may have got its port meanwhile: then it ends again at once."""
        if not runs():
            plane.run(SECOND, [word for word in words if word != OFF])
        return bool(plane.answers(1, 2))

    eventually(lambda: not runs())
    eventually(answers, within=30, every=0.5)


def test_no_space_opens_while_one_api_server_runs_no_policies_and_all_do_when_it_is_mended(uneven) -> None:
    sound, lax = (urlsplit(url).netloc for url in uneven.plane.urls)
    team = given_tenant(uneven, "uneven", spaces=["dev"], ready=False, quota={"hard": {"pods": 4}})

    expect_condition(team.tenant, "QuotaNotStrict", f"on API server {lax}: no new space", of="QuotaSynced")
    expect_condition(team.tenant, "QuotaNotStrict", f"on API server {lax}: no new space", of="PolicyEnforced")
    expect_condition(team.tenant, "AccountingNotProven", f"on API server {lax}, so", of="StrictAccounting")
    said = eventually(lambda: condition(team.space("dev"))[2])
    assert f"not in force on API server {lax}; if it stays: cotenant install" in said
    assert "ValidatingAdmissionPolicy is off there" in said
    assert sound not in said
    assert uneven.names("RoleBinding", team.namespace("dev")) == set()

    mend(uneven.plane)
    expect_ready(team, "dev")
    expect_condition(team.tenant, "Synced", of="QuotaSynced")
    expect_condition(team.tenant, "Synced", of="PolicyEnforced")
    expect_condition(team.tenant, "Strict", of="StrictAccounting")
    assert uneven.names("RoleBinding", team.namespace("dev")) != set()
