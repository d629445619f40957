"""`preset:` with `connector: rest`: the mapping of a vendor's export reads the vendor's API as well.

The same objects come once as files and once in pages of an API on loopback, under one preset: what is staged must be equal.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.companies import BELOW_MARTS, TestCompany

FIXTURE = Path(__file__).resolve().parents[1] / "fixtures" / "presets" / "pipedrive"
TABLES = {"persons": "contacts", "organizations": "accounts", "deals": "deals", "activities": "interactions"}
TOKEN = "let-me-in"
# What says where a row came from.
ORIGIN = "source, record_id, load_id, load_seq, file, position"


def objects(name: str) -> list[dict[str, Any]]:
    """The fixture's objects: an API gives no broken line."""
    found = []
    for line in (FIXTURE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Pipedrive's list endpoints: two objects a page, a cursor in `additional_data`, a token in a header."""
    monkeypatch.setenv("PIPEDRIVE_TOKEN", TOKEN)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            start = int(parse_qs(parts.query).get("cursor", ["0"])[0])
            rows = objects(parts.path.removeprefix("/api/v2/"))
            following = str(start + 2) if start + 2 < len(rows) else None
            body: dict[str, Any] = {
                "success": True,
                "data": rows[start : start + 2],
                "additional_data": {"next_cursor": following},
            }
            self.send_response(200 if self.headers.get("x-api-token") == TOKEN else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v2"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_preset_reads_the_api_as_it_reads_the_export(tmp_path: Path, url: str) -> None:
    """Every table, in pages; a second load asks and takes nothing."""
    (tmp_path / "data").mkdir()
    for name in TABLES:
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in objects(name))
        (tmp_path / "data" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    pages = {"type": "cursor", "cursor_path": "additional_data.next_cursor", "cursor_param": "cursor"}
    api = {
        "name": "pipe_api",
        "preset": "pipedrive",
        "connector": "rest",
        "base_url": url,
        "auth": {
            "type": "api_key",
            "name": "x-api-token",
            "api_key": "${PIPEDRIVE_TOKEN}",
            "location": "header",
        },
        "paginator": pages,
        "tables": [{"name": name, "endpoint": {"path": name, "data_selector": "data"}} for name in TABLES],
    }
    files = {"name": "pipe_files", "preset": "pipedrive", "path": "data"}
    made = TestCompany(tmp_path, [files, api], {"quality": {"max_quarantine": 1}}, select=BELOW_MARTS)
    by_file, by_api = made.load()
    assert by_api.error is None
    assert by_api.received == by_file.received == {name: len(objects(name)) for name in TABLES}
    assert made.load()[1].received == {}

    made.build()
    for table in TABLES.values():
        columns = [row[0] for row in made.rows(f"select column_name from (describe staging.stg_{table})")]
        kept = ", ".join(f'"{name}"' for name in columns if name not in ORIGIN.split(", "))
        by_source = [
            [
                str(row).replace(name, "SOURCE")
                for row in made.rows(
                    f"select {kept} from staging.stg_{table} where source = '{name}' order by all"
                )
            ]
            for name in ("pipe_files", "pipe_api")
        ]
        assert by_source[0]
        assert by_source[0] == by_source[1], table
