"""dbt in this process: one runner, the company's environment, results as values.

dbt's own exit codes (1 handled, 2 unhandled) are translated, never passed through. Importing dbt costs 4 s, so it happens here,
late. Between two invocations the DuckDB handle must be closed: others take their turn on the file.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.config import Company
from cli.generate import COMPANY_MODELS, GENERATED_MODELS
from cli.warehouse import temp_of
from pipelines.errors import CdpError

_runner: Any = None


@dataclass
class DbtResult:
    """What one invocation did: rows of (node, status, seconds, message)."""

    success: bool
    nodes: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None

    def failed(self, resource_type: str | None = None) -> list[dict[str, Any]]:
        """Nodes that ended in error or fail."""
        return [
            node
            for node in self.nodes
            if node["status"] in ("error", "fail", "runtime error")
            and (resource_type is None or node["resource_type"] == resource_type)
        ]


def environment(company: Company) -> dict[str, str]:
    """The variables plain dbt needs to work on this company (`cdp env` prints them)."""
    return {
        "CDP_MODELS": COMPANY_MODELS,
        "CDP_GENERATED": GENERATED_MODELS,
        "CDP_WAREHOUSE": str(company.warehouse),
        "CDP_TIMEZONE": company.file.reporting.timezone,
        "CDP_CURRENCY": company.file.reporting.currency,
        "CDP_WEEK_STARTS": company.file.reporting.week_starts,
        "CDP_MAX_CLUSTER_SIZE": str(company.file.identity.max_cluster_size),
        "CDP_MEMORY_LIMIT": company.memory_limit,
        "CDP_TEMP": str(temp_of(company)),
        "CDP_TEMP_LIMIT": company.temp_limit,
        "DBT_PROJECT_DIR": str(company.dot / "project"),
        "DBT_PROFILES_DIR": str(company.dot / "project"),
        "DBT_TARGET_PATH": str(company.dot / "target"),
        "DBT_LOG_PATH": str(company.dot / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


@contextmanager
def applied(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def invoke(company: Company, arguments: list[str]) -> DbtResult:
    """Run one dbt command, e.g. `["run"]`; quiet on the terminal, whole in `.cdp/logs/dbt.log`."""
    global _runner
    temp_of(company).mkdir(parents=True, exist_ok=True)
    with applied(environment(company)):
        from dbt.cli.main import dbtRunner

        _runner = _runner or dbtRunner()
        options = ["--quiet", "--no-use-colors", "--log-level", "none", "--log-level-file", "info"]
        outcome = _runner.invoke([*options, *arguments])
        _close()
    result = DbtResult(bool(outcome.success))
    if outcome.exception is not None:
        result.error = _short(str(outcome.exception))
    for one in getattr(outcome.result, "results", None) or []:
        result.nodes.append(
            {
                "name": one.node.name,
                "unique_id": one.node.unique_id,
                "resource_type": str(one.node.resource_type),
                "schema": getattr(one.node, "schema", None),
                "status": str(one.status),
                "seconds": float(one.execution_time),
                "failures": one.failures,
                "severity": str(getattr(one.node.config, "severity", "") or "").lower(),
                "message": _short(str(one.message or "")),
            }
        )
    return result


def raise_on_error(result: DbtResult, company: Company, doing: str) -> None:
    """Raise CdpError when a model could not be built; test failures are judged by the quality gate."""
    broken = [node for node in result.nodes if node["status"] in ("error", "runtime error")]
    if result.error is None and not broken:
        return
    lines = [f"  {node['name']}: {node['message']}" for node in broken[:5]]
    more = f"\n  and {len(broken) - 5} more" if len(broken) > 5 else ""
    what = "\n".join(lines) + more if lines else f"  {result.error}"
    raise CdpError(
        f"{doing} failed:\n{what}",
        hint=f"the whole log is {Path(company.dot / 'logs' / 'dbt.log')}; the last published file is untouched",
    )


def _close() -> None:
    from dbt.adapters.duckdb import connections

    manager: Any = connections.DuckDBConnectionManager
    manager.close_all_connections()


def _short(text: str) -> str:
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(kept)[:600]
