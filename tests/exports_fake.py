"""What export tests stand on: a small warehouse of sync models and consents, and a receiver that records.

The receiver applies what it accepts, as a real receiver would, so that tests compare its state with the model.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.exports import DestinationSpec, ExportResult, PurposeSpec, SyncSpec, run_syncs
from tests.loopback import Answer as Answer
from tests.loopback import loopback

CHILD_BATCH = 50
AS_OF = datetime(2026, 7, 1, tzinfo=UTC)
PURPOSES = {
    "email_marketing": PurposeSpec("email_marketing", "consent", "email", 730),
    "service_recovery": PurposeSpec("service_recovery", "legitimate_interest", "phone"),
    "crm_upkeep": PurposeSpec("crm_upkeep", "contract"),
}
HOOK_SYNC = SyncSpec(
    name="sync_hook_people",
    relation="activation.sync_hook_people",
    key="customer_id",
    mode="mirror",
    purpose="email_marketing",
    contact_point="email",
    destination="hook",
)
FILE_SYNC = SyncSpec(
    name="sync_file_people",
    relation="activation.sync_hook_people",
    key="customer_id",
    mode="mirror",
    purpose="email_marketing",
    contact_point="email",
    destination="list",
)
TABLES = """
create schema if not exists activation;
create schema if not exists marts;
create schema if not exists customer;
create table activation.sync_hook_people (
    customer_id varchar, email varchar, first_name varchar, revenue decimal(18, 2)
);
create table marts.consents (
    customer_id varchar, contact_point varchar, channel varchar, purpose varchar, state varchar, basis varchar,
    obtained_at timestamp, expires_at timestamp, policy_version varchar, proof varchar,
    consent_record_id varchar
);
create table customer.suppressions (
    customer_id varchar, contact_point varchar, channel varchar, reason varchar, since timestamp
);
create table marts.customer_redirects (old_customer_id varchar, new_customer_id varchar);
"""


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Empty inputs of the exports."""
    con.execute(TABLES)


def add_people(con: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
    """People c<first> .. c<last - 1> with a grant for email marketing."""
    con.execute(
        """
        insert into activation.sync_hook_people
        select format('c{:05d}', n), format('p{}@example.com', n), 'Name ' || n, n * 1.25
        from range($first, $last) as numbers (n)
        """,
        {"first": first, "last": last},
    )
    con.execute(
        """
        insert into marts.consents
        select
            format('c{:05d}', n), format('p{}@example.com', n), 'email', 'email_marketing', 'granted',
            'consent',
            timestamp '2026-01-01', null, 'v1', 'form', 'consent:' || n
        from range($first, $last) as numbers (n)
        """,
        {"first": first, "last": last},
    )


def say(
    con: duckdb.DuckDBPyConnection, customer_id: str, state: str, purpose: str = "email_marketing"
) -> None:
    """Replace the state of all consents of a person for a purpose."""
    con.execute(
        "update marts.consents set state = $state where customer_id = $customer_id and purpose = $purpose",
        {"state": state, "customer_id": customer_id, "purpose": purpose},
    )


def hook(url: str, **options: Any) -> dict[str, DestinationSpec]:
    """An address as the only destination; no waiting unless asked for."""
    return {"hook": DestinationSpec("hook", "http", {"url": url, "retry_seconds": 0, **options})}


def csv_file(path: Path, **options: Any) -> dict[str, DestinationSpec]:
    """A file as the only destination."""
    return {"list": DestinationSpec("list", "file", {"path": str(path), **options})}


def run(
    con: duckdb.DuckDBPyConnection,
    destinations: dict[str, DestinationSpec],
    *syncs: SyncSpec,
    run_id: str = "r1",
    as_of: datetime = AS_OF,
    dry_run: bool = False,
) -> ExportResult:
    """`run_syncs` with the purposes of these tests."""
    return run_syncs(
        con, syncs, PURPOSES, destinations, run_id=run_id, as_of=as_of, now=as_of, dry_run=dry_run
    )


def child() -> None:
    """One run in a process of its own, to be killed: arguments warehouse, destination, run id."""
    warehouse, target, run_id = sys.argv[1:]
    with duckdb.connect(warehouse) as con:
        print("ready", flush=True)
        if target.startswith("http"):
            run(con, hook(target, batch_size=CHILD_BATCH), HOOK_SYNC, run_id=run_id)
        else:
            run(con, csv_file(Path(target)), FILE_SYNC, run_id=run_id)


@dataclass
class Request:
    """One request as it arrived."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def operations(self) -> list[dict[str, Any]]:
        """The operations of a batch, or the one of a row request."""
        members: list[dict[str, Any]] = self.body.get("operations", [self.body])
        return members


ACCEPT: Answer = (200, {}, {})


@dataclass
class Recorder:
    """A receiver: `behave` decides on each request; what is answered 2xx is applied."""

    url: str = ""
    behave: Callable[[Request], Answer] = lambda request: ACCEPT
    apply_anyway: bool = False
    requests: list[Request] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """Record a request, answer it and apply it."""
        self.requests.append(request)
        status, headers, body = self.behave(request)
        if status < 300 or self.apply_anyway:
            refused = {row["key"] for row in (body or {}).get("results", []) if not row.get("ok", True)}
            for operation in request.operations:
                self._apply(operation, refused)
        return status, headers, body

    def _apply(self, operation: dict[str, Any], refused: set[str]) -> None:
        if operation["key"] in refused:
            return
        if operation["operation"] == "remove":
            self.rows.pop(operation["key"], None)
        else:
            self.rows[operation["key"]] = operation["row"]

    @property
    def operations(self) -> list[dict[str, Any]]:
        """All operations that arrived, in order."""
        return [operation for request in self.requests for operation in request.operations]

    def forget(self) -> None:
        """Forget requests, keep the state."""
        self.requests.clear()


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A recorder that listens on loopback."""
    record = Recorder()
    with loopback(lambda call: record.answer(Request(dict(call.headers), call.json))) as server:
        record.url = f"{server.url}/in?token=s3cr3t-token"
        yield record
