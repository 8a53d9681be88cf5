"""An HTTP server on loopback, of standard library only: every request becomes a value, and its answer comes from one."""

from __future__ import annotations

import contextlib
import ssl
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cotenant.local.eks.message import Answer, Request

_LIMIT = 1 << 20


class Listener:
    """`handle` is called from many threads. With a TLS context it speaks https."""

    def __init__(self, handle: Callable[[Request], Answer], port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._server = _Server(("127.0.0.1", port), _handler(handle))
        if tls is not None:
            # The handshake belongs into the thread of the connection, or one silent client stops everybody.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news; anything else is a fault of ours and belongs into the log."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError, ssl.SSLError)):
            traceback.print_exc()


def _handler(handle: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 120

        def handle_one_request(self) -> None:
            with contextlib.suppress(ConnectionError):
                super().handle_one_request()

        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _LIMIT:
                self.send_error(413)
                return
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, path, query, headers, self.rfile.read(length))
            try:
                answer = handle(request)
            except Exception:  # noqa: BLE001 - the last frame of a server: logged, and answered as AWS does
                traceback.print_exc()
                answer = Answer(
                    500, b'{"message": "internal error, see the log"}', headers={"x-amzn-ErrorType": "ServerException"}
                )
            self.send_response(answer.status)
            for name, value in {
                "Content-Type": answer.type,
                "Content-Length": str(len(answer.body)),
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do  # noqa: N815 - names that http.server wants

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """The journal holds what happened."""

    return Handler
