"""The assist webhook: it allows every pod, a few of them a moment later. See controllers/assist.py for why."""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from cotenant.api.workload import PodSpec
from cotenant.runtime.metrics import Metrics
from cotenant.serve.keyring import Keyring

log = structlog.get_logger()

PATH = "/assist"
SECONDS = 0.9
"""For which a pod may wait; the API server gives up after one second, and goes on without us."""
LARGEST = 4 * 2**20
"""Bytes of a review: the API server takes no object above 3 MiB."""


class Help(Protocol):
    """What moves quota; controllers.assist.Assist is one."""

    async def help(self, namespace: str, pod: PodSpec, seconds: float) -> str:
        """Returns when there is quota, or nothing can be done, or the time is over; says which in a word or two."""


class Pod(Struct):
    """What of a pod matters here."""

    spec: PodSpec = PodSpec()


class Request(Struct, rename="camel"):
    """AdmissionRequest, as far as we look at it."""

    uid: str
    namespace: str = ""
    operation: str = ""
    dry_run: bool = False
    object: msgspec.Raw = msgspec.Raw(b"null")


class Review(Struct):
    """AdmissionReview."""

    request: Request


REVIEW, POD = msgspec.json.Decoder(Review), msgspec.json.Decoder(Pod)


def application(helper: Help, metrics: Metrics) -> web.Application:
    """The app. Whatever it is asked, it changes nothing of the object and refuses nothing."""

    async def assist(request: web.Request) -> web.Response:
        began = asyncio.get_running_loop().time()
        try:
            asked = REVIEW.decode(await request.read()).request
        except msgspec.MsgspecError as error:
            return web.Response(status=400, text=f"no AdmissionReview: {error}\n")
        outcome = await answer(helper, asked, SECONDS - (asyncio.get_running_loop().time() - began))
        metrics.assists.labels(outcome).inc()
        body = {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {"uid": asked.uid, "allowed": True},
        }
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    app = web.Application(client_max_size=LARGEST)
    app.add_routes([web.post(PATH, assist)])
    return app


async def answer(helper: Help, asked: Request, seconds: float) -> str:
    """How it ended. A dry run moves nothing: nothing will be charged."""
    if asked.dry_run or asked.operation != "CREATE":
        return "unconcerned"
    try:
        pod = POD.decode(asked.object)
        return await helper.help(asked.namespace, pod.spec, seconds)
    except msgspec.MsgspecError:
        return "unconcerned"  # the API server will say what is wrong with it
    except Exception:
        # Without an answer the API server would wait for nothing, and say that we are broken; it goes on either way.
        log.exception("assist failed", namespace=asked.namespace)
        return "failed"


async def serve(address: str, helper: Help, metrics: Metrics, keyring: Keyring) -> None:
    """Serves on `host:port` until cancelled, as soon as there is a certificate. Raises OSError if the port is taken."""
    await keyring.ready.wait()
    host, _, port = address.rpartition(":")
    runner = web.AppRunner(application(helper, metrics), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port), ssl_context=keyring.context).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
