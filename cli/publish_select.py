"""What goes into one published file: tables, their columns and rows, as one `select` each.

Data flow: warehouse schemas + a `publish:` entry + dbt's manifest (column declarations)  ->  Selection (schema, table, sql)

Everything here is an allow-list: what cannot be judged is left out. A table that lacks a column of `where` is left out, a
column that no declaration describes counts as personal, and of `ops` and `exports` only what is named here may be read by
others at all.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from cli.config import Company
from cli.config_operations import PublishedFile
from cli.warehouse import quoted, quoted_text
from pipelines.errors import CdpError

SCHEMAS = ("marts", "ops", "exports")
# The rest of `ops` is how the warehouse works (the salt of ids among it) and nobody else's business.
OPS_TABLES = frozenset({"runs", "run_steps", "published", "freshness", "load_counts", "quality_results"})
# What the sender needs between two requests is none of them.
EXPORTS_TABLES = frozenset({"ledger", "deliveries", "runs", "written_fields"})
# What a destination knows or was sent is nobody else's to read.
PRIVATE_COLUMNS = re.compile(
    r"destination_key|payload|request_body|response_body|members|value_hash|contact_point_hash|acked_mark|row_hash|acked_hash",
    re.IGNORECASE,
)
# Written for each file anew: what a file says of itself.
OWN_TABLES = frozenset({("ops", "published"), ("ops", "freshness")})
# A key of a source may be an address or hold one, so in a masked file the names of rows become tokens;
# SAFE_NAMES name no row of a source.
ROW_NAMES = re.compile(r"(_id|_key|^key|^record_[ab]|^respondent|^proof|_ids|_keys)$")
SAFE_NAMES = re.compile(
    r"(customer_id|household_id|run_id|store_id|score_id|metric_id|impact_id|driver_id|recovery_id|answer_counts_id"
    r"|text_model_id|conversion_rate_id|journey_stage_key)$|campaign|product"
)
# Words that no declaration calls personal and that may quote a value: of a destination's answer, of a link, of a touch.
QUOTING = frozenset(
    {("exports", "deliveries", "reason"), ("exports", "ledger", "reason"), ("exports", "runs", "reason")}
    | {("marts", "identity_cuts", "strongest_link"), ("marts", "customer_timeline", "detail")}
    | {
        ("marts", "customer_id_history", "cause"),
        ("marts", "deals", "name"),
        ("marts", "sessions", "landing_path"),
    }
    | {("marts", "sessions", "utm_term"), ("marts", "sessions", "utm_content")}
)
_TEXT = re.compile(r"VARCHAR|JSON|BLOB|STRUCT|MAP|UNION|VARIANT", re.IGNORECASE)


@dataclass(frozen=True)
class Selection:
    """One table of a published file."""

    schema: str
    table: str
    sql: str


@dataclass(frozen=True)
class Declarations:
    """What dbt's yml says of columns: which relations are described, which of their columns, and which are personal."""

    described: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    personal: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)


def selections(
    con: duckdb.DuckDBPyConnection, company: Company, spec: PublishedFile | None
) -> list[Selection]:
    """Tables of the main file (`spec` None) or of a further one.

    Raises CdpError when `where` is no condition, or when nothing at all would be in the file.
    """
    masker = _masker(con, company) if spec and spec.mask else None
    found = []
    for schema, table in relations(con):
        if spec and (schema, table) in OWN_TABLES:
            continue
        columns = _columns(con, schema, table)
        names = [name for name in columns if schema != "exports" or not PRIVATE_COLUMNS.search(name)]
        shared = bool(spec) and _named(schema, table, spec.shared if spec else [])
        if spec and not shared:
            names = _allowed(spec, schema, table, names)
        where = spec.where if spec and not shared else None
        if not names or (where and not _fits(con, schema, table, where)):
            continue
        shown = [masker(schema, table, name, columns[name]) if masker else quoted(name) for name in names]
        sql = f"select {', '.join(shown)} from {quoted(schema)}.{quoted(table)}"
        found.append(Selection(schema, table, sql + (f" where (\n{where}\n)" if where else "")))
    if not any(one.schema == "marts" for one in found):
        raise _nothing(spec)
    return found


def relations(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Tables and views that may be published; dbt's own leftovers (`__dbt_tmp`, `__dbt_backup`) are none."""
    found = con.execute(
        "select table_schema, table_name from information_schema.tables"
        " where table_catalog = current_database() and table_schema in (select unnest(?))"
        " and not contains(table_name, '__dbt_') order by table_schema, table_name",
        [list(SCHEMAS)],
    )
    chosen = {"ops": OPS_TABLES, "exports": EXPORTS_TABLES}
    return [
        (str(schema), str(table))
        for schema, table in found.fetchall()
        if schema not in chosen or table in chosen[schema]
    ]


def declarations(company: Company) -> Declarations:
    """Read the column declarations that the last build was made with. Raises CdpError when there was none."""
    path = company.dot / "target" / "manifest.json"
    if not path.is_file():
        raise CdpError(
            f"there are no column declarations to mask by ({path} is missing)",
            hint="run `cdp build`; it writes them",
        )
    described, personal = {}, {}
    for node in json.loads(path.read_text(encoding="utf-8"))["nodes"].values():
        if node["resource_type"] not in ("model", "seed"):
            continue
        columns = node["columns"].values()
        key = (str(node["schema"]), str(node["alias"]))
        described[key] = frozenset(str(column["name"]).lower() for column in columns)
        personal[key] = frozenset(str(column["name"]).lower() for column in columns if _is_personal(column))
    return Declarations(described, personal)


def _is_personal(column: Mapping[str, object]) -> bool:
    metas = (column.get("meta"), (column.get("config") or {}).get("meta"))  # type: ignore[attr-defined]
    return any(isinstance(meta, dict) and meta.get("pii") for meta in metas)


def _masker(con: duckdb.DuckDBPyConnection, company: Company) -> "_Masker":
    return _Masker(declarations(company), _salt(con))


@dataclass(frozen=True)
class _Masker:
    """One column -> its SQL in a masked file: as it is, a token that still joins, or null."""

    declared: Declarations
    salt: str

    def __call__(self, schema: str, table: str, column: str, kind: str) -> str:
        name, low, key = quoted(column), column.lower(), (schema, table)
        if low in self.declared.personal.get(key, frozenset()) or (schema, table, low) in QUOTING:
            return f"cast(null as {kind}) as {name}"
        if kind in ("VARCHAR", "UUID") and ROW_NAMES.search(low) and not SAFE_NAMES.search(low):
            token = f"'t' || left(sha256({quoted_text(self.salt)} || cast({name} as varchar)), 20)"
            return f"case when {name} is not null then {token} end as {name}"
        if not _TEXT.search(kind):
            return name
        known = schema != "marts" or low in self.declared.described.get(key, frozenset())
        return name if known else f"cast(null as {kind}) as {name}"


def _salt(con: duckdb.DuckDBPyConnection) -> str:
    row = con.execute("select salt from ops.identity_salt").fetchone()
    if row is None or not row[0]:
        raise CdpError("the warehouse has no salt to mask by", hint="run `cdp build`; it makes one")
    return f"publish:{row[0]}:"


def _columns(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    rows = con.execute(f"describe {quoted(schema)}.{quoted(table)}").fetchall()
    return {str(row[0]): str(row[1]) for row in rows}


def _allowed(spec: PublishedFile, schema: str, table: str, names: list[str]) -> list[str]:
    if spec.tables and not _named(schema, table, spec.tables):
        return []
    if not spec.columns:
        return names
    wanted = {column.lower() for column in spec.columns}
    return [name for name in names if {name.lower(), f"{table}.{name}".lower()} & wanted]


def _named(schema: str, table: str, names: list[str]) -> bool:
    return bool({table.lower(), f"{schema}.{table}".lower()} & {name.lower() for name in names})


def _fits(con: duckdb.DuckDBPyConnection, schema: str, table: str, where: str) -> bool:
    """Whether the table has all columns of the condition."""
    sql = f"select 1 from {quoted(schema)}.{quoted(table)} where (\n{where}\n) limit 0"
    try:
        if len(con.extract_statements(sql)) != 1:
            raise CdpError(f"publish: `where` is no condition: {where}", hint="one SQL expression, no `;`")
        con.execute(sql)
    except duckdb.ParserException as error:
        raise CdpError(
            f"publish: `where` is no condition: {where}", hint="an SQL expression, as in brand = 'north'"
        ) from error
    except duckdb.BinderException:
        return False
    return True


def _nothing(spec: PublishedFile | None) -> CdpError:
    if spec is None:
        return CdpError(
            "there is nothing to publish: the warehouse has no marts", hint="build first: `cdp run`"
        )
    return CdpError(
        f"publish: no mart would be in `{spec.name}`: none has the columns of `where`, `columns` and `tables`",
        hint="see `describe marts.<table>` for the columns there are, or take the entry out of cdp.yml",
    )
