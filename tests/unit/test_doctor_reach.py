"""Credentials, looked at from outside: whoever answers, refuses or is silent is named, no secret is, and nothing is sent."""

import json
import socket
import socketserver
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import doctor, doctor_reach, reach
from cli.app import app
from cli.config import Company
from cli.doctor_operations import Finding
from pipelines.destination_types import TYPES
from tests.loopback import Answer, Call, loopback
from tests.ops_company import CONFIG, fill, make_company

SECRET = "secretword-us6"


@pytest.fixture(autouse=True)
def _a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the companies here are given, and less patience than people have."""
    monkeypatch.setenv("VENDOR_TOKEN", SECRET)
    monkeypatch.setattr(reach, "SECONDS", 1.0)


def company_with(folder: Path, destination: str = "", more: str = "", source: str = "") -> Company:
    """A filled company with one destination, source or channel more."""
    text = CONFIG.replace(
        "destinations:\n", f"destinations:\n  crm: {destination}\n" if destination else "destinations:\n"
    )
    text = text.replace("destinations:", f"{source}destinations:", 1) + more
    company = make_company(folder, text)
    fill(company)
    return company


def outside(company: Company) -> dict[str, Finding]:
    """Findings of what lies outside, by name; none of them may repeat a secret."""
    found = list(doctor_reach.connections(company))
    assert SECRET not in repr(found)
    assert all(finding.fix for finding in found if finding.level != "ok")
    return {finding.what: finding for finding in found}


def guarded(status: int = 200) -> Any:
    """A vendor that knows one token, in whichever of the ways tokens are shown."""

    def answer(call: Call) -> Answer:
        shown = call.headers.get("Authorization", "")
        return (status if SECRET in shown or shown.startswith("Basic ") else 401), {}, {"said": SECRET}

    return answer


HUBSPOT = "{{type: hubspot, token: '${{VENDOR_TOKEN}}', base_url: '{url}'}}"
VENDORS = {
    "hubspot": (HUBSPOT, "/account-info/v3/details"),
    "mailchimp": (
        "{{type: mailchimp, api_key: '${{VENDOR_TOKEN}}', list_id: abc, base_url: '{url}'}}",
        "/3.0/lists/abc?fields=id",
    ),
    "meta_custom_audiences": (
        "{{type: meta_custom_audiences, access_token: '${{VENDOR_TOKEN}}', audience_id: '77', base_url: '{url}'}}",
        "/v23.0/77?fields=id",
    ),
    "salesforce": (
        "{{type: salesforce, instance_url: '{url}', access_token: '${{VENDOR_TOKEN}}', external_id: Cdp__c}}",
        "/services/data/v62.0/",
    ),
}


@pytest.mark.parametrize("kind", VENDORS)
def test_a_vendor_is_asked_who_we_are(kind: str, tmp_path: Path) -> None:
    """One GET of the documented address, with the credentials that a send would use."""
    text, target = VENDORS[kind]
    with loopback(guarded()) as vendor:
        found = outside(company_with(tmp_path, text.format(url=vendor.url)))

    assert (found["destination crm"].level, found["destination crm"].why) == ("ok", "answers HTTP 200")
    assert [(call.method, call.target, call.body) for call in vendor.calls] == [("GET", target, b"")]


def test_every_type_of_destination_is_looked_at() -> None:
    """A new type says how it is asked, or what its address is."""
    assert {*reach.IDENTITY, *reach.ADDRESS, "file", "postgres"} == set(TYPES)


@pytest.mark.parametrize(
    ("status", "level", "word"),
    [
        (401, "error", "refused"),
        (403, "warning", "may not"),
        (404, "error", "not there"),
        (503, "warning", "503"),
    ],
)
def test_what_a_vendor_answers_is_told(status: int, level: str, word: str, tmp_path: Path) -> None:
    """A refusal names the variable to set; a bad hour of theirs is no error of ours."""
    with loopback(lambda call: (status, {}, {"message": SECRET})) as vendor:
        finding = outside(company_with(tmp_path, HUBSPOT.format(url=vendor.url)))["destination crm"]

    assert finding.level == level
    assert word in finding.why
    assert ("export VENDOR_TOKEN=..." in finding.fix) == (status in (401, 403))
    assert len(vendor.calls) == 1


def test_an_access_token_that_is_not_given(tmp_path: Path) -> None:
    """Google has no read of who one is; asking for a token is one."""
    text = (
        "{{type: google_customer_match, customer_id: 123-456-7890, audience_id: '1', ad_user_data: granted,"
        " ad_personalization: granted, terms_accepted: true, client_id: a, client_secret: b,"
        " refresh_token: '${{VENDOR_TOKEN}}', base_url: '{url}', token_url: '{url}/token'}}"
    )
    with loopback(lambda call: (400, {}, {"error": "invalid_grant"})) as google:
        refused = outside(company_with(tmp_path / "a", text.format(url=google.url)))["destination crm"]
    with loopback(lambda call: (200, {}, {"access_token": "t"})) as google:
        given = outside(company_with(tmp_path / "b", text.format(url=google.url)))["destination crm"]

    assert (refused.level, given.level) == ("error", "ok")
    assert [call.path for call in google.calls] == ["/token"]


def test_a_webhook_and_a_chat_are_connected_to_and_told_nothing(tmp_path: Path) -> None:
    """Whatever is sent there is a message."""
    with loopback() as hook:
        text = f"{{type: http, url: '{hook.url}/${{VENDOR_TOKEN}}'}}"
        alerts = f"alerts:\n  - {{name: chat, type: slack, url: '{hook.url}/${{VENDOR_TOKEN}}'}}\n"
        found = outside(company_with(tmp_path, text, alerts))

    assert [found[name].level for name in ("destination crm", "alert chat")] == ["ok", "ok"]
    assert hook.calls == []


@contextmanager
def deaf() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


def test_whoever_is_silent_is_waited_for_once_and_all_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six that say nothing cost no more than one; a driver without a limit of its own is left behind."""
    with deaf() as port:
        silent = HUBSPOT.format(url=f"http://127.0.0.1:{port}")
        others = "".join(f"\n  crm{n}: {silent}" for n in range(5))
        company = company_with(tmp_path, silent + others)
        clock = time.monotonic()
        found = outside(company)
        seconds = time.monotonic() - clock
        monkeypatch.setattr(doctor_reach, "TOTAL_SECONDS", 0.3)
        clock = time.monotonic()
        hurried = outside(company)["destination crm"]
        least = time.monotonic() - clock

    assert {found[name].level for name in found if "crm" in name} == {"error"}
    assert "see that it runs" in found["destination crm"].fix
    assert seconds < 4
    assert "no answer within 0.3 s" in hurried.why
    assert least < 1


def test_a_closed_port_and_a_name_nobody_knows(tmp_path: Path) -> None:
    """A channel of alerts stops no run: a warning."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alerts = (
        f"alerts:\n  - {{name: pager, type: webhook, url: 'http://127.0.0.1:{port}/'}}\n"
        "  - {name: mail, type: email, host: nobody.invalid, from: a@b.example, to: [c@d.example]}\n"
    )
    found = outside(company_with(tmp_path, HUBSPOT.format(url=f"http://127.0.0.1:{port}"), alerts))

    assert found["destination crm"].level == "error"
    assert (found["alert pager"].level, found["alert mail"].level) == ("warning", "warning")
    assert "ConnectionRefusedError" in found["alert pager"].why


API = """  - name: helpdesk
    connector: rest
    base_url: {url}
    auth: {{type: bearer, token: "${{VENDOR_TOKEN}}"}}
    tables:
      - {{name: found, entity: contact, key: [email], columns: {{email: email}}, endpoint: {{path: search, method: POST}}}}
      - name: people
        entity: contact
        key: [email]
        columns: {{email: email}}
        endpoint: {{path: v1/people, params: {{per: 1}}}}
"""


@pytest.mark.parametrize(("status", "level"), [(200, "ok"), (401, "error"), (404, "error")])
def test_an_api_is_asked_by_its_first_plain_endpoint(status: int, level: str, tmp_path: Path) -> None:
    """With the source's own way of showing its token; the rows are not read."""
    with loopback(guarded(status)) as api:
        found = outside(company_with(tmp_path, source=API.format(url=api.url)))

    assert found["source helpdesk"].level == level
    assert [(call.method, call.target) for call in api.calls] == [("GET", "/v1/people?per=1")]
    assert SECRET in api.calls[0].headers["Authorization"]


def test_a_database_is_logged_in_to_and_has_its_tables(tmp_path: Path) -> None:
    """A file that is not there, a table that is not, and both."""
    source = (
        "  - name: shop\n    connector: sql\n    url: sqlite:///shop.db\n"
        "    tables: [{name: people, entity: contact, table: members, key: [mail], columns: {email: mail}}]\n"
    )
    company = company_with(tmp_path, source=source)
    missing = outside(company)["source shop"]
    with sqlite3.connect(tmp_path / "shop.db") as con:
        con.execute("create table other (x)")
    empty = outside(company)["source shop"]
    with sqlite3.connect(tmp_path / "shop.db") as con:
        con.execute("create table members (mail)")
    there = outside(company)["source shop"]

    assert (missing.level, empty.level, there.level) == ("error", "error", "ok")
    assert "no database file shop.db" in missing.why
    assert "no table members" in empty.why


def test_a_driver_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extras are optional; the finding says which to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    text = "{type: postgres, url: 'postgresql://a:${VENDOR_TOKEN}@127.0.0.1/x', table: t, key: k}"
    found = outside(company_with(tmp_path, text))["destination crm"]

    assert (found.level, "psycopg" in found.why) == ("error", True)
    assert found.fix.startswith("pip install")


@pytest.mark.parametrize(
    ("sqlstate", "text", "state"),
    [
        ("28P01", "", "refused"),
        (None, f'FATAL: password authentication failed for user "{SECRET}"', "refused"),
        (None, "(1045, Access denied for user)", "refused"),
        ("3D000", "", "wrong"),
        (None, f"connection to {SECRET} timed out", "silent"),
    ],
)
def test_what_a_driver_says_is_read_and_not_repeated(sqlstate: str | None, text: str, state: str) -> None:
    """Errors of drivers quote users, hosts and addresses."""
    seen = reach.database_error(RuntimeError(text), sqlstate)

    assert seen.state == state
    assert SECRET not in seen.why


class Mail(socketserver.StreamRequestHandler):
    """SMTP that knows a password, and keeps every command."""

    said: list[str]
    takes = True

    def handle(self) -> None:
        """One session."""
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line.decode().split()[0].upper()
            type(self).said.append(word)
            answer = {
                "EHLO": b"250-test\r\n250 AUTH PLAIN\r\n",
                "AUTH": b"235 ok\r\n" if type(self).takes else f"535 {SECRET} is wrong\r\n".encode(),
                "QUIT": b"221 bye\r\n",
            }.get(word, b"250 ok\r\n")
            self.wfile.write(answer)
            if word == "QUIT":
                return


@pytest.mark.parametrize(("takes", "level"), [(True, "ok"), (False, "warning")])
def test_mail_is_logged_in_to_and_nothing_is_written(takes: bool, level: str, tmp_path: Path) -> None:
    """No MAIL, no RCPT, no DATA."""
    handler: type[Mail] = type("Kept", (Mail,), {"said": [], "takes": takes})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        channel = (
            f"alerts:\n  - {{name: mail, type: email, host: 127.0.0.1, port: {server.server_address[1]}, tls: none,"
            " user: cdp, password: '${VENDOR_TOKEN}', from: a@b.example, to: [c@d.example]}\n"
        )
        found = outside(company_with(tmp_path, more=channel))["alert mail"]
        server.shutdown()

    assert found.level == level
    assert ("refused" in found.why) != takes
    assert set(handler.said) & {"MAIL", "RCPT", "DATA"} == set()
    assert "AUTH" in handler.said


def test_offline_asks_nobody(tmp_path: Path) -> None:
    """For a machine whose network is not up yet."""
    with loopback(lambda call: (401, {}, {})) as vendor:
        company = company_with(tmp_path, HUBSPOT.format(url=vendor.url))
        command = ["doctor", "--config", str(company.config_path)]
        offline = CliRunner().invoke(app, [*command, "--offline"])
        asked = len(vendor.calls)
        online = CliRunner().invoke(app, command)

    assert (offline.exit_code, asked) == (0, 0)
    assert (online.exit_code, len(vendor.calls)) == (1, 1)
    assert "destination" not in offline.output
    assert "error    destination crm: the credentials are refused (HTTP 401)" in online.output
    assert SECRET not in online.output


def test_a_variable_that_is_not_set_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name; what it belongs to is not looked at."""
    company = company_with(tmp_path, HUBSPOT.format(url="http://127.0.0.1:9"))
    monkeypatch.delenv("VENDOR_TOKEN")
    found = {finding.what: finding for finding in doctor.findings(company)}

    assert found["secrets"].fix == "export VENDOR_TOKEN=..."
    assert found["destination crm"].fix == "export VENDOR_TOKEN=..., then `cdp doctor`"
    assert json.dumps([finding.why for finding in found.values()]).count("VENDOR_TOKEN") == 1
