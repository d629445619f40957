"""dbt in this process: one runner, the company's environment, results as values.

dbt's own exit codes (1 handled, 2 unhandled) are translated, never passed through. Importing dbt costs 4 s, so it happens here,
late. Between two invocations the DuckDB handle must be closed: others take their turn on the file.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.config import Company
from cli.config_survivorship import declared_groups
from cli.generate import COMPANY_MODELS, GENERATED_MODELS, fingerprint
from cli.inputs import variables
from cli.warehouse import full_disk, tells_full_disk, temp_of
from pipelines.errors import CdpError

# What the last reading of a project gave, and of what: its models, its variables. Reading takes a second or more.
_read: tuple[object, Any] | None = None
# While dbt runs, a signal ends the process at once: dbt turns exceptions of a signal handler into errors of its own.
running = False
OPTIONS = (
    "--quiet",
    "--no-use-colors",
    "--log-level",
    "none",
    "--log-level-file",
    "info",
    # the same order of tests and models, found in a tenth of the time
    "--use-fast-test-edges",
)
# What an engine's message may quote of a row: text in quotes, addresses, long numbers.
_QUOTED = re.compile(r"'[^'\n]{1,200}'|[\w.+-]+@[\w.-]+|\+?\d{7,}")
_IDENTIFIER = re.compile(r"'[A-Za-z_][A-Za-z0-9_.:]*'")
_TELLS_VALUE = re.compile(r"convert|cast|invalid input|out of range|constraint|conversion", re.IGNORECASE)


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
    return variables(company) | {
        "CDP_MODELS": COMPANY_MODELS,
        "CDP_GENERATED": GENERATED_MODELS,
        "CDP_WAREHOUSE": str(company.warehouse),
        "CDP_TIMEZONE": company.file.reporting.timezone,
        "CDP_CURRENCY": company.file.reporting.currency,
        "CDP_WEEK_STARTS": company.file.reporting.week_starts,
        "CDP_FIELD_GROUPS": declared_groups(company.file.survivorship.groups),
        "CDP_FIELD_ATTRIBUTES": ",".join(company.file.survivorship.attributes),
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


def project(company: Company) -> Any:
    """The project as dbt reads it (its manifest); read once while nothing changes.

    Raises CdpError when dbt cannot read it.
    """
    global running
    running = True
    with applied(environment(company)):
        outcome = _parse(company)
        _close()
    running = False
    if _read is None:
        raise_on_error(DbtResult(False, error=_short(str(outcome.exception))), company, "reading the project")
    assert _read is not None
    return _read[1]


def mark(company: Company, tag: str, chosen: Collection[str]) -> None:
    """Let these nodes (unique ids), and no others, carry a tag: for each name on its command line dbt looks at every node."""
    for uid, node in project(company).nodes.items():
        node.tags = [one for one in node.tags if one != tag] + ([tag] if uid in chosen else [])


def _parse(company: Company) -> Any:
    """Read the project unless it is held already; dbt's outcome, None when there was nothing to do."""
    global _read
    held = (environment(company), fingerprint(company))
    if _read is not None and _read[0] == held:
        return None
    from dbt.cli.main import dbtRunner

    _read = None
    outcome = dbtRunner().invoke([*OPTIONS, "--no-write-json", "parse"])
    if outcome.success:
        _write_artifacts(company, outcome.result)
        _read = (held, outcome.result)
    return outcome


def _write_artifacts(company: Company, manifest: Any) -> None:
    """Write manifest.json and its like, a second's work, unless they are those of what dbt holds of the project.

    dbt writes what it holds only when it has read anything anew; the mark that is written last says which one that was.
    """
    from dbt.parser.manifest import write_manifest

    target = company.dot / "target"
    mark, held = target / "artifacts_of.txt", (target / "partial_parse.msgpack").stat()
    wanted = f"{held.st_size} {held.st_mtime_ns}"
    known = mark.read_text() if mark.is_file() else ""
    if known != wanted or not (target / "manifest.json").is_file():
        mark.unlink(missing_ok=True)
        write_manifest(manifest, str(target))
        mark.write_text(wanted)


def invoke(company: Company, arguments: list[str]) -> DbtResult:
    """Run one dbt command, e.g. `["run"]`; quiet on the terminal, whole in `.cdp/logs/dbt.log`.

    The project is read once for all commands that find it unchanged.
    """
    global running
    temp_of(company).mkdir(parents=True, exist_ok=True)
    log = company.dot / "logs" / "dbt.log"
    before = log.stat().st_size if log.is_file() else 0
    running = True
    with applied(environment(company)):
        outcome = _parse(company)
        if _read is not None:
            from dbt.cli.main import dbtRunner

            manifest: Any = _read[1]
            _uncompile(manifest)
            # reading has written the artifacts of the project; writing them again costs as much as twenty small models
            outcome = dbtRunner(manifest=manifest).invoke([*OPTIONS, "--no-write-json", *arguments])
        _close()
    running = False
    result = DbtResult(bool(outcome.success))
    if not result.success:
        _scrub(log, before)
    if outcome.exception is not None:
        result.error = _short(str(outcome.exception))
    for one in getattr(outcome.result, "results", None) or []:
        # Hooks are listed beside the nodes; one that failed is an error all the same.
        if str(one.node.resource_type) == "operation" and str(one.status) in ("success", "pass"):
            continue
        result.nodes.append(
            {
                "name": one.node.name,
                "unique_id": one.node.unique_id,
                "resource_type": str(one.node.resource_type),
                "schema": getattr(one.node, "schema", None),
                "status": str(one.status),
                "seconds": float(one.execution_time),
                "span": _span(one.timing),
                "failures": one.failures,
                "severity": str(getattr(one.node.config, "severity", "") or "").lower(),
                "message": _short(str(one.message or "")),
            }
        )
    return result


def _span(timing: Any) -> tuple[float, float] | None:
    """When a node began and ended, in seconds of the epoch; nodes overlap, for dbt runs two at a time."""
    parts = [part for part in timing or [] if part.started_at and part.completed_at]
    if not parts:
        return None
    return (
        min(part.started_at for part in parts).timestamp(),
        max(part.completed_at for part in parts).timestamp(),
    )


def raise_on_error(result: DbtResult, company: Company, doing: str) -> None:
    """Raise CdpError when a model could not be built; test failures are judged by the quality gate."""
    broken = [node for node in result.nodes if node["status"] in ("error", "runtime error")]
    if result.error is None and not broken:
        return
    lines = [f"  {node['name']}: {node['message']}" for node in broken[:5]]
    if tells_full_disk(f"{result.error} {[node['message'] for node in broken]}"):
        raise full_disk(doing, company.warehouse.parent)
    more = f"\n  and {len(broken) - 5} more" if len(broken) > 5 else ""
    what = "\n".join(lines) + more if lines else f"  {result.error}"
    raise CdpError(
        f"{doing} failed:\n{what}",
        hint=f"the whole log is {Path(company.dot / 'logs' / 'dbt.log')}; the last published file is untouched",
    )


def _uncompile(manifest: Any) -> None:
    """Let every node be compiled anew: what an earlier command left would lack the CTEs of ephemeral models."""
    for node in manifest.nodes.values():
        # `dbt compile` marks seeds too, which have no CTEs and refuse to be told so
        if getattr(node, "compiled", False) and str(node.resource_type) != "seed":
            node.compiled, node.compiled_code = False, None
            node.extra_ctes_injected, node.extra_ctes = False, []


def _close() -> None:
    from dbt.adapters.duckdb import connections

    manager: Any = connections.DuckDBConnectionManager
    manager.close_all_connections()


def _short(text: str) -> str:
    kept = [line.strip() for line in text.splitlines() if line.strip()]
    return _hide(" ".join(kept))[:600]


def _hide(text: str) -> str:
    """A message without the value it complains about: that may be somebody's. Names of models stay."""
    return _QUOTED.sub(lambda match: match[0] if _IDENTIFIER.fullmatch(match[0]) else "'...'", text)


def _scrub(log: Path, start: int) -> None:
    """Hide quoted values in what the last command added to dbt's log."""
    if not log.is_file():
        return
    with log.open("r+b") as handle:
        handle.seek(start if start <= log.stat().st_size else 0)
        begin = handle.tell()
        text = handle.read().decode("utf-8", "replace")
        lines = [_hide(line) if _TELLS_VALUE.search(line) else line for line in text.split("\n")]
        handle.seek(begin)
        handle.write("\n".join(lines).encode())
        handle.truncate()
