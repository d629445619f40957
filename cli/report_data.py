"""The published file -> the figures of the report: aggregates only, so that no person can be on the page.

Every query groups or counts; none selects a name, an address, an identifier or free text. A table that a file
does not have (an older one, a company without orders) gives no rows, and the section says so.
"""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from cli import publish, publish_select, warehouse
from cli.config import Company
from pipelines.errors import CdpError

Row = dict[str, Any]

# name -> (tables it needs, SQL); {marts}, {ops}, {exports} are the schemas of the file.
QUERIES: dict[str, tuple[tuple[str, ...], str]] = {
    "published": (
        ("ops.published", "ops.runs"),
        """
        select p.run_id, p.published_at, r.as_of, p.table_count, p.row_count
        from (
            select run_id, published_at, count(*) as table_count, cast(sum(row_count) as bigint) as row_count
            from {ops}.published group by run_id, published_at
        ) as p
        left join {ops}.runs as r on p.run_id = r.run_id
        order by p.published_at desc, p.run_id desc limit 1
        """,
    ),
    "profiles": (
        ("marts.customer_360",),
        """
        select
            profile_kind, count(*) as profiles, cast(sum(orders) as bigint) as orders,
            sum(revenue) as revenue, count(*) filter (where open_tickets > 0) as with_open_tickets
        from {marts}.customer_360 group by profile_kind order by profile_kind
        """,
    ),
    "anonymous": (
        ("marts.anonymous_profiles",),
        "select count(*) as profiles from {marts}.anonymous_profiles",
    ),
    "orders": (
        ("marts.orders",),
        """
        select
            count(*) as orders, count(*) filter (where is_purchase) as purchases,
            sum(revenue) filter (where is_purchase) as revenue
        from {marts}.orders
        """,
    ),
    "scores": (
        ("marts.cx_scores",),
        """
        select metric, question, n, score, ci_low, ci_high, enough_n, response_rate
        from {marts}.cx_scores where period = 'all' and dimension = 'all' order by metric desc, question
        """,
    ),
    # What was answered, not what may be: the published file does not hold the scale of a question.
    "scales": (
        ("marts.feedback",),
        """
        select question, min(oriented_score) as lowest, max(oriented_score) as highest
        from {marts}.feedback group by question order by question
        """,
    ),
    "touchpoints": (
        ("marts.cx_scores",),
        """
        select metric, question, dimension_value as touchpoint, n, score, ci_low, ci_high, enough_n
        from {marts}.cx_scores where period = 'all' and dimension = 'touchpoint'
        order by metric desc, question, score nulls last, touchpoint
        """,
    ),
    "nps_months": (
        ("marts.cx_scores",),
        """
        select question, period_start as month_start, n, score, ci_low, ci_high, enough_n, change_significant
        from {marts}.cx_scores
        where metric = 'nps' and period = 'month' and dimension = 'all' and period_start is not null
        order by question, period_start
        """,
    ),
    "kpis": (
        ("marts.kpis",),
        """
        select
            month_start, is_complete, active_customers, new_customers, reactivated, lost, orders, revenue,
            revenue_per_active, repeat_rate
        from {marts}.kpis order by month_start
        """,
    ),
    "cohorts": (
        ("marts.retention_cohorts",),
        """
        select cohort_month, age_months, cohort_size, is_mature, active, share
        from {marts}.retention_cohorts order by cohort_month, age_months
        """,
    ),
    "loads": (
        ("ops.load_counts",),
        """
        select
            source, table_name,
            cast(sum(received) as bigint) as received, cast(sum(loaded) as bigint) as loaded,
            cast(sum(duplicates) as bigint) as duplicates, cast(sum(quarantined) as bigint) as quarantined,
            cast(sum(suppressed) as bigint) as suppressed
        from {ops}.load_counts group by source, table_name order by source, table_name
        """,
    ),
    "freshness": (
        ("ops.freshness",),
        "select source, max(fresh_until) as fresh_until from {ops}.freshness group by source order by source",
    ),
    "quality": (
        ("ops.quality_results",),
        """
        select severity, table_name, check_name, measured, threshold, passed
        from {ops}.quality_results
        where run_id = (select arg_max(run_id, checked_at) from {ops}.quality_results)
        order by passed, severity, table_name, check_name
        """,
    ),
    "records": (
        ("marts.customer_records",),
        """
        select entity, count(*) as records, count(distinct customer_id) as profiles
        from {marts}.customer_records group by entity order by entity
        """,
    ),
    "merged": (
        ("marts.customer_records",),
        """
        select count(*) - count(distinct customer_id) as records
        from {marts}.customer_records where entity = 'contact'
        """,
    ),
    "refused": (
        ("marts.identity_quarantine",),
        """
        select type, reason, count(*) as identifiers, cast(sum(records) as bigint) as records
        from {marts}.identity_quarantine group by type, reason order by type, reason
        """,
    ),
    "cuts": (
        ("marts.identity_cuts",),
        """
        select reason, count(*) as pairs from {marts}.identity_cuts
        group by reason order by reason
        """,
    ),
    "redirects": (("marts.customer_redirects",), "select count(*) as ids from {marts}.customer_redirects"),
    "syncs": (
        ("exports.runs",),
        """
        select
            sync, destination, purpose, status, reason, started_at, added, changed, removed, unchanged,
            excluded, acked, rejected, unanswered, exclusions
        from {exports}.runs
        qualify row_number() over (partition by sync order by started_at desc, run_id desc) = 1
        order by sync
        """,
    ),
    "deliveries": (
        ("exports.deliveries",),
        """
        select sync, operation, status, reason, count(*) as deliveries, max(sent_at) as last_sent_at
        from {exports}.deliveries group by sync, operation, status, reason
        order by sync, operation, status, reason
        """,
    ),
}


@dataclass(frozen=True)
class Figures:
    """Everything on the page. `missing` names the tables the file does not have."""

    company: str
    notice: str | None
    currency: str
    timezone: str
    file: str
    rows: dict[str, list[Row]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows[name]

    def one(self, name: str) -> Row:
        """The only row of a query, or nothing."""
        return self.rows[name][0] if self.rows[name] else {}


def read(company: Company) -> Figures:
    """Read every figure from the published file; it is never locked, and nothing else is opened.

    Raises CdpError when nothing is published yet or the file cannot be read.
    """
    file = company.published
    if not file.exists():
        raise CdpError(
            f"nothing is published at {file}", hint="`cdp run` builds and publishes; then report again"
        )
    schemas = {schema: publish.schema_in(file, schema) for schema in publish_select.SCHEMAS}
    try:
        with duckdb.connect(str(file), read_only=True) as con:
            found, missing = _run(con, schemas)
    except duckdb.Error as error:
        if not warehouse.is_environment(error):
            raise
        raise warehouse.translate(error, file) from error
    reporting = company.file.reporting
    return Figures(
        company=company.root.name.replace("_", " "),
        notice=reporting.notice,
        currency=reporting.currency,
        timezone=reporting.timezone,
        file=file.name,
        rows=found,
        missing=frozenset(missing),
    )


def _run(con: duckdb.DuckDBPyConnection, schemas: dict[str, str]) -> tuple[dict[str, list[Row]], set[str]]:
    found: dict[str, list[Row]] = {}
    missing: set[str] = set()
    for name, (tables, sql) in QUERIES.items():
        absent = {table for table in tables if not _has(con, schemas, table)}
        missing |= absent
        found[name] = [] if absent else _rows(con, sql.format(**schemas))
    return found, missing


def _has(con: duckdb.DuckDBPyConnection, schemas: dict[str, str], table: str) -> bool:
    schema, name = table.split(".")
    return warehouse.has_table(con, schemas[schema], name)


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
