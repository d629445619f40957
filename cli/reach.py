"""Whether something outside can be reached and takes our credentials, without sending or changing anything.

A vendor's documented read of who one is, a login, a query for nothing; where there is none of these, the connection alone
(TCP, and TLS with its certificate). Nothing here repeats an address, an answer or an exception's text: they may hold secrets.
"""

import os
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pipelines.destination_types import is_own

SECONDS = 5.0
PORTS = {"http": 80, "https": 443}
State = Literal["ok", "refused", "forbidden", "wrong", "silent", "unwell", "unset", "undriven"]


@dataclass(frozen=True)
class Seen:
    """What came of a look: `refused` credentials, `forbidden` to them, a `wrong` address or option, `silent`,
    `unwell`, or not looked at as a secret is `unset`.
    """

    state: State
    why: str


# https://developers.hubspot.com/docs/api-reference/legacy/account/account-information/get-account-details
# https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_discoveryresource.htm
# https://mailchimp.com/developer/marketing/api/lists/get-list-info/
# https://developers.facebook.com/docs/marketing-api/reference/custom-audience#Reading
IDENTITY: Mapping[str, Callable[[Any], str]] = {
    "hubspot": lambda o: f"{o.base_url}/account-info/v3/details",
    "mailchimp": lambda o: f"{o.root}?fields=id",
    "meta_custom_audiences": lambda o: f"{o.base_url}/{o.api_version}/{o.audience_id}?fields=id",
    "salesforce": lambda o: f"{o.instance_url}/services/data/v{o.api_version}/",
}
# Types that have no such read, and what of their options is the address.
ADDRESS: Mapping[str, Callable[[Any], str]] = {
    "google_customer_match": lambda o: str(o.base_url),
    "http": lambda o: str(o.url),
}


def destination(kind: str, options: Mapping[str, Any]) -> Seen:
    """One destination, by its type; `options` with secrets filled in."""
    from pipelines.exports.destinations import kind_of
    from pipelines.exports.destinations.options import parse

    parsed: Any = parse(kind_of(kind).options, options)
    if is_own(kind):
        where = str(getattr(parsed, "base_url", None) or getattr(parsed, "url", None) or "")
        return (
            address(where) if where.startswith("http") else Seen("ok", "is a type of your own, and not asked")
        )
    if kind == "file":
        return folder(Path(parsed.path).parent)
    if kind == "postgres":
        return postgres(parsed.url, parsed.table if not parsed.columns else None)
    # one attempt, no patience; the pace that the destination asked for is kept
    parsed = parsed.model_copy(
        update={"retry_seconds": 0.0, "timeout_seconds": min(SECONDS, parsed.timeout_seconds)}
    )
    return _http(kind, parsed)


def _http(kind: str, options: Any) -> Seen:
    from pipelines.exports.destinations import kind_of
    from pipelines.exports.destinations.base import Opening

    opens = kind_of(kind).open_rows
    assert opens is not None
    opened: Any = opens(options, Opening("doctor"))
    try:
        if kind in IDENTITY:
            reply = opened.client.request("GET", IDENTITY[kind](options))
            if reply.response is None:
                told = opened.client.stopped or reply.cause
                return Seen("refused" if told.startswith("no access token") else "silent", told)
            return status(reply.response.status_code)
        ask, opened.client.authorise = opened.client.authorise, None
        if ask is not None and not ask(opened.client):
            return Seen("refused", "no access token is given for these credentials")
        seen = address(ADDRESS[kind](options))
        return Seen("ok", "gives an access token") if ask is not None and seen.state == "ok" else seen
    finally:
        opened.close()


def status(code: int) -> Seen:
    """What a status of HTTP says of the credentials."""
    if 300 <= code < 400:
        return Seen("wrong", f"the address leads elsewhere (HTTP {code}), and nothing follows it there")
    if code < 300 or code in (405, 429):
        return Seen("ok", f"answers HTTP {code}")
    if code >= 500:
        return Seen("unwell", f"answers HTTP {code}")
    if code == 403:
        return Seen("forbidden", "the credentials may not read this (HTTP 403)")
    if code in (404, 410):
        return Seen("wrong", f"the address or a name in it is not there (HTTP {code})")
    return Seen("refused", f"the credentials are refused (HTTP {code})")


def address(url: str) -> Seen:
    """Open a connection (TLS for https), and close it; through the proxy where the environment names one."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 443)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(host):
        through = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
        return _connect(through.hostname or "", through.port or 80, None)
    return _connect(host, port, host if parts.scheme == "https" else None)


def _connect(host: str, port: int, tls_name: str | None) -> Seen:
    try:
        with socket.create_connection((host, port), timeout=SECONDS) as plain:
            if tls_name is not None:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=tls_name):
                    pass
    except ssl.SSLCertVerificationError as error:
        return Seen("wrong", f"its certificate is not valid ({error.verify_message})")
    except (OSError, ValueError) as error:
        return Seen("silent", _named(error))
    return Seen("ok", "can be connected to; whether it takes the credentials shows at the first send")


def folder(path: Path) -> Seen:
    """Whether a file can be written there; the folder itself may still have to be made."""
    there = next((one for one in (path, *path.parents) if one.exists()), path)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Seen("ok", "its folder can be written")
    return Seen("wrong", f"{there} cannot be written")


def postgres(url: str, table: str | None) -> Seen:
    """Log in; `table` must be there."""
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=max(2, int(SECONDS)), application_name="cdp doctor") as con:
            con.read_only = True
            row = con.execute("select to_regclass(%s)::text", [table]).fetchone()
    except psycopg.Error as error:
        return database_error(error, error.sqlstate)
    if table and row and row[0] is None:
        return Seen("wrong", f"the database has no table {table}")
    return Seen("ok", "takes the login")


def database_error(error: Exception, sqlstate: str | None = None) -> Seen:
    """Refused or silent, by the error of a driver; its text is read and not repeated."""
    said = str(error).lower()
    refused = ("authentication failed", "access denied", "no password supplied", "login failed")
    if (sqlstate or "").startswith("28") or any(one in said for one in refused):
        return Seen("refused", "the user or its password is refused")
    if (sqlstate or "").startswith("3D") or "does not exist" in said:
        return Seen("wrong", "there is no such database, or no such user")
    return Seen("silent", _named(error))


def _named(error: Exception) -> str:
    """An error without its text, which may quote an address."""
    if isinstance(error, TimeoutError):
        return f"no answer within {SECONDS:g} s"
    if isinstance(error, socket.gaierror):
        return "its name is not known here"
    return f"no connection ({type(error).__name__})"
