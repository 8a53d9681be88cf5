"""The endpoint as one of the plane's programs: AWS' door over http, the API server's webhooks over https with its certificate."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cotenant.local import state
from cotenant.local.eks import awsauth
from cotenant.local.eks.awsauth import AwsAuth
from cotenant.local.eks.clock import utc
from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.endpoint import Endpoint
from cotenant.local.eks.journal import Journal
from cotenant.local.eks.listener import Listener
from cotenant.local.eks.order import CERTIFICATE, Order
from cotenant.local.eks.service import Place
from cotenant.local.eks.signin import SignIn
from cotenant.local.eks.token import Verifier
from cotenant.local.eks.webhook import Webhook
from cotenant.local.errors import ControlPlaneError
from cotenant.local.wire import Wire, strict_context

_LIST = f"/api/v1/namespaces/{awsauth.NAMESPACE}/configmaps?fieldSelector=metadata.name%3D{awsauth.NAME}"
_IDLE = 600.0


class Reader:
    """aws-auth, followed by a watch. Without the ConfigMap nobody is mapped."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self.now = AwsAuth()

    def run(self) -> None:
        while True:
            try:
                self._follow()
            except (OSError, ControlPlaneError, ValueError, KeyError) as error:
                say(f"aws-auth is not read: {error}; again in 0.5 s")
                time.sleep(0.5)

    def _follow(self) -> None:
        while not (url := address(self._order)):
            time.sleep(0.1)
        pki = Path(self._order.pki)
        context = strict_context(pki / "ca.crt", pki / f"{CERTIFICATE}.crt", pki / f"{CERTIFICATE}.key")
        wire = Wire(url, context, agent="eks-authenticator")
        listing = wire.expect("GET", _LIST)
        wire.close()
        self._take(listing["items"][0] if listing["items"] else {})
        version = listing["metadata"]["resourceVersion"]
        for line in wire.watch(f"{_LIST}&watch=1&timeoutSeconds=540&resourceVersion={version}", idle=_IDLE):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise ControlPlaneError(event["object"].get("message", "watch error"))
            self._take({} if event["type"] == "DELETED" else event["object"])

    def _take(self, found: dict[str, Any]) -> None:
        self.now = awsauth.parse(found.get("data") or {})
        for problem in self.now.problems:
            say(f"aws-auth: {problem}")


def address(order: Order) -> str:
    """The API server's, "" while it has none yet."""
    found = state.read(Path(order.state))
    return found.urls[0] if found is not None and found.urls else ""


def say(line: str) -> None:
    sys.stdout.write(f"{utc().isoformat(timespec='milliseconds')} {line}\n")
    sys.stdout.flush()


def serve(order: Order) -> None:
    """Returns never; ends with the plane."""
    pki, journal = Path(order.pki), Journal(Path(order.journal))
    ca = (pki / "ca.crt").read_bytes()
    cluster = Cluster(**{**order.cluster, "accounts": tuple(order.cluster["accounts"])})
    endpoint = Endpoint(
        cluster,
        journal=journal,
        place=lambda: Place(address(order), ca, order.version),
        port=order.aws_port,
        key=(pki / "sa.crt").read_bytes(),
    )
    reader = Reader(order)
    sign_in = SignIn(endpoint.front.service, lambda: reader.now)
    own = endpoint.url.removeprefix("http://")
    webhook = Webhook(Verifier(cluster.name, own, utc), sign_in, journal, utc)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=ca.decode())
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(pki / "serving.crt", pki / "serving.key")
    Listener(webhook, order.webhook_port, tls).start()
    with endpoint:
        answer = Path(order.answer)
        part = answer.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            keys = {account: endpoint.administrator(account) for account in (cluster.account, *cluster.accounts)}
            json.dump({"url": endpoint.url, "cluster": asdict(cluster), "administrators": keys}, file)
        part.replace(answer)
        say(f"ready on {endpoint.url}")
        threading.Thread(target=reader.run, daemon=True).start()
        threading.Event().wait()


def main() -> None:
    """Argument: the file of an Order."""
    serve(Order.load(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
