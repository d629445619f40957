"""Alerts are about changes: told once, told again when it is over, and never a reason for a run to fail."""

import json
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import alerts, freshness, warehouse
from cli.config import Company, load_company
from cli.config_operations import AlertChannel
from cli.runs import RunLog
from pipelines.errors import UsageError
from tests.ops_company import CANARY, CONFIG, fill, make_company

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
FAILED_LOAD = {"load": [{"source": "crm", "error": f"{CANARY} was refused at postgres://u:secretword@db/x"}]}


class Post(BaseHTTPRequestHandler):
    """Keeps what is posted; answers with the status it is told to."""

    status = 200
    got: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        """Take a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append((self.path, self.headers.get("Authorization", ""), json.loads(body)))
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


class Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs."""

    mails: list[str]

    def handle(self) -> None:
        """One session."""
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line.decode().split()[0].upper() if line.split() else ""
            if word == "DATA":
                self.wfile.write(b"354 go on\r\n")
                text = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    text.append(line.decode())
                type(self).mails.append("".join(text))
            if word == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def post() -> Iterator[tuple[str, type[Post]]]:
    """A server for messages: its address, and the class that keeps them."""
    handler = type("Kept", (Post,), {"got": [], "status": 200})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()


def company_with(folder: Path, channels: str, promise: str = "") -> Company:
    """A filled company that alerts."""
    company = make_company(
        folder, CONFIG.replace("connector: files", f"connector: files{promise}") + f"alerts:\n{channels}"
    )
    fill(company)
    return company


def told(company: Company, code: int, stages: dict[str, Any] | None = None) -> None:
    """End a run in this way."""
    log = RunLog.begin(company, "run", AS_OF)
    alerts.tell(company, log.run_id, code, stages or {}, log)


def test_a_change_is_told_once_and_its_end_too(tmp_path: Path, post: tuple[str, type[Post]]) -> None:
    """Thirty nights of the same failure are two messages: it broke, it works again."""
    url, server = post
    company = company_with(tmp_path, f"  - {{name: hook, type: webhook, url: '{url}/x'}}\n")
    for code in (0, 1, 1, 1, 3, 0, 0):
        told(company, code)
    seen = [[(c["condition"], c["before"], c["now"]) for c in body["changes"]] for _, _, body in server.got]

    assert seen == [[("run", "ok", "failed")], [("run", "failed", "blocked")], [("run", "blocked", "ok")]]
    assert server.got[0][2]["exit_code"] == 1
    with warehouse.connect(company) as con:
        booked = con.execute(
            "select channel, changes, sent, error from ops.alerts order by alerted_at"
        ).fetchall()
    assert booked[0] == ("hook", "run: ok -> failed (exit 1)", True, None)
    assert len(booked) == 3


def test_a_channel_that_fails_is_recorded_and_told_at_the_next_run(
    tmp_path: Path, post: tuple[str, type[Post]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows yet: it is still a change; and a run never fails because of it."""
    url, server = post
    monkeypatch.setattr("cli.alert_channels.PAUSE_SECONDS", 0)
    company = company_with(
        tmp_path,
        f"  - {{name: hook, type: webhook, url: '{url}'}}\n"
        "  - {name: gone, type: slack, url: 'http://127.0.0.1:9/secretword'}\n"
        "  - {name: unset, type: slack, url: '${NO_SUCH_VARIABLE_HERE}'}\n",
    )
    server.status = 500
    told(company, 1)
    server.status = 200
    told(company, 1)
    with warehouse.connect(company) as con:
        sql = "select channel, sent, error from ops.alerts where channel = ? order by alerted_at"
        booked = {name: con.execute(sql, [name]).fetchall() for name in ("hook", "gone", "unset")}

    assert len(server.got) == 3  # twice refused, then taken
    assert booked["hook"] == [("hook", False, "HTTP 500"), ("hook", True, None)]
    assert booked["gone"][0] == ("gone", False, "ConnectError")
    assert "NO_SUCH_VARIABLE_HERE" in booked["unset"][0][2]
    assert "secretword" not in str(booked)


def test_messages_hold_no_personal_data_and_no_secret(
    tmp_path: Path, post: tuple[str, type[Post]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error quotes what it met; a message names what it is about."""
    url, server = post
    monkeypatch.setenv("HOOK_TOKEN", "secretword")
    company = company_with(
        tmp_path,
        f"  - {{name: hook, type: webhook, url: '{url}', headers: {{Authorization: 'Bearer ${{HOOK_TOKEN}}'}}}}\n"
        f"  - {{name: chat, type: slack, url: '{url}/slack'}}\n",
    )
    told(company, 4, FAILED_LOAD | {"export": [{"sync": "calls", "status": "partial", "reason": CANARY}]})
    log = next((company.dot / "logs").glob("*.ndjson")).read_text()
    (_, token, body), (path, _, chat) = server.got
    kept = json.dumps([body, chat]) + log + (company.dot / "alerts.json").read_text()

    assert token == "Bearer secretword"
    assert path == "/slack"
    assert set(chat) == {"text"}
    assert "source crm: ok -> failed" in chat["text"]
    assert {c["condition"] for c in body["changes"]} == {"run", "source crm", "sync calls"}
    assert CANARY not in kept
    assert "secretword" not in kept


def test_mail_arrives(tmp_path: Path) -> None:
    """Subject says what and where, the body how to look further."""
    handler: type[Smtp] = type("Kept", (Smtp,), {"mails": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        company = company_with(
            tmp_path / "acme",
            f"  - {{name: mail, type: email, host: 127.0.0.1, port: {port}, tls: none,"
            " from: cdp@a.example, to: [o@a.example]}\n",
        )
        told(
            company,
            3,
            {"validate": {"critical": ["marts.orders orphan_share:customer_id: 0.5, expected at most 0"]}},
        )
        server.shutdown()
    mail = handler.mails[0]

    assert "Subject: [cdp acme] run blocked" in mail
    assert "marts.orders orphan_share" in mail
    assert "cdp runs show" in mail


def test_only_what_a_channel_wants(tmp_path: Path, post: tuple[str, type[Post]]) -> None:
    """The pager is for nights; a partial run waits for the morning."""
    url, server = post
    company = company_with(tmp_path, f"  - {{name: pager, type: webhook, url: '{url}', only: [failed]}}\n")
    for code in (4, 1, 4, 0):
        told(company, code)
    seen = [[(c["before"], c["now"]) for c in body["changes"]] for _, _, body in server.got]

    assert seen == [[("ok", "failed")], [("failed", "ok")]]


def test_a_source_that_is_late_is_told_and_is_well_again(
    tmp_path: Path, post: tuple[str, type[Post]]
) -> None:
    """The load of the fixture is months old."""
    url, server = post
    company = company_with(
        tmp_path, f"  - {{name: hook, type: webhook, url: '{url}'}}\n", "\n    freshness: 26h"
    )
    told(company, 4)
    with warehouse.connect(company) as con:
        con.execute("update raw_crm._dlt_loads set inserted_at = now()")
    told(company, 0)
    (_, _, late), (_, _, well) = server.got

    assert [c["condition"] for c in late["changes"]] == ["run", "freshness crm"]
    assert "last delivery 2026-01-05 10:00 UTC, promised every 26 h" in late["text"]
    assert [(c["condition"], c["now"]) for c in well["changes"]] == [("run", "ok"), ("freshness crm", "ok")]


def test_freshness_counts_from_the_delivery(tmp_path: Path) -> None:
    """`fresh_until` lets a reader see what a blocked run cannot write; a replay is no delivery."""
    company = company_with(tmp_path, "  - {name: a, type: slack, url: 'http://x'}\n", "\n    freshness: 2d")
    with warehouse.connect(company) as con:
        con.execute("create table raw_crm._cdp_replays as select '2.5' as _dlt_load_id")
        con.execute("insert into raw_crm._dlt_loads values ('2.5', 0, now()), ('3.5', 1, now())")
        one = freshness.measure(con, company)[0]

    assert one.fresh_until == datetime(2026, 1, 7, 10)
    assert one.is_stale(datetime(2026, 1, 7, 10, 1, tzinfo=UTC))
    assert not one.is_stale(datetime(2026, 1, 7, 9, 59, tzinfo=UTC))
    assert freshness.Freshness("x", None, timedelta(hours=1)).is_stale(AS_OF)
    assert not freshness.Freshness("x", None, None).is_stale(AS_OF)


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        ("{name: a, type: slack}", "needs `url`"),
        ("{name: a, type: email, host: h}", "needs `host`, `from` and `to`"),
        ("{name: a, type: email, host: h, from: a@b, to: [c@d], password: plain}", "must be a reference"),
        ("{name: a, type: slack, url: u}\n  - {name: a, type: slack, url: u}", "two channels"),
    ],
)
def test_a_wrong_channel_is_refused(tmp_path: Path, channel: str, said: str) -> None:
    """Found by validate-config, not on the night of the failure."""
    with pytest.raises(UsageError, match=said):
        make_company(tmp_path, CONFIG + f"alerts:\n  - {channel}\n")


def test_a_lost_memory_tells_again(tmp_path: Path, post: tuple[str, type[Post]]) -> None:
    """`.cdp/` may be deleted: twice is better than never."""
    url, server = post
    company = load_company(
        company_with(tmp_path, f"  - {{name: hook, type: webhook, url: '{url}'}}\n").config_path
    )
    told(company, 1)
    (company.dot / "alerts.json").write_text("{half a fi")
    told(company, 1)

    assert len(server.got) == 2


def test_channels_are_declared_with_the_names_of_the_file() -> None:
    """`from` is a word of Python."""
    assert AlertChannel.model_validate(
        {"name": "m", "type": "email", "host": "h", "from": "a@b", "to": ["c@d"]}
    ).sender == "a@b"  # fmt: skip
