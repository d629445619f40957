"""Small companies for tests: files in, real dlt and dbt, a warehouse to look at.

`Company` folders are written by the test itself; one process builds many of them, so dlt and dbt are imported once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from cli import runs, warehouse
from cli.build import BuildResult, build
from cli.config import Company, load_company
from cli.generate import load_spec, source_specs
from pipelines.load import SourceLoad, load_sources

AS_OF = "2026-06-30T00:00:00Z"
CONTACTS = {
    "name": "contacts",
    "entity": "contact",
    "path": "data/contacts*.csv",
    "key": ["id"],
    "columns": {
        "email": "email",
        "phone": "phone",
        "first_name": "first",
        "last_name": "last",
        "user_id": "id",
    },
}
ORDERS = {
    "name": "orders",
    "entity": "order",
    "path": "data/orders*.csv",
    "key": ["order"],
    "updated_at": "changed",
    "columns": {
        "order_id": "order",
        "ordered_at": "at",
        "gross_amount": "amount",
        "status": "status",
        "email": "email",
        "user_id": "contact",
    },
}
# Everything below the marts: what tests of staging and identity need.
BELOW_MARTS = (
    "+touched",
    "+path:generated_models",
    "+customer_redirects",
    "+customer_id_history",
    "identity",
)
# Who is who, and no source's table that has no part in it: half of what is below the marts.
IDENTITY = (
    "+touched",
    "+customer_redirects",
    "+customer_id_history",
    "+event_owners",
    "+identity",
)
# The judgement of rows alone: what tests of loads and staging need, which build often.
STAGING = ("+quarantine_rows", "+load_counts", "+stg_rows")
EVENTS = {"name": "web", "connector": "segment", "path": "spool/*.jsonl"}


@dataclass
class TestCompany:
    """A company folder under test."""

    __test__ = False
    root: Path
    sources: Sequence[Mapping[str, Any]]
    settings: dict[str, Any] = field(default_factory=dict)
    runs: int = 0
    select: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.configure()

    def configure(self) -> None:
        """Write cdp.yml from `sources` and `settings`; probable links only where a test asks for them."""
        text = {"clock": {"as_of": AS_OF}, "sources": list(self.sources)} | self.settings
        text["identity"] = {"fuzzy": {"enabled": False}} | self.settings.get("identity", {"salt": "test"})
        (self.root / "cdp.yml").write_text(yaml.safe_dump(text, sort_keys=False, allow_unicode=True))

    @property
    def company(self) -> Company:
        """The checked configuration."""
        return load_company(self.root / "cdp.yml")

    def csv(self, name: str, header: str, *rows: str) -> Path:
        """Write a csv below the folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    def jsonl(self, name: str, *rows: Mapping[str, Any] | str) -> Path:
        """Write JSON lines; a text is written as it is."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def model(self, name: str, sql: str) -> Path:
        """Write a model of the company."""
        path = self.root / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sql, encoding="utf-8")
        return path

    def load(self) -> list[SourceLoad]:
        """Load what is new."""
        self.runs += 1
        company = self.company
        warehouse.create(company)
        with warehouse.connect(company) as con:
            runs.ensure(con)
            runs.set_clock(con, company.as_of(datetime.now(UTC)), f"run{self.runs}")
        return load_sources(load_spec(company), source_specs(company), f"run{self.runs}")

    def build(self, full_refresh: bool = False) -> BuildResult:
        """Build the models (those of `select`, when a test is about one layer)."""
        company = self.company
        with warehouse.connect(company) as con:
            runs.ensure(con)
            runs.set_clock(con, company.as_of(datetime.now(UTC)), f"run{self.runs}")
        return build(company, f"run{self.runs}", full_refresh, self.select)

    def build_only(self) -> None:
        """Build just `select`, without ending the build: for tests of staging alone."""
        from cli import dbt
        from cli.build import prepare

        company = self.company
        prepare(company)
        result = dbt.invoke(
            company,
            [
                "build",
                "--full-refresh",
                "--exclude-resource-type",
                "test",
                "--exclude-resource-type",
                "unit_test",
                "--select",
                *self.select,
            ],
        )
        dbt.raise_on_error(result, company, "building")

    def load_and_build(self, full_refresh: bool = False) -> BuildResult:
        """Load, then build."""
        for one in self.load():
            if one.error:
                raise one.error
        return self.build(full_refresh)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Query the private warehouse."""
        with duckdb.connect(str(self.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def marts(self, ignore: Sequence[str] = ()) -> dict[str, list[str]]:
        """Every mart as sorted row texts: what law 2 compares."""
        with duckdb.connect(str(self.root / "warehouse" / "cdp.duckdb"), read_only=True) as con:
            names = [
                row[0]
                for row in con.execute(
                    "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
                ).fetchall()
            ]
            return {
                name: [str(row) for row in con.execute(f"select * from marts.{name} order by all").fetchall()]
                for name in names
                if name not in ignore
            }


def of_staging(root: Path, sources: Sequence[Mapping[str, Any]], *unions: str) -> TestCompany:
    """A company of which only staging is built; the tables that a build clears at its end stand empty."""
    company = TestCompany(root, sources, select=(*STAGING, *(f"+{name}" for name in unions)))
    with warehouse.connect(company.company) as con:
        con.execute("create schema staging; create table staging.touched_owners (touch_key varchar)")
        con.execute("create table staging.touched_devices (device_id varchar)")
    return company
