"""An API on loopback that pages, throttles, fails and changes its schema, as the tests tell it to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "let-me-in"
Item = dict[str, Any]


@dataclass
class Api:
    """What the server holds and how it misbehaves."""

    url: str = ""
    contacts: list[Item] = field(default_factory=list)
    orders: list[Item] = field(default_factory=list)
    lines: dict[str, list[Item]] = field(default_factory=dict)
    page_size: int = 2
    throttle: int = 0
    fail_from: int | None = None
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tokens_given: int = 0

    def paths(self) -> list[str]:
        """Paths asked, in order."""
        return [path for path, _ in self.requests]


@contextmanager
def serve() -> Iterator[Api]:
    """Run the API for a while."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            api.tokens_given += 1
            self._answer(200, {"access_token": TOKEN, "expires_in": 3600})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            api.requests.append((parts.path, query))
            if api.throttle:
                api.throttle -= 1
                self._answer(429, {"error": "slow down"}, {"Retry-After": "1"})
            elif TOKEN not in (self.headers.get("Authorization") or self.headers.get("X-Api-Key") or ""):
                self._answer(401, {"error": "who are you"})
            elif api.fail_from is not None and len(api.requests) >= api.fail_from:
                self._answer(500, {"error": "down"})
            else:
                self._serve(parts.path, query)

        def _serve(self, path: str, query: dict[str, str]) -> None:
            if path == "/contacts":
                since = query.get("updated_since", "")
                found = [one for one in api.contacts if (one.get("updated_at") or "~") >= since]
                start = int(query.get("cursor") or 0)
                after = start + api.page_size
                body: Item = {"data": {"items": found[start:after]}}
                body["next"] = str(after) if after < len(found) else None
                self._answer(200, body)
            elif path == "/orders":
                start = int(query.get("offset") or 0)
                self._answer(
                    200,
                    {
                        "orders": api.orders[start : start + int(query.get("limit") or 2)],
                        "total": len(api.orders),
                    },
                )
            elif path == "/by_page":
                page = int(query.get("page") or 1)
                self._answer(200, api.orders[(page - 1) * api.page_size : page * api.page_size])
            elif path == "/by_link":
                start = int(query.get("from") or 0)
                after = start + api.page_size
                link = (
                    {"Link": f'<{api.url}/by_link?from={after}>; rel="next"'}
                    if after < len(api.orders)
                    else {}
                )
                self._answer(200, api.orders[start:after], link)
            elif path.startswith("/orders/") and path.endswith("/lines"):
                self._answer(200, api.lines.get(path.split("/")[2], []))
            else:
                self._answer(404, {"error": "no such thing"})

        def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
