"""Complete loads -> marts: generate, dbt run, then mark the loads in one transaction.

A killed build leaves its loads unmarked and `touched` filled, so the next one does the same work again, on top of what
is there: every step replaces what it touches. When the rules changed (SQL, cdp.yml), the build is a full one.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from cli import (
    cases,
    dbt,
    duplicates,
    fuzzy_judge,
    fuzzy_links,
    fuzzy_model,
    overrides,
    relations,
    runs,
    tested,
    warehouse,
)
from cli.config import Company, secret
from cli.generate import fingerprint, generate, source_specs
from cli.idle import exclusion, idle, inputs, missing, stir, to_run
from cli.replays_sql import REPLAYS_COLUMNS, REPLAYS_TABLE
from pipelines import failpoints
from pipelines.exports import schema as exports_schema
from pipelines.readers import META, quote
from pipelines.specs import SourceSpec

RAW_TYPES = {"_cdp_load_seq": "bigint", "_cdp_position": "bigint"}
FILES_COLUMNS = (
    "table_name varchar, file varchar, size bigint, mtime_ns bigint, received bigint, run_id varchar,"
    " _cdp_load_seq bigint, _dlt_load_id varchar"
)
# What a build has to do grows over killed builds; it is done when the build is marked.
WORK_TABLES = (
    "touched_nodes",
    "touched_values",
    "affected_nodes",
    "touched_owners",
    "touched_devices",
    "touched_golden",
    "touched_answers",
    "touched_orders",
    "links_before",
    "merge_causes",
    "split_causes",
    "pin_moves",
    "touched_bridges",
)
# Elsewhere the start of dbt forgets which tests have passed: somebody builds who does not say what (macro `forget_passed_tests`).
KEEPS_EVIDENCE = {"CDP_KEEPS_EVIDENCE": "yes"}
LOADS_COLUMNS = "load_id varchar, schema_name varchar, status bigint, inserted_at timestamptz, schema_version_hash varchar"


@dataclass
class BuildResult:
    """What a build did."""

    full: bool
    reason: str | None
    loads: int
    nodes: list[dict[str, Any]]
    dropped: list[str] = field(default_factory=list)
    told: str | None = None  # what the user should know of the probable links


def build(
    company: Company, run_id: str, full_refresh: bool = False, select: Sequence[str] = ()
) -> BuildResult:
    """Build all models from what is loaded; `select` (dbt's selection) builds fewer, for tests of one layer.

    Raises CdpError when a model fails; the published file then stays as it was.
    """
    prepare(company)
    mark = _rules(company)
    with warehouse.connect(company) as con:
        before = con.execute("select fingerprint from ops.build_state").fetchone()
        reason = "asked for" if full_refresh else None
        if reason is None and (before is None or before[0] != mark):
            reason = "first build" if before is None else "rules changed"
        if reason is None and (gone := missing(con)):
            reason = f"{gone[0]} is missing"
        if reason:
            # Until this full build is marked, the next one must be full too: tables are half old, half new.
            con.execute("delete from ops.build_state")
        else:
            unfinished = con.execute("select 1 from ops.build_state where finished").fetchone() is None
            con.execute("update ops.build_state set finished = false")
            if unfinished:
                stir(con)
    failpoints.reach("build.before_dbt")
    nodes, told = _models(company, bool(reason), select)
    failpoints.reach("build.before_mark")
    # Part of the models says nothing about what is gone.
    now = None if select else relations.owned(dbt.project(company))
    # read again: a first run has written the model file
    loads, dropped = _mark(company, run_id, _rules(company), now, select)
    failpoints.reach("build.marked")
    return BuildResult(reason is not None, reason, loads, nodes, dropped, told)


def _rules(company: Company) -> str:
    """What decides the meaning of a build: models, settings, and the model file of probable links."""
    path = company.identity_model
    used = company.file.identity.fuzzy.enabled and path.is_file()
    return fingerprint(company) + (hashlib.sha256(path.read_bytes()).hexdigest() if used else "")


def _models(company: Company, full: bool, select: Sequence[str]) -> tuple[list[dict[str, Any]], str | None]:
    """Build the models; where there may be probable links in three parts, with the scoring and the judging between them."""
    dbt.project(company)
    with warehouse.connect(company) as con:
        skipped = _idle(company, con, full, select)
        possible, told = fuzzy_model.outlook(company, con)
        if not possible:
            fuzzy_links.clear(con)
    if not possible:
        return _dbt(company, full, select, skipped), told
    staged, connected = fuzzy_links.STAGED, fuzzy_links.CONNECTED
    nodes = _dbt(company, full, staged, skipped)
    with warehouse.connect(company) as con:
        refreshed = fuzzy_links.refresh(company, con, full)
        # scores that changed are a change of what the clusters are made of; judgements likewise
        skipped = _idle(company, con, full, select)
    failpoints.reach("build.scored")
    nodes += _dbt(company, full, connected, skipped, staged)
    with warehouse.connect(company) as con:
        fuzzy_judge.judge(con, refreshed, full)
        skipped = _idle(company, con, full, select)
    failpoints.reach("build.judged")
    nodes += _dbt(company, full, select, skipped, (*staged, *connected))
    return nodes, refreshed.told


def _idle(
    company: Company, con: duckdb.DuckDBPyConnection, full: bool, select: Sequence[str]
) -> Sequence[str]:
    """Names of the nodes that need not run. What is known of tests that read the others is dropped before those are written."""
    if full:
        tested.forget(con)
        return []
    work = idle(company, con, select)
    tested.forget(con, dbt.project(company), work.moved)
    return work.skipped


def _dbt(
    company: Company, full: bool, which: Sequence[str], skipped: Sequence[str] = (), built: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Build what `which` selects, without the nodes `skipped` and without what `built` selects."""
    kinds = to_run(dbt.project(company), which, skipped, built)
    if not kinds:
        return []
    # data tests are the gate and come next; unit tests belong to CI; `run` knows of neither, and works out no order for them
    arguments = ["build", "--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    arguments = arguments if "seed" in kinds else ["run"]
    arguments += ["--full-refresh"] if full else []
    arguments += ["--select", *which] if which else []
    with dbt.applied(KEEPS_EVIDENCE):
        result = dbt.invoke(company, [*arguments, *exclusion(company, skipped, built)])
    dbt.raise_on_error(result, company, "building the models")
    return result.nodes


def prepare(company: Company) -> None:
    """Generate the models and give everything that dbt reads by name its place in the warehouse."""
    generate(company)
    with warehouse.connect(company) as con:
        runs.ensure(con)
        exports_schema.ensure(con)
        overrides.refresh_effects(con)
        fuzzy_links.ensure(con)
        cases.ensure(con)
        duplicates.ensure(con)
        _ensure_state(con, company)
        _ensure_raw(con, company)


def _mark(
    company: Company, run_id: str, mark: str, now: set[tuple[str, str]] | None, select: Sequence[str]
) -> tuple[int, list[str]]:
    """End the build: loads are taken in, nothing is touched any more, the rules and what was read are these, what no model owns
    is gone.
    """
    dbt.project(company)
    with warehouse.connect(company) as con:
        con.begin()
        row = con.execute("select count(*) from staging.work_loads").fetchone()
        # a load's id is a moment: two sources could have the same one
        con.execute(
            "delete from ops.built_loads where (source, load_id) in (select (source, load_id) from staging.work_loads)"
        )
        con.execute(
            "insert into ops.built_loads select source, load_id, load_seq, ? from staging.work_loads",
            [run_id],
        )
        for work in (name for name in WORK_TABLES if warehouse.has_table(con, "staging", name)):
            con.execute(f"delete from staging.{work}")
        con.execute("delete from identity.fuzzy_touched")
        con.execute("delete from identity.fuzzy_former")
        con.execute("delete from ops.build_state")
        con.execute(
            "insert into ops.build_state (fingerprint, run_id, finished, inputs) values (?, ?, true, ?)",
            [mark, run_id, inputs(company, con, select)],
        )
        dropped = relations.drop_orphans(con, now) if now is not None else []
        con.commit()
    assert row is not None
    return int(row[0]), dropped


def _ensure_state(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    con.execute(
        "create table if not exists ops.build_state (fingerprint varchar, run_id varchar, finished boolean)"
    )
    con.execute("alter table ops.build_state add column if not exists finished boolean")
    con.execute("alter table ops.build_state add column if not exists inputs varchar")
    con.execute("create table if not exists ops.identity_salt (salt varchar)")
    wanted = company.file.identity.salt
    if wanted:
        con.begin()
        con.execute("delete from ops.identity_salt")
        con.execute("insert into ops.identity_salt values (?)", [secret(wanted, "identity.salt")])
        con.commit()
    elif con.execute("select 1 from ops.identity_salt").fetchone() is None:
        con.execute("insert into ops.identity_salt values (?)", [secrets.token_hex(16)])


def _ensure_raw(con: duckdb.DuckDBPyConnection, company: Company) -> None:
    """Give every declared table a place in raw, empty when nothing was delivered yet."""
    for source in company.sources:
        con.execute(f"create schema if not exists raw_{source.name}")
        con.execute(f"create table if not exists raw_{source.name}._cdp_files ({FILES_COLUMNS})")
        con.execute(f"create table if not exists raw_{source.name}.{REPLAYS_TABLE} ({REPLAYS_COLUMNS})")
        con.execute(f"create table if not exists raw_{source.name}._dlt_loads ({LOADS_COLUMNS})")
        for table in source.tables:
            name = f"raw_{source.name}.{quote(table.name)}"
            meta = ", ".join(
                f"{column} {RAW_TYPES.get(column, 'varchar')}" for column in (*META, "_dlt_load_id")
            )
            con.execute(f"create table if not exists {name} ({meta})")
            for column in _wanted(company, source.name, table.name):
                con.execute(f"alter table {name} add column if not exists {quote(column)} varchar")


def _wanted(company: Company, source: str, table: str) -> tuple[str, ...]:
    specs: list[SourceSpec] = source_specs(company)
    found = next(one for one in specs if one.name == source)
    return next(one.columns for one in found.tables if one.name == table)
