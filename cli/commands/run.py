"""`cdp run` and its single stages."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

if TYPE_CHECKING:
    from cli.config import Company
    from cli.run import Outcome
    from cli.runs import RunLog

FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Rebuild every model; ids and history are kept")
]


def run(config: Config = CONFIG, full_refresh: FullRefresh = False, as_json: AsJson = False) -> None:
    """Load, build, validate, publish and export: the whole job, safe to repeat, safe to kill.

    Example: cdp run --config demo/cdp.yml

    Exit codes: 0 done, 1 failed, 2 configuration (nothing done), 3 blocked (nothing published or sent),
    4 partial (a source failed, a destination rejected rows), 5 another run is active.
    """
    with claimed(config, "run"):
        found = company(config)
        from cli.run import STAGES
        from cli.run import run as run_stages

        outcome = run_stages(found, STAGES, full_refresh=full_refresh, say=say, **watched())
    report(outcome, as_json)


def stage_command(stage: str) -> Callable[..., None]:
    """The command that runs one stage."""
    helps = {
        "load": "Load new files into raw; nothing new means no work.",
        "build": "Build all models from what is loaded.",
        "validate": "Run the quality gate: dbt tests and checks.",
    }

    def one(config: Config = CONFIG, as_json: AsJson = False) -> None:
        _one_stage(stage, config, False, as_json)

    def build(config: Config = CONFIG, full_refresh: FullRefresh = False, as_json: AsJson = False) -> None:
        _one_stage(stage, config, full_refresh, as_json)

    if stage == "publish":
        return publish
    command = build if stage == "build" else one
    command.__doc__ = (
        f"{helps[stage]}\n\nExample: cdp {stage} --config demo/cdp.yml\n\nExit codes as of `cdp run`."
    )
    return command


def publish(
    config: Config = CONFIG,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put the version before the present one back instead")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", help="With --rollback: the version of this run (its id, or its beginning)"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the marts into the published files and swap them in; or take the last publish back.

    The next `cdp run` publishes again: correct the cause before it.

    Example: cdp publish --rollback --config demo/cdp.yml

    Exit codes as of `cdp run`; 1 when no version to go back to is kept.
    """
    if not rollback:
        if to is not None:
            from cli.errors import UsageError

            raise UsageError("--to says which version to go back to", hint="add --rollback")
        _one_stage("publish", config, False, as_json)
    found = company(config)
    refuse_if_held(found)
    from cli import previous
    from cli.publish import remove_stale, targets
    from cli.run import run as run_stages

    def back(log: "RunLog", outcome: "Outcome") -> str:
        files = [target.file for target in targets(found)]
        for file in files:
            remove_stale(file)
        outcome.stages["rollback"] = previous.roll_back(found, files, log.run_id, to)
        return "; ".join(outcome.stages["rollback"])

    outcome = run_stages(found, ("rollback",), command="publish --rollback", say=say, also={"rollback": back})
    report(outcome, as_json)


def _one_stage(stage: str, config: Path, full_refresh: bool, as_json: bool) -> None:
    with claimed(config, stage):
        found = company(config)
        from cli.run import run as run_stages

        outcome = run_stages(found, (stage,), full_refresh=full_refresh, command=stage, say=say, **watched())
    report(outcome, as_json)


@contextmanager
def claimed(config: Path, command: str) -> Iterator[None]:
    """Hold the run lock from before the heavy imports on: ten runs started at once must leave nine of them quickly."""
    from cli.lock import claim, release

    claim(config, command)
    try:
        yield
    finally:
        release(config)


def refuse_if_held(found: "Company") -> None:
    """Before the heavy imports: leave at once when another run is active."""
    from cli.lock import refuse_if_held as refuse

    refuse(found)


def say(text: str) -> None:
    """A line for people."""
    typer.echo(text, err=True)


def watched() -> dict[str, Any]:
    """On a terminal, lines that move while a stage runs; nothing in a log file."""
    if not sys.stderr.isatty():
        return {}
    from cli.live import Live

    live = Live()
    return {"working": live, "progress": live.rows}


def report(outcome: "Outcome", as_json: bool) -> None:
    """Problems to people, the result to stdout, and the exit code."""
    for problem in outcome.problems:
        typer.echo(f"problem: {problem}", err=True)
    if as_json:
        typer.echo(json.dumps(outcome.to_dict(), ensure_ascii=False, default=str))
    elif outcome.summary:
        for line in lines(outcome.summary):
            typer.echo(line)
    raise typer.Exit(outcome.exit_code)


def _changes(changes: list[dict[str, Any]]) -> list[str]:
    """What this run did to people known before it, by cause."""
    told = []
    for change in dict.fromkeys(one["change"] for one in changes):
        causes = [one for one in changes if one["change"] == change]
        listed = ", ".join(f"{one['cause']} {one['n']:,}" for one in causes)
        told.append(f"          in this run {sum(one['n'] for one in causes):,} ids {change}: {listed}")
    return told


def lines(summary: dict[str, Any]) -> list[str]:
    """The summary for people."""
    rows, profiles = summary["rows"], summary["profiles"]
    told = [
        "rows      " + ", ".join(f"{count:,} {name}" for name, count in rows.items() if count),
        "profiles  " + ", ".join(f"{count:,} {kind}" for kind, count in profiles.items()),
        f"identity  {summary['merged_records']:,} records merged into another's profile,"
        f" {summary['identity_cuts']:,} pairs of profiles kept apart",
        *_changes(summary["identity_changes"]),
        f"purchases {summary['orders']:,}, revenue {summary['revenue'] or 'unknown'}",
    ]
    for one in summary["scores"]:
        if one["score"] is None:
            continue
        low, high = one["ci"]
        interval = f"[{low:.2f}, {high:.2f}]" if low is not None and high is not None else "no interval"
        few = "" if one["enough_n"] else "  (small sample)"
        told.append(
            f"{one['metric']:<9} {one['question']}: {one['score']:.2f} {interval} n {one['n']:,}{few}"
        )
    return told
