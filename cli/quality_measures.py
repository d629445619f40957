"""What the quality gate measures: checks as data -> one SQL statement per table -> numbers.

Data flow: cli/quality_checks.yml + cdp.yml + ops.load_counts  ->  Check  ->  Measure (check, number)

A measure is a count, a share or an extreme of a whole table, never a value that names a person, so measures
may be stored, published and shown in Data Docs as they are.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

from cli import freshness, warehouse
from cli.config import Company
from cli.quality_drift import (
    LEAST_DELIVERY,
    MOST_DELIVERY,
    UNBOUNDED,
    delivery_volume,
    drift,
    drifting,
)
from cli.quality_rules import Check, History, Last, Measure, Severity
from cli.warehouse import quoted

__all__ = ["Check", "History", "Last", "Measure", "Severity", "measure"]
CHECKS_FILE = Path(__file__).with_name("quality_checks.yml")
# A table that lost half its rows since the last result is worth a look, and may be right.
LEAST_VOLUME = 0.5


def measure(con: duckdb.DuckDBPyConnection, company: Company, history: History) -> list[Measure]:
    """Measure every table that has checks and exists."""
    columns = _columns(con)
    found: list[Measure] = []
    for table, spec in {**_raw_specs(company, columns), **_specs()}.items():
        if table in columns:
            found += _measure_table(con, table, spec, columns[table], history)
    return found + _measure_loads(con, company) + _measure_promises(con, company)


def _measure_table(
    con: duckdb.DuckDBPyConnection, table: str, spec: dict[str, Any], columns: set[str], history: History
) -> list[Measure]:
    checks, named = _checks(table, spec), _named_columns(spec)
    missing = sorted(named - columns)
    if missing:
        # The other checks can not run, and a renamed column must not switch them off in silence.
        return [
            Measure(Check(table, f"missing_columns:{','.join(missing)}", "", at_most=0), float(len(missing)))
        ]
    joins = "".join(
        f" left join (select distinct {quoted(key)} as parent_key from {_name(parent)}) as {_alias(column)}"
        f" on checked.{quoted(column)} = {_alias(column)}.parent_key"
        for column, parent, key in _parents(spec)
    )
    names = ", ".join(check.sql for check in checks)
    try:
        row = con.execute(f"select {names} from {_name(table)} as checked{joins}").fetchone()
    except duckdb.BinderException as error:
        # The columns of rules are known to DuckDB only; its message names the column, never a value.
        reason = str(error).split("\n")[0].removeprefix("Binder Error: ")
        return [Measure(Check(table, f"unusable_rule:{reason}", "", at_most=0), 1.0)]
    measured = [Measure(check, _number(value)) for check, value in zip(checks, row or (), strict=True)]
    rows = next(one.measured or 0.0 for one in measured if one.check.name == "rows")
    drifts = drift(table, spec, measured, history)
    return [*measured, *_against_history(table, spec, rows, history), *drifts]


def _checks(table: str, spec: dict[str, Any]) -> list[Check]:
    """Checks of one table; each is an aggregate in the same statement."""
    found = [Check(table, "rows", "count(*)", "warning", at_least=spec.get("rows", 0))]
    if key := spec.get("key"):
        is_null = " or ".join(f"checked.{quoted(column)} is null" for column in key)
        names = ", ".join(f"checked.{quoted(column)}" for column in key)
        distinct = f"count(distinct ({names})) / nullif(count(*) filter (where not ({is_null})), 0)"
        found.append(Check(table, "key_null_share", f"avg(({is_null})::int)", at_most=0))
        found.append(Check(table, "key_distinct_share", distinct, at_least=1))
    for column, share in spec.get("nulls", {}).items():
        sql = f"avg((checked.{quoted(column)} is null)::int)"
        found.append(Check(table, f"null_share:{column}", sql, _severity(share), at_most=float(share)))
    for column, (low, high) in spec.get("ranges", {}).items():
        if low is not None:
            found.append(
                Check(table, f"min:{column}", f"min(checked.{quoted(column)})::double", at_least=low)
            )
        if high is not None:
            found.append(
                Check(table, f"max:{column}", f"max(checked.{quoted(column)})::double", at_most=high)
            )
    for column, _, _ in _parents(spec):
        orphan = f"checked.{quoted(column)} is not null and {_alias(column)}.parent_key is null"
        found.append(Check(table, f"orphan_share:{column}", f"avg(({orphan})::int)", at_most=0))
    for name, condition in spec.get("rules", {}).items():
        # Null = unknown is no violation.
        found.append(
            Check(table, f"rule:{name}", f"avg((not coalesce(({condition}), true))::int)", at_most=0)
        )
    for name, (condition, share) in spec.get("shares", {}).items():
        found.append(Check(table, f"share:{name}", f"avg(({condition})::int)", "warning", at_most=share))
    for name, sql in drifting(spec).items():
        found.append(Check(table, f"mean:{name}", f"avg({sql})::double", "warning", at_least=-UNBOUNDED))
        found.append(Check(table, f"spread:{name}", f"stddev_pop({sql})::double", "warning", at_least=0))
    return found


def _against_history(table: str, spec: dict[str, Any], rows: float, history: History) -> list[Measure]:
    """Compare with the last stored result.

    Unchanged rows keep the last comparison: else the second of two equal runs would differ from the first.
    """
    last, volume = history.get((table, "rows")), history.get((table, "volume"))
    before = last.measured if last else None
    ratio = rows / before if before else None
    if before == rows:
        ratio = volume.measured if volume else None
    found = [Measure(Check(table, "volume", "", "warning", at_least=LEAST_VOLUME), ratio)]
    if spec.get("keeps_rows"):
        kept = history.get((table, "keeps_rows"))
        had = rows > 0 or bool(before) or (kept is not None and kept.threshold == "at least 1")
        found.append(Measure(Check(table, "keeps_rows", "", at_least=1 if had else 0), rows))
    return found


def _measure_loads(con: duckdb.DuckDBPyConnection, company: Company) -> list[Measure]:
    """Per source table: quarantine share of its latest load, and conservation over all its loads.

    A replay is no delivery of its own here: what it corrected is taken off the load it corrects, what it did not is still there.
    """
    if not warehouse.has_table(con, "ops", "load_counts"):
        return []
    rows = con.execute(
        "select source, table_name,"
        " arg_max((quarantined - corrected) / nullif(received, 0), load_seq) filter (where received > 0 and not is_replay),"
        " sum(abs(received - loaded - duplicates - quarantined - suppressed)),"
        " list(received order by load_seq desc) filter (where received > 0 and not is_replay)"
        " from ops.load_counts where source in (select unnest(?)) group by all order by all",
        [[source.name for source in company.sources]],
    ).fetchall()
    found = []
    for source, table, share, lost, deliveries in rows:
        name = f"raw_{source}.{table}"
        limit = Check(name, "quarantine_share", "", at_most=company.quality.max_quarantine)
        found.append(Measure(limit, _number(share)))
        found.append(Measure(Check(name, "conservation", "", at_most=0), _number(lost)))
        usual = Check(name, "delivery_volume", "", "warning", at_least=LEAST_DELIVERY, at_most=MOST_DELIVERY)
        found.append(Measure(usual, delivery_volume([int(one) for one in deliveries or []])))
    return found


def _measure_promises(con: duckdb.DuckDBPyConnection, company: Company) -> list[Measure]:
    """Per source that promises to deliver: 1 when the promise is broken. Not the hours, which would differ every night."""
    now = datetime.now(UTC)
    return [
        Measure(
            Check(f"raw_{one.source}._dlt_loads", "stale", "", "warning", at_most=0), float(one.is_stale(now))
        )
        for one in freshness.measure(con, company)
        if one.promised is not None
    ]


def _raw_specs(company: Company, columns: Mapping[str, set[str]]) -> dict[str, dict[str, Any]]:
    """Checks on raw, from the declarations in cdp.yml; raw is text, so only its shape is judged here."""
    specs: dict[str, dict[str, Any]] = {}
    limit = company.quality.max_quarantine
    for source in company.sources:
        for table in source.tables:
            name = f"raw_{source.name}.{table.name}"
            spec: dict[str, Any] = {"rows": 1}
            if "_cdp_error" in columns.get(name, set()):
                spec["shares"] = {"broken_lines": ["checked._cdp_error is not null", limit]}
            specs[name] = spec
    return specs


@cache
def _specs() -> dict[str, dict[str, Any]]:
    found = yaml.safe_load(CHECKS_FILE.read_text(encoding="utf-8"))
    return dict(found)


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows = con.execute(
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_catalog = current_database()"
        " and (table_schema = 'marts' or starts_with(table_schema, 'raw_'))"
    ).fetchall()
    for schema, table, column in rows:
        found[f"{schema}.{table}"].add(column)
    return dict(found)


def _named_columns(spec: dict[str, Any]) -> set[str]:
    named: Iterable[str] = [*spec.get("key", []), *spec.get("nulls", {}), *spec.get("ranges", {})]
    return {*named, *spec.get("parents", {}), *spec.get("linked", [])}


def _parents(spec: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(column, parent table, parent key) of each reference, written `schema.table.column`."""
    return [(column, *target.rsplit(".", 1)) for column, target in spec.get("parents", {}).items()]


def _severity(share: float) -> Severity:
    return "critical" if share == 0 else "warning"


def _alias(column: str) -> str:
    return quoted(f"parent_of_{column}")


def _name(table: str) -> str:
    return ".".join(quoted(part) for part in table.split("."))


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
