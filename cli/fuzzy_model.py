"""The model file of probable links: the first run makes it, `cdp identity train` makes it again, every run reads it."""

import math
from pathlib import Path
from typing import Any

import duckdb

from cli import fuzzy, warehouse
from cli.config import Company
from cli.errors import CdpError
from cli.lock import run_lock
from pipelines.readers import quote

LEAST_RECORDS = 100  # below, the first run waits for more
CONTACTS = """
    create or replace temp view fuzzy_contacts as
    select * exclude (record_id), node_id as record_id from staging.stg_contacts where node_id is not null
"""


def of_run(company: Company, con: duckdb.DuckDBPyConnection) -> tuple[fuzzy.Model | None, str | None]:
    """The model of the file and what the user should know of it; a first one when there is no file and enough to learn from.

    Needs the view of `CONTACTS`. Raises ModelError when the file is not one of this version.
    """
    path = company.identity_model
    if path.is_file():
        return fuzzy.Model.load(path), None
    row = con.execute("select count(*) from fuzzy_contacts").fetchone()
    if row is None or row[0] < LEAST_RECORDS:
        return None, None
    trained = _trained(con)
    _save(trained, path)
    if trained.refused_because:
        return (
            trained,
            f"no probable links: {trained.refused_because}; {path.name} says so until `cdp identity train`",
        )
    # scores are by what the file says, to the last digit: as in every later run
    return fuzzy.Model.load(path), f"trained {path.name} on {trained.records:,} contacts: review it"


def outlook(company: Company, con: duckdb.DuckDBPyConnection) -> tuple[bool, str | None]:
    """May a build have probable links? And if the model file refuses, what the user should know.

    Without a file it may when enough rows were delivered that could be contacts: a table whose entity cdp.yml leaves open counts.
    """
    if not company.file.identity.fuzzy.enabled:
        return False, None
    if company.identity_model.is_file():
        refused = fuzzy.Model.load(company.identity_model).refused_because
        return not refused, f"no probable links: {refused}" if refused else None
    rows = 0
    for source in company.sources:
        for table in source.tables:
            if table.entity in ("contact", ""):
                counted = con.execute(
                    f"select count(*) from raw_{source.name}.{quote(table.name)}"
                ).fetchone()
                rows += counted[0] if counted else 0
    return rows >= LEAST_RECORDS, None


def _trained(con: duckdb.DuckDBPyConnection) -> fuzzy.Model:
    row = con.execute("select as_of from ops.clock").fetchone()
    return fuzzy.train(con, "fuzzy_contacts", as_of=str(row[0] if row else None))


def _save(model: fuzzy.Model, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    model.save(path)


def check(company: Company) -> None:
    """Raise ModelError when probable links are wanted and the model file is not one of this version."""
    if company.file.identity.fuzzy.enabled and company.identity_model.is_file():
        fuzzy.Model.load(company.identity_model)


def _difference(company: Company, new: fuzzy.Model) -> list[str]:
    """What `new` changes, in words; a file that can no longer be read is what it replaces."""
    path, settings = company.identity_model, company.file.identity.fuzzy
    if not path.is_file():
        return ["there was no model file"]
    try:
        old = fuzzy.Model.load(path)
    except fuzzy.ModelError as error:
        return [f"the file there was cannot be used: {error}"]
    told = fuzzy.describe_difference(old, new, settings.merge_at, settings.review_at)
    return told or ["both files decide alike"]


def train_again(company: Company, dry_run: bool) -> dict[str, Any]:
    """Train on the present contacts, write the file unless `dry_run`, and say what differs from the one there was.

    Raises CdpError when nothing is staged yet, BusyError while a run is active.
    """
    path, settings = company.identity_model, company.file.identity.fuzzy
    with run_lock(company, "identity train", ""), warehouse.connect(company) as con:
        if not warehouse.has_table(con, "staging", "stg_contacts"):
            raise CdpError("there are no contacts to learn from yet", hint="`cdp run` loads and stages them")
        con.execute(CONTACTS)
        new = _trained(con)
        difference = _difference(company, new)
        if not dry_run:
            _save(new, path)
    thresholds = (math.inf, math.inf)
    if not new.refused_because:
        thresholds = fuzzy.thresholds(new, settings.merge_at, settings.review_at)
    return {
        "file": path.name,
        "written": not dry_run,
        "contacts": new.records,
        "comparisons": len(new.comparisons),
        "refused_because": new.refused_because,
        "merge_from": None if math.isinf(thresholds[0]) else thresholds[0],
        "review_from": None if math.isinf(thresholds[1]) else thresholds[1],
        "difference": difference,
    }
