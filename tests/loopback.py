"""A server on loopback for the fakes of vendors: it hands each request to a function and keeps what came over the wire."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Call:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def path(self) -> str:
        """The path, as sent."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The query, the last value of each name."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body) if self.body else None

    @property
    def wire(self) -> str:
        """Everything of the request that others could read."""
        return f"{self.method} {self.target}\n{self.headers}\n{self.body.decode(errors='replace')}"


Answer = tuple[int, dict[str, str], Any]


@dataclass
class Loopback:
    """`answer` decides on each request; `drop` breaks the connection instead of answering."""

    answer: Callable[[Call], Answer] = lambda call: (200, {}, {})
    drop: Callable[[Call], bool] = lambda call: False
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, call: Call) -> Answer:
        """Record a request and answer it; one at a time, as fakes keep state."""
        with self.lock:
            self.calls.append(call)
            return self.answer(call)


@contextmanager
def loopback(answer: Callable[[Call], Answer] | None = None) -> Iterator[Loopback]:
    """Serve until the block ends."""
    server_state = Loopback(answer) if answer else Loopback()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = (
            True  # headers and body are two writes: the second would wait 40 ms for its turn
        )

        def handle_any(self) -> None:
            at = time.monotonic()
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                # whoever sent it was killed between headers and body: that is no request, for any receiver
                self.close_connection = True
                return
            call = Call(self.command, self.path, dict(self.headers), body, at)
            status, headers, answered = server_state.one(call)
            if server_state.drop(call):
                self.close_connection = True
                self.connection.close()
                return
            content = b"" if answered is None else json.dumps(answered).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A broken connection is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server_state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server_state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
