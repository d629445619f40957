"""What changed rules would do to people and audiences, worked out on a copy of the warehouse.

The copy is built with the new configuration in a folder of its own below `.cdp/tmp`; the company's warehouse, models and
state are not touched. Compared are the owners of records before and after, and the members of each audience.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from cli import runs, warehouse
from cli.build import build
from cli.config import Company
from cli.errors import CdpError
from cli.lock import run_lock


@dataclass(frozen=True)
class Trial(Company):
    """The company under its new rules, with a warehouse and working files of its own."""

    folder: Path

    @property
    def dot(self) -> Path:
        """Everything generated, in the trial's folder."""
        return self.folder / ".cdp"

    @property
    def warehouse(self) -> Path:
        """The copy."""
        return self.folder / "cdp.duckdb"

    @property
    def identity_model(self) -> Path:
        """The company's; where it has none, the trial's own, which nobody sees."""
        known = super().identity_model
        return known if known.is_file() else self.folder / known.name


def identity_diff(company: Company) -> dict[str, Any]:
    """People merged, split and unchanged under the company's present rules, and what that does to audiences.

    Raises CdpError when there is no warehouse or the new rules do not build, BusyError while a run is active.
    """
    if not company.warehouse.exists():
        raise CdpError(f"there is no warehouse at {company.warehouse}", hint="`cdp run` creates and fills it")
    folder = company.dot / "tmp" / f"diff-{os.getpid()}"
    folder.mkdir(parents=True, mode=0o700)
    trial = Trial(company.config_path, company.file, folder)
    try:
        with run_lock(company, "identity diff", ""):
            _copy(company, trial.warehouse)
        with warehouse.connect(trial) as con:
            row = con.execute("select as_of from ops.clock").fetchone()
            as_of = row[0] if row else trial.as_of(datetime.now(UTC))
            runs.set_clock(con, as_of, "diff")
        build(trial, "diff", full_refresh=True)
        with warehouse.connect(trial) as con:
            con.execute(f"attach {warehouse.quoted_text(str(company.warehouse))} as before (read_only)")
            return _compare(con)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(company: Company, to: Path) -> None:
    """The warehouse as it lies there, with what its log holds and no checkpoint took in; a reader's lock keeps writers out."""
    with warehouse.connect(company, read_only=True):
        shutil.copyfile(company.warehouse, to)
        if warehouse.wal_of(company.warehouse).exists():
            shutil.copyfile(warehouse.wal_of(company.warehouse), warehouse.wal_of(to))


def _compare(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    con.execute(
        """
        create temp table moves as
        select
            coalesce(old.node_id, new.node_id) as node_id,
            old.customer_id as old_id,
            new.customer_id as new_id
        from before.identity.node_customers as old
        full join identity.node_customers as new on old.node_id = new.node_id
        """
    )
    merged, absorbed = _row(
        con,
        "select count(*), coalesce(sum(parts), 0) from (select new_id, count(distinct old_id) as parts from moves"
        " where new_id is not null group by new_id having count(distinct old_id) > 1)",
    )
    split, pieces = _row(
        con,
        "select count(*), coalesce(sum(parts), 0) from (select old_id, count(distinct new_id) as parts from moves"
        " where old_id is not null group by old_id having count(distinct new_id) > 1)",
    )
    people_before, people_after = _row(
        con, "select count(distinct old_id), count(distinct new_id) from moves"
    )
    (unchanged,) = _row(
        con,
        """
        select count(*) from (
            select old_id from moves group by old_id
            having old_id is not null and count(distinct new_id) = 1 and count(*) = count(new_id)
            and max(new_id) in (select new_id from moves group by new_id having count(distinct old_id) = 1)
        )
        """,
    )
    return {
        "people_before": people_before,
        "people_after": people_after,
        "unchanged": unchanged,
        "merged": {"people": merged, "of_people_before": int(absorbed)},
        "split": {"people": split, "into_people": int(pieces)},
        "examples": _examples(con),
        "audiences": _audiences(con),
    }


def _row(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    found = con.execute(sql).fetchone()
    assert found is not None
    return found


def _examples(con: duckdb.DuckDBPyConnection) -> dict[str, list[list[str]]]:
    """Records of some people that would be merged or split: to look at before the rules change."""
    merged = con.execute(
        "select list(node_id order by node_id)[:6] from moves where new_id is not null group by new_id"
        " having count(distinct old_id) > 1 order by min(node_id) limit 5"
    ).fetchall()
    split = con.execute(
        "select list(node_id order by node_id)[:6] from moves where old_id is not null group by old_id"
        " having count(distinct new_id) > 1 order by min(node_id) limit 5"
    ).fetchall()
    return {"merged": [row[0] for row in merged], "split": [row[0] for row in split]}


def _audiences(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    rows = con.execute(
        """
        select
            coalesce(old.audience, new.audience),
            count(old.customer_id),
            count(new.customer_id),
            count(*) filter (where old.customer_id is null),
            count(*) filter (where new.customer_id is null)
        from (
            select members.audience, coalesce(redirects.new_customer_id, members.customer_id) as customer_id
            from before.marts.audience_members as members
            left join marts.customer_redirects as redirects on members.customer_id = redirects.old_customer_id
            group by all
        ) as old
        full join marts.audience_members as new
            on old.audience = new.audience and old.customer_id = new.customer_id
        group by 1 order by 1
        """
    ).fetchall()
    names = ("audience", "members_before", "members_after", "entered", "left")
    return [dict(zip(names, row, strict=True)) for row in rows]
