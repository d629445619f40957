"""dbt's data tests as quality results: severity error is critical and blocks, warn is a warning."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli import dbt, tested, warehouse
from cli.column_tests import column_tests, failures
from cli.config import Company
from cli.runs import utc

# Of tests that this run asks.
ASKED = "cdp_asked"


@dataclass(frozen=True)
class TestFailure:
    """One test that found rows, or could not run."""

    name: str
    severity: str
    failures: int | None
    message: str

    def __str__(self) -> str:
        found = f"{self.failures} rows" if self.failures is not None else self.message
        return f"dbt test {self.name}: {found}"


@dataclass
class TestRun:
    """All data tests of one run: those that were asked, and those whose last answer holds."""

    failures: list[TestFailure] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    carried_over: list[tuple[str, datetime]] = field(default_factory=list)  # name, when it was asked
    asked: dict[str, bool] = field(default_factory=dict)  # unique id -> passed

    @property
    def count(self) -> int:
        """Tests, asked in this run or not."""
        return len(self.asked) + len(self.carried_over)

    def told(self) -> str:
        """How many there are, and of how many the last answer holds."""
        held = f" ({len(self.carried_over)} carried over)" if self.carried_over else ""
        return f"{self.count} dbt tests{held}"

    def store(self, company: Company, run_id: str) -> None:
        """Write one row per test into `ops.quality_results`; what was carried over keeps the time when it was asked."""
        now = utc(datetime.now(UTC))
        rows = [(one.name, one.severity, False, float(one.failures or 0), now) for one in self.failures]
        rows += [(name, "critical", True, 0.0, now) for name in self.passed]
        rows += [(name, "critical", True, 0.0, at) for name, at in self.carried_over]
        if not rows:
            return
        with warehouse.connect(company) as con:
            con.execute("delete from ops.quality_results where run_id = ? and table_name = 'dbt'", [run_id])
            con.execute(
                "insert into ops.quality_results select ?, unnest(?::varchar[]), 'dbt', unnest(?::varchar[]),"
                " unnest(?::boolean[]), unnest(?::double[]), 'no rows', unnest(?::timestamp[])",
                [run_id, *[list(column) for column in zip(*rows, strict=True)]],
            )


def run_dbt_tests(company: Company, everything: bool = True) -> TestRun:
    """Run the data tests (unit tests and tables of cases belong to CI): all, or only those that read what was written since they
    last passed. Raises CdpError when dbt itself fails.
    """
    manifest = dbt.project(company)
    found = TestRun()
    with warehouse.connect(company) as con:
        known = {} if everything else tested.passed(con)
        wanted = {uid: node for uid, node in manifest.nodes.items() if _is_data_test(node)}
        found.carried_over = [(wanted[uid].name, at) for uid, at in known.items() if uid in wanted]
        simple = [test for test in column_tests(manifest) if test.unique_id not in known]
        for test, failed, message in failures(con, simple):
            found.asked[test.unique_id] = failed == 0
            if failed == 0:
                found.passed.append(test.name)
            else:
                severity = "warning" if test.severity == "warn" and failed is not None else "critical"
                found.failures.append(TestFailure(test.name, severity, failed, message))
    left = wanted.keys() - known.keys() - {test.unique_id for test in simple}
    _run_others(company, left, found)
    with warehouse.connect(company) as con:
        tested.remember(con, manifest, found.asked, utc(datetime.now(UTC)))
    return found


def _is_data_test(node: Any) -> bool:
    return str(node.resource_type) == "test" and "cases" not in node.tags


def _run_others(company: Company, left: set[str], found: TestRun) -> None:
    """Let dbt run what is left."""
    if not left:
        return
    dbt.mark(company, ASKED, left)
    result = dbt.invoke(company, ["test", "--select", f"tag:{ASKED}"])
    if result.error is not None:
        dbt.raise_on_error(result, company, "running the dbt tests")
    for node in result.nodes:
        name, status = node["name"], node["status"]
        if status in ("pass", "success"):
            found.passed.append(name)
        elif status != "skipped":
            severity = "warning" if status == "warn" else "critical"
            found.failures.append(TestFailure(name, severity, node["failures"], node["message"]))
        found.asked[node["unique_id"]] = status in ("pass", "success")
