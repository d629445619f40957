"""`cdp quarantine replay`: corrected rows as a new load, or all rows judged again after the rules were changed.

A file of corrections is checked whole before anything is loaded. What a killed replay left is finished first and then
recognised, row by row, so the same command may be given again.
"""

import shutil
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cli import corrections, warehouse
from cli.config import Company
from cli.generate import fingerprint, load_spec, source_specs
from cli.run import Outcome, Say, Working, run
from cli.runs import RunLog
from pipelines.replay import drain, load_corrections

Rejected = dict[str, Any]
COLUMNS = ("source", "table", "load_id", "file", "position", "reason", "raw")


@dataclass
class Replayed:
    """What a replay did: rows loaded, left alone and known from before; what became of them."""

    rows: int = 0
    unchanged: int = 0
    before: int = 0
    taken: int = 0
    left: int = 0
    entered: int = 0
    open: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    built: bool = False
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def rejected_rows(
    con: duckdb.DuckDBPyConnection,
    *,
    source: str | None = None,
    table: str | None = None,
    reason: str | None = None,
    replayed: bool = False,
    limit: int | None = None,
) -> list[Rejected]:
    """Rows in quarantine, those that were replayed only if asked for; `table` is `source.table`, `reason` a part of it."""
    if not warehouse.has_table(con, "quarantine", "rows"):
        return []
    names = (*COLUMNS, "replayed_in")
    found = con.execute(
        "select source, source_table, load_id, file, position, reason, raw, replayed_in from quarantine.rows"
        " where (? is null or source = ?) and (? is null or source || '.' || source_table = ?)"
        " and (? is null or contains(lower(reason), lower(?))) and (? or replayed_in is null)"
        " order by source, source_table, load_id, file, position limit ?",
        [source, source, table, table, reason, reason, replayed, limit],
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def replay_file(
    company: Company, path: Path, say: Say, working: Working = lambda stage: nullcontext()
) -> Replayed:
    """Load the corrected rows of a file and build.

    Raises UsageError (exit 2) with everything that is wrong in the file; nothing is loaded then.
    """
    with warehouse.connect(company, read_only=True) as con:
        plan = corrections.check(con, company, path)
    done = Replayed(plan.rows, plan.unchanged, plan.before)
    if plan.rows or needs_build(company):
        outcome = run(
            company,
            ("replay", "build"),
            command="replay",
            say=say,
            working=working,
            also={"replay": lambda log, outcome: _replay(company, path, log, outcome)},
        )
        done.built, done.exit_code = True, outcome.exit_code
        done.rows = outcome.stages["replay"]["rows"]
        done.before = outcome.stages["replay"]["before"]
    _tell_fate(company, plan, done)
    return done


def _replay(company: Company, path: Path, log: RunLog, outcome: Outcome) -> str:
    plan = load_file(company, path, log.run_id)
    outcome.stages["replay"] = {"rows": plan.rows, "unchanged": plan.unchanged, "before": plan.before}
    return f"{plan.rows:,} corrected rows of {path.name} loaded"


def load_file(company: Company, path: Path, run_id: str) -> corrections.Plan:
    """Load what of a file is corrected and not yet replayed, one load for each source.

    Raises UsageError with everything that is wrong in it; nothing of it is loaded then.
    """
    spec = load_spec(company)
    sources = {source.name: source for source in source_specs(company)}
    try:
        for source in sources.values():
            # A killed load may hold the very rows: they are recognised once they are in raw.
            drain(spec, source)
        with warehouse.connect(company) as con:
            plan = corrections.check(con, company, path)
        for name, tables in plan.corrections.items():
            load_corrections(spec, sources[name], tables, path.name, run_id)
    finally:
        # Corrections lie there, as people's rows; those of a killed replay too.
        shutil.rmtree(spec.temp, ignore_errors=True)
    return plan


def _tell_fate(company: Company, plan: corrections.Plan, done: Replayed) -> None:
    """What became of the rows of the file that were corrected, now or before."""
    with warehouse.connect(company, read_only=True) as con:
        if warehouse.has_table(con, "staging", "stg_replays"):
            found = con.execute(
                "select source, source_table, replaces_load_id, replaces_file, replaces_position,"
                " status, replayed_in, file, position from staging.stg_replays"
            ).fetchall()
            fate = {((row[0], row[1]), row[2:5]): row[5:] for row in found}
            listed = {
                (row["load_id"], row["file"], row["position"]): row
                for row in rejected_rows(con, replayed=True)
            }
            for key, ref in plan.lines:
                became = fate.get((key, (ref.load_id, ref.file, ref.position)))
                if became and became[0] != "quarantined":
                    done.taken += 1
                elif became and (row := listed.get(became[1:])):
                    done.rejected.append({name: row[name] for name in COLUMNS if name != "raw"})
        done.open = len(_open(con))


def judge_again(company: Company, say: Say, working: Working = lambda stage: nullcontext()) -> Replayed:
    """After a change of mapping or rules: build, which judges every row again, and say who left quarantine.

    With nothing changed since the last build it does no work.
    """
    done = Replayed()
    with warehouse.connect(company, read_only=True) as con:
        before = _open(con)
    if needs_build(company):
        outcome = run(company, ("build",), command="replay", say=say, working=working)
        done.built, done.exit_code = True, outcome.exit_code
    with warehouse.connect(company, read_only=True) as con:
        after = _open(con)
    done.left, done.entered, done.open = len(before - after), len(after - before), len(after)
    return done


def _open(con: duckdb.DuckDBPyConnection) -> set[tuple[Any, ...]]:
    """The rows in quarantine that were not replayed, by what names them."""
    if not warehouse.has_table(con, "quarantine", "rows"):
        return set()
    return set(
        con.execute(
            "select source, source_table, load_id, file, position from quarantine.rows where replayed_in is null"
        ).fetchall()
    )


def needs_build(company: Company) -> bool:
    """Did the rules change, was the last build cut short, or is a complete load not built yet?"""
    with warehouse.connect(company, read_only=True) as con:
        if not warehouse.has_table(con, "ops", "build_state"):
            return True
        state = con.execute("select fingerprint, finished from ops.build_state").fetchall()
        if state != [(fingerprint(company), True)]:
            return True
        return any(_unbuilt(con, source.name) for source in company.sources)


def _unbuilt(con: duckdb.DuckDBPyConnection, source: str) -> bool:
    if not warehouse.has_table(con, f"raw_{source}", "_dlt_loads"):
        return True
    found = con.execute(
        f"select 1 from raw_{source}._cdp_files as files join raw_{source}._dlt_loads as loads"
        " on files._dlt_load_id = loads.load_id and loads.status = 0"
        " where load_id not in (select load_id from ops.built_loads where source = ?) limit 1",
        [source],
    ).fetchall()
    return bool(found)
