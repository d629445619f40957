"""The quality gate: measures of raw and marts, judged before anything leaves the warehouse.

Data flow: warehouse -> measures (one SQL statement per table) -> Great Expectations -> ops.quality_results

dbt tests have run by now and judged rows; this gate judges tables: volumes, shares, ranges, references and
the books of each load. When every number and threshold equals the last stored result, that verdict holds and
Great Expectations is not even imported, so a run with nothing new stays short.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from cli import runs, warehouse
from cli.config import Company
from cli.quality_measures import History, Last, Measure, Severity, measure
from pipelines.failpoints import reach

# The results of dbt tests are in the same table, under the name `dbt`; ours name schema and table.
_OURS = "contains(table_name, '.')"


@dataclass(frozen=True)
class Result:
    """One check of this run."""

    table: str
    check: str
    severity: Severity
    passed: bool
    measured: float | None
    threshold: str

    def __str__(self) -> str:
        measured = "nothing" if self.measured is None else f"{self.measured:g}"
        return f"{self.table} {self.check}: {measured}, expected {self.threshold}"


@dataclass(frozen=True)
class QualityResult:
    """The verdict over all checks."""

    results: list[Result]
    carried_over: bool
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check passed, warnings included."""
        return all(result.passed for result in self.results)

    @property
    def blocked(self) -> bool:
        """Whether a critical check failed: nothing may be published or sent."""
        return any(result.severity == "critical" for result in self.failures)

    @property
    def failures(self) -> list[Result]:
        """What failed, critical first."""
        failed = [result for result in self.results if not result.passed]
        return sorted(failed, key=lambda result: (result.severity, result.table, result.check))


def validate(company: Company, run_id: str) -> QualityResult:
    """Measure, judge and store; the caller decides what a block means (exit 3)."""
    started = time.perf_counter()
    with warehouse.connect(company) as con:
        runs.ensure(con)
        history = _last_results(con, run_id)
        measures = measure(con, company, history)
    carried_over = _unchanged(measures, history)
    if carried_over:
        verdicts = {key: last.passed for key, last in history.items()}
    else:
        from cli.quality_judge import judge

        verdicts = judge(measures, company.dot / "data_docs", run_id)
    results = [_result(one, verdicts) for one in measures]
    with warehouse.connect(company) as con:
        _store(con, run_id, results)
    reach("validate.done")
    return QualityResult(results, carried_over, round(time.perf_counter() - started, 3))


def _result(one: Measure, verdicts: dict[tuple[str, str], bool]) -> Result:
    check = one.check
    # Nothing to measure is no failure; a number without a verdict is.
    passed = one.measured is None or verdicts.get((check.table, check.name), False)
    return Result(check.table, check.name, check.severity, passed, one.measured, check.threshold)


def _unchanged(measures: list[Measure], history: History) -> bool:
    now = {(one.check.table, one.check.name): (one.measured, one.check.threshold) for one in measures}
    return now == {key: (last.measured, last.threshold) for key, last in history.items()}


def _last_results(con: duckdb.DuckDBPyConnection, run_id: str) -> History:
    """Results of the last run that stored any, other than this one."""
    rows = con.execute(
        f"with ours as (select * from ops.quality_results where {_OURS} and run_id <> ?)"
        " select table_name, check_name, passed, measured, threshold from ours"
        " where run_id = (select arg_max(run_id, checked_at) from ours)",
        [run_id],
    ).fetchall()
    return {(table, check): Last(*values) for table, check, *values in rows}


def _store(con: duckdb.DuckDBPyConnection, run_id: str, results: list[Result]) -> None:
    at = runs.utc(datetime.now(UTC))
    rows = [(r.check, r.table, r.severity, r.passed, r.measured, r.threshold) for r in results]
    con.execute("begin")
    con.execute(f"delete from ops.quality_results where {_OURS} and run_id = ?", [run_id])
    if rows:
        con.execute(
            "insert into ops.quality_results select ?, unnest(?::varchar[]), unnest(?::varchar[]),"
            " unnest(?::varchar[]), unnest(?::boolean[]), unnest(?::double[]), unnest(?::varchar[]), ?",
            [run_id, *[list(column) for column in zip(*rows, strict=True)], at],
        )
    con.execute("commit")
