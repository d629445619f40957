"""dbt's data tests as quality results: severity error is critical and blocks, warn is a warning."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cli import dbt, warehouse
from cli.column_tests import column_tests, failures
from cli.config import Company
from cli.runs import utc


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
    """All data tests of one run."""

    count: int
    failures: list[TestFailure] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def store(self, company: Company, run_id: str) -> None:
        """Write one row per test into `ops.quality_results`."""
        now = utc(datetime.now(UTC))
        rows = [
            (run_id, one.name, "dbt", one.severity, False, float(one.failures or 0), "no rows", now)
            for one in self.failures
        ]
        rows += [(run_id, name, "dbt", "critical", True, 0.0, "no rows", now) for name in self.passed]
        if not rows:
            return
        with warehouse.connect(company) as con:
            con.execute("delete from ops.quality_results where run_id = ? and table_name = 'dbt'", [run_id])
            values = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
            con.execute(
                f"insert into ops.quality_results values {values}", [cell for row in rows for cell in row]
            )


def run_dbt_tests(company: Company) -> TestRun:
    """Run every data test (unit tests and tables of cases belong to CI). Raises CdpError when dbt itself fails."""
    simple = column_tests(dbt.project(company))
    with warehouse.connect(company) as con:
        answers = list(failures(con, simple))
    found = TestRun(len(answers))
    for test, failed, message in answers:
        if failed == 0:
            found.passed.append(test.name)
        else:
            severity = "warning" if test.severity == "warn" and failed is not None else "critical"
            found.failures.append(TestFailure(test.name, severity, failed, message))
    _run_others(company, {test.name for test in simple}, found)
    return found


def _run_others(company: Company, answered: set[str], found: TestRun) -> None:
    """Let dbt run what is left, by name: a list of what to leave out would be many times as long."""
    left = [
        node.name
        for node in dbt.project(company).nodes.values()
        if str(node.resource_type) == "test" and node.name not in answered and "cases" not in node.tags
    ]
    if not left:
        return
    result = dbt.invoke(company, ["test", "--select", *sorted(left)])
    if result.error is not None:
        dbt.raise_on_error(result, company, "running the dbt tests")
    found.count += len(result.nodes)
    for node in result.nodes:
        if node["status"] in ("pass", "success"):
            found.passed.append(node["name"])
        elif node["status"] != "skipped":
            severity = "warning" if node["status"] == "warn" else "critical"
            found.failures.append(TestFailure(node["name"], severity, node["failures"], node["message"]))
