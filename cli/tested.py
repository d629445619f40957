"""Which data tests of dbt need not be asked again: what they read is what it was when they last passed.

`ops.passed_tests` is the evidence, a row per test. Before dbt writes a relation, in whatever build, the rows of the tests that
read it are gone, so that a build that dies leaves nothing that is believed. A test that failed, warned or could not run has no
row and is asked in every run; after a full build, and after a change of the tests themselves, all are.
"""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from cli.generate import PROJECT

TABLE = "ops.passed_tests"
# Written beside the builds, unwatched: what a test reads there may be new in any run.
UNWATCHED = ("ops.runs",)


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    con.execute(
        f"create table if not exists {TABLE} (unique_id varchar, definitions varchar, checked_at timestamp)"
    )


def forget(
    con: duckdb.DuckDBPyConnection, manifest: Any = None, written: Collection[str] | None = None
) -> None:
    """Drop what is known of the tests that read any of the nodes and sources `written` (unique ids); by default of all."""
    ensure(con)
    if written is None:
        con.execute(f"delete from {TABLE}")
        return
    known = [str(uid) for (uid,) in con.execute(f"select unique_id from {TABLE}").fetchall()]
    stale = [
        uid for uid in known if uid not in manifest.nodes or not reads(manifest, uid).isdisjoint(written)
    ]
    con.execute(f"delete from {TABLE} where unique_id in (select unnest(?::varchar[]))", [stale])


def passed(con: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """Unique id of each test that need not be asked -> when it was asked."""
    ensure(con)
    found = con.execute(f"select unique_id, checked_at from {TABLE} where definitions = ?", [_definitions()])
    return dict(found.fetchall())


def remember(con: duckdb.DuckDBPyConnection, manifest: Any, asked: Mapping[str, bool], at: datetime) -> None:
    """Note how the tests `asked` (unique id -> passed) ended."""
    kept = [uid for uid, good in asked.items() if good and not _is_unwatched(manifest, uid)]
    con.begin()
    con.execute(f"delete from {TABLE} where unique_id in (select unnest(?::varchar[]))", [list(asked)])
    con.execute(
        f"insert into {TABLE} select unnest(?::varchar[]), ?, ?", [kept, _definitions(), at],
    )  # fmt: skip
    con.commit()


def reads(manifest: Any, uid: str) -> set[str]:
    """Unique ids of all that a test or view reads: views are looked through, down to tables and sources."""
    found: set[str] = set()
    left = list(manifest.nodes[uid].depends_on_nodes)
    while left:
        one = left.pop()
        if one in found:
            continue
        found.add(one)
        node = manifest.nodes.get(one)
        if node is not None and node.config.materialized in ("view", "ephemeral"):
            left += node.depends_on_nodes
    return found


def _is_unwatched(manifest: Any, uid: str) -> bool:
    sources = (manifest.sources[one] for one in reads(manifest, uid) if one in manifest.sources)
    return any(
        str(one.schema).startswith("raw_") or f"{one.schema}.{one.identifier}" in UNWATCHED for one in sources
    )


def _definitions() -> str:
    """A hash of the tests' own SQL; what the models' files say of tests is a rule like any other (`generate.fingerprint`)."""
    folder: Path = PROJECT / "tests" / "dbt"
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.sql")):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()
