"""How fresh each source is: its newest delivery, the time it promises (`freshness: 26h`), and whether that is broken.

Data flow: raw_*._dlt_loads, ops.source_looks, cdp.yml  ->  Freshness per source  ->  ops.freshness, exit code 4, alerts

A delivery is a complete load that is no replay. Of a database or an API that was asked and had nothing new we know that we
are up to date, so there a look that went well counts as well. Times are those of the wall clock, also where the
company's own clock is pinned: this is about the job, not about the data.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from cli import runs, warehouse
from cli.config import Company
from cli.warehouse import quoted

# Connectors whose deliveries are fetched: a look without news is as good as a delivery.
FETCHED = frozenset({"sql", "rest"})


@dataclass(frozen=True)
class Freshness:
    """One source: `delivered_at` in UTC, None when nothing ever came; `promised` None when nothing is promised."""

    source: str
    delivered_at: datetime | None
    promised: timedelta | None

    @property
    def fresh_until(self) -> datetime | None:
        """Until when the source keeps its promise; without one the delivery itself."""
        if self.delivered_at is None:
            return None
        return self.delivered_at + (self.promised or timedelta())

    @property
    def row(self) -> tuple[Any, ...]:
        """As stored in `ops.freshness`, behind the file."""
        minutes = None if self.promised is None else round(self.promised.total_seconds() / 60)
        return self.source, self.fresh_until, self.delivered_at, minutes

    def is_stale(self, now: datetime) -> bool:
        """Whether the promise is broken at `now` (UTC)."""
        if self.promised is None:
            return False
        return self.fresh_until is None or self.fresh_until < runs.utc(now)

    def told(self) -> str:
        """For people; no personal data."""
        last = (
            f"last delivery {self.delivered_at:%Y-%m-%d %H:%M} UTC"
            if self.delivered_at
            else "no delivery yet"
        )
        return f"source {self.source} is stale: {last}, promised every {_words(self.promised or timedelta())}"


def measure(con: duckdb.DuckDBPyConnection, company: Company) -> list[Freshness]:
    """Every source that delivered or promised something, by name."""
    delivered = _delivered(con)
    if warehouse.has_table(con, "ops", "source_looks"):
        for source, at in con.execute(
            "select source, max(looked_at) from ops.source_looks group by 1"
        ).fetchall():
            delivered[source] = max(at, delivered.get(source, at))
    promised = {one.name: one.freshness_promised for one in company.sources if one.freshness_promised}
    names = sorted({*delivered, *promised})
    return [Freshness(name, delivered.get(name), promised.get(name)) for name in names]


def looked(con: duckdb.DuckDBPyConnection, company: Company, sources: Iterable[str], run_id: str) -> None:
    """Note that these sources were asked and answered, for those that are fetched."""
    fetched = {one.name for one in company.sources if one.connector in FETCHED}
    con.execute(
        "create table if not exists ops.source_looks (source varchar, looked_at timestamp, run_id varchar)"
    )
    for source in fetched & set(sources):
        con.execute("delete from ops.source_looks where source = ?", [source])
        con.execute(
            "insert into ops.source_looks values (?, ?, ?)", [source, runs.utc(datetime.now(UTC)), run_id]
        )


def _delivered(con: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    schemas = con.execute(
        "select table_schema from information_schema.tables where table_catalog = current_database()"
        " and table_name = '_dlt_loads' and starts_with(table_schema, 'raw_') order by table_schema"
    ).fetchall()
    found = {}
    for (schema,) in schemas:
        replays = ""
        if warehouse.has_table(con, schema, "_cdp_replays"):
            replays = f" and load_id not in (select _dlt_load_id from {quoted(schema)}._cdp_replays)"
        row = con.execute(
            f"select max(inserted_at at time zone 'UTC') from {quoted(schema)}._dlt_loads where status = 0{replays}"
        ).fetchone()
        if row and row[0]:
            found[schema.removeprefix("raw_")] = row[0]
    return found


def _words(promised: timedelta) -> str:
    hours = promised.total_seconds() / 3600
    return f"{hours:g} h" if hours < 48 else f"{hours / 24:g} days"
