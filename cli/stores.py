"""Every place that can hold personal data: files in the company folder by pattern, schemas of the warehouse.

Erasure, access requests, backup and doctor read this list; a place that is not on it is a leak. A test takes
a snapshot of the folder before and after a run and fails on any file that no pattern lists (`unlisted`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import duckdb

from cli.config import Company

Kind = Literal["delivered", "warehouse", "published", "sent", "working", "log", "generated", "backup"]


@dataclass(frozen=True)
class Store:
    """A place: `pattern` is relative to the company folder (or absolute, if the place lies outside it)."""

    pattern: str
    kind: Kind
    personal: bool
    cleared_by: str


@dataclass(frozen=True)
class SchemaStore:
    """A schema of the private warehouse; `name` may be a pattern."""

    name: str
    personal: bool
    cleared_by: str


SCHEMAS = (
    SchemaStore("raw_*", True, "erasure deletes the person's rows, then the file is rewritten"),
    SchemaStore("staging", True, "rebuilt from raw"),
    SchemaStore("quarantine", True, "rebuilt from raw"),
    SchemaStore(
        "identity",
        True,
        "rebuilt from staging; registry, overrides and changes of owners keep ids and record keys",
    ),
    SchemaStore(
        "customer", True, "rebuilt from staging; text_fits keeps numbers, and words that ten texts share"
    ),
    SchemaStore(
        "marts",
        True,
        "rebuilt from staging; customer_id_history keeps ids, record keys and the values that linked them",
    ),
    SchemaStore("audiences", True, "rebuilt from marts"),
    SchemaStore("activation", True, "rebuilt from marts; trigger_entries keeps ids, products and codes"),
    SchemaStore(
        "exports",
        True,
        "ledger keeps keys and hashes, and by what a CRM knows a row; erasure deletes the person's rows",
    ),
    SchemaStore("cases", True, "erasure deletes the person's decisions"),
    SchemaStore("ops", False, "holds counts, times and messages only"),
    SchemaStore("reference", False, "seeds of the checkout"),
    SchemaStore("main", False, "dbt and dlt put nothing there"),
    SchemaStore("dbt_test__audit*", True, "rebuilt by the next build"),
)


def stores(company: Company) -> tuple[Store, ...]:
    """Places of this company: fixed ones, its drop folders and its file destinations."""
    warehouse, published = _inside(company, company.warehouse), _inside(company, company.published)
    fixed = (
        Store(warehouse, "warehouse", True, "rewriting the file (COPY FROM DATABASE) and swapping it"),
        Store(f"{warehouse}.wal", "warehouse", True, "checkpoint, when a connection closes"),
        Store(_beside(warehouse, ".new-*"), "working", False, "the next run"),
        Store(_beside(warehouse, ".compact-*"), "working", True, "the next run"),
        Store(published, "published", True, "the next publish"),
        Store(_beside(published, ".tmp-*"), "working", True, "the next publish"),
        Store(str(Path(published).with_name("report.html")), "generated", False, "the next `cdp report`"),
        *(_further(company)),
        Store(
            ".cdp/published/*", "published", True, "the publishes that follow, `warehouse.previous` of them"
        ),
        Store(".cdp/tmp/*", "working", True, "the end of the process; the next run for dead ones"),
        Store(
            ".cdp/dlt/*", "working", True, "finished packages: after each load; pending ones: the next load"
        ),
        Store(
            ".cdp/target/*", "generated", True, "the next build; `run_results.json` may quote a failed row"
        ),
        Store(".cdp/models/*", "generated", False, "generated from cdp.yml"),
        Store(".cdp/logs/*", "log", False, "may be deleted at any time; ids only as salted hashes"),
        Store(".cdp/data_docs/*", "log", False, "each judged run writes them anew; measures only"),
        Store(".cdp/pace/*", "working", False, "may be deleted between runs; times of requests only"),
        Store(".cdp/run.lock", "working", False, "emptied at the end of a run"),
        Store(".cdp/*.json", "generated", False, "generated from cdp.yml"),
        Store(".cdp/*.yml", "generated", False, "generated from cdp.yml"),
        Store("backups/*", "backup", True, "`cdp backup --keep`; a backup names people until it is deleted"),
        Store(_beside(warehouse, ".restore-*"), "working", True, "the next restore"),
        Store(".cdp/restore-new/*", "working", True, "the next restore"),
        Store(
            "quarantine/*",
            "working",
            True,
            "whoever wrote it (`cdp quarantine list --out`); erasure lists the files that name the person",
        ),
        Store("exports/out/*", "sent", True, "removals of the sync; erasure deletes the person's lines"),
    )
    return fixed + _drop_folders(company) + _file_destinations(company)


def unlisted(company: Company, before: Iterable[Path], after: Iterable[Path]) -> list[Path]:
    """Files that a run wrote and no store lists; `before` and `after` are snapshots (`snapshot`)."""
    patterns = [store.pattern for store in stores(company)]
    new = set(after) - set(before)
    return sorted(path for path in new if not _matches(company, path, patterns))


def unlisted_schemas(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Schemas of the open warehouse that hold tables and that `SCHEMAS` does not list."""
    rows = con.execute(
        "select distinct table_schema from information_schema.tables"
        " where table_catalog = current_database() order by 1"
    ).fetchall()
    return [name for (name,) in rows if not any(fnmatchcase(name, store.name) for store in SCHEMAS)]


def snapshot(folder: Path) -> set[Path]:
    """Every file below a folder."""
    return {path for path in folder.rglob("*") if path.is_file()}


def present(company: Company, personal_only: bool = False) -> list[tuple[Store, list[Path]]]:
    """Stores that hold something now, with their files."""
    files = snapshot(company.root)
    found = []
    for store in stores(company):
        members = sorted(path for path in files if _matches(company, path, [store.pattern]))
        if members and (store.personal or not personal_only):
            found.append((store, members))
    return found


def _matches(company: Company, path: Path, patterns: list[str]) -> bool:
    # fnmatch lets `*` cross folders, which is meant: a store is a folder with all that is below it.
    name = _inside(company, path)
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _further(company: Company) -> Iterator[Store]:
    """Further published files; a mask takes out what is declared personal, and ids of customers stay."""
    for spec in company.file.publish:
        name = _inside(company, company.published_file(spec))
        yield Store(name, "published", True, "the next publish")
        yield Store(_beside(name, ".tmp-*"), "working", True, "the next publish")


def _drop_folders(company: Company) -> tuple[Store, ...]:
    paths = sorted({table.path for source in company.sources for table in source.tables if table.path})
    cleared = "whoever delivers it; erasure lists the files that name the person"
    return tuple(Store(path.replace("**/", "*"), "delivered", True, cleared) for path in paths)


def _file_destinations(company: Company) -> tuple[Store, ...]:
    found = []
    for destination in company.destinations.values():
        path = (destination.model_extra or {}).get("path")
        if destination.type == "file" and isinstance(path, str):
            cleared = "removals of the sync; erasure deletes the person's lines"
            found.append(Store(path.rstrip("/").split("{")[0] + "*", "sent", True, cleared))
    return tuple(found)


def _inside(company: Company, path: Path) -> str:
    return str(path.relative_to(company.root)) if path.is_relative_to(company.root) else str(path)


def _beside(name: str, ending: str) -> str:
    path = Path(name)
    return str(path.with_name(f".{path.name}{ending}"))
