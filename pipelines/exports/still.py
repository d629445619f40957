"""Syncs about which nothing has changed since a plan that found nothing to do: the same plan is true again.

Data flow: everything a plan reads, as marks (row count and hash of the content)  <->  exports.still

A plan of a million rows with nothing to do reads, hashes and joins them all; comparing marks takes a tenth of that. The marks
cover the model, what was said about consent, suppressions, holds, merges, the audience's guard, the ledger, the configuration
and this code. What time alone changes is the end of a grant or its beginning: the plan holds until the first of them. A mark
is made of DuckDB's own hash: another version of it has other marks, and the plan is made anew.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.exports.fingerprints import Fingerprint, configuration_hash
from pipelines.exports.schema import exists, quoted_relation
from pipelines.exports.specs import DestinationSpec, PurposeSpec, SyncSpec
from pipelines.exports.values import Value, inlined, text

if TYPE_CHECKING:
    from pipelines.exports.plan import SyncPlan


def recall(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    purpose: PurposeSpec,
    destination: DestinationSpec,
    as_of: datetime,
) -> dict[str, Any] | None:
    """The counts of the last plan, `SyncPlan` by name, if it is still true; None: make one."""
    found = con.execute(
        inlined(
            "select marks, counts from exports.still"
            " where sync = $sync and $as_of >= since and ($as_of < until or until is null)",
            {"sync": sync.name, "as_of": as_of},
        )
    ).fetchone()
    if found is None:
        return None
    before = json.loads(found[0])
    # the model first: it is what has changed when something has, and then the others need not be read
    if any(before.get(name) != mark for name, mark in _marks(con, sync, purpose, destination)):
        return None
    counts: dict[str, Any] = json.loads(found[1])
    counts["fingerprint"] = Fingerprint(**counts["fingerprint"])
    return counts


def remember(
    con: duckdb.DuckDBPyConnection,
    sync: SyncSpec,
    purpose: PurposeSpec,
    destination: DestinationSpec,
    as_of: datetime,
    counts: "SyncPlan",
) -> None:
    """Note a plan that found nothing to do, nothing that waits and nothing to put right."""
    line: dict[str, Value] = {
        "sync": sync.name,
        "marks": json.dumps(dict(_marks(con, sync, purpose, destination))),
        "counts": json.dumps(asdict(counts)),
        "since": as_of,
        "until": _until(con, purpose, as_of),
    }
    con.execute(inlined("delete from exports.still where sync = $sync", line))
    con.execute(inlined("insert into exports.still values ($sync, $marks, $counts, $since, $until)", line))


def _marks(
    con: duckdb.DuckDBPyConnection, sync: SyncSpec, purpose: PurposeSpec, destination: DestinationSpec
) -> Iterator[tuple[str, str]]:
    """Name and mark of all that a plan reads, one at a time."""
    yield "rules", f"{duckdb.__version__} {_code()} {configuration_hash(sync, purpose, destination)}"
    yield "model", _mark(con, quoted_relation(sync.relation))
    yield "ledger", _mark(con, "exports.ledger", f"sync = {text(sync.name)}")
    yield "consents", _mark(con, "marts.consents", f"purpose = {text(purpose.name)}")
    yield "audience", _mark(con, "marts.audience_guards", f"audience = {text(sync.audience or '')}")
    for relation in ("customer.suppressions", "customer.send_holds", "marts.customer_redirects"):
        yield relation, _mark(con, relation)


def _mark(con: duckdb.DuckDBPyConnection, relation: str, where: str = "true") -> str:
    """Rows and a hash of them, whatever their order; the sum keeps equal rows from cancelling each other."""
    if not exists(con, relation):
        return "none"
    rows, mixed, total = con.execute(
        f"""
        select count(*), bit_xor(hash(counted)), sum(hash(counted) >> 20)
        from {relation} as counted
        where {where}
        """
    ).fetchall()[0]
    return f"{rows} {mixed} {total}"


def _until(con: duckdb.DuckDBPyConnection, purpose: PurposeSpec, as_of: datetime) -> datetime | None:
    """The next moment at which a grant of the purpose begins or runs out; null: none does."""
    aged = f", obtained_at + to_days({int(purpose.expires_after_days)})" if purpose.expires_after_days else ""
    found = con.execute(
        inlined(
            f"""
        select min(moment)
        from (
            select unnest([obtained_at, expires_at{aged}]) as moment
            from marts.consents
            where purpose = {text(purpose.name)}
        ) as moments
        where moment > $as_of
        """,
            {"as_of": as_of},
        ),
    ).fetchone()
    moment: datetime | None = found[0] if found else None
    return moment


@cache
def _code() -> str:
    """The rules of this package as they stand: after an upgrade a plan is made anew."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
