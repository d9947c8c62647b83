"""A server on this machine that tests download from."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock


@contextlib.contextmanager
def serve(files: Mapping[str, bytes], announced: Mapping[str, int] | None = None) -> Iterator[tuple[str, list[str]]]:
    """The address of a server with these files by path, and the list of the paths it is asked for.

    ``announced`` says how long a file claims to be, where that differs from what is sent.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            data = files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str((announced or {}).get(self.path, len(data))))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with mock.patch.dict(os.environ, {"no_proxy": "*", "NO_PROXY": "*"}):
            yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
