"""`cdp runs list|show`."""

import json
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def list_runs(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """List the last 20 runs.

    Example: cdp runs list --config demo/cdp.yml

    Exit codes: 0 listed, 1 no warehouse yet, 2 configuration.
    """
    from cli import warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        rows = con.execute(
            "select run_id, command, status, exit_code, cast(started_at as varchar), cast(finished_at as varchar), error"
            " from ops.runs order by run_id desc limit 20"
        ).fetchall()
    names = ("run_id", "command", "status", "exit_code", "started_at", "finished_at", "error")
    if as_json:
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    for row in rows:
        typer.echo(
            f"{row[0]}  {row[1]:<9} {row[2]:<9} {'' if row[3] is None else row[3]}  {row[6] or ''}".rstrip()
        )


def show(
    run_id: Annotated[str, typer.Argument(help="Run id, or its beginning")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show one run: its steps, seconds and outcome.

    Example: cdp runs show 20260630T12 --config demo/cdp.yml

    Exit codes: 0 shown, 2 no such run.
    """
    from cli import warehouse
    from cli.errors import UsageError

    with warehouse.connect(company(config), read_only=True) as con:
        run = con.execute(
            "select run_id, command, status, exit_code, summary, error from ops.runs"
            " where starts_with(run_id, ?) order by run_id desc limit 1",
            [run_id],
        ).fetchone()
        if run is None:
            raise UsageError(f"no run {run_id}", hint="`cdp runs list` shows them")
        steps = con.execute(
            "select step, seconds, rows, status from ops.run_steps where run_id = ? order by started_at",
            [run[0]],
        ).fetchall()
    if as_json:
        record = {"run_id": run[0], "command": run[1], "status": run[2], "exit_code": run[3], "error": run[5]}
        record["result"] = json.loads(run[4] or "{}")
        record["steps"] = [{"step": a, "seconds": b, "rows": c, "status": d} for a, b, c, d in steps]
        typer.echo(json.dumps(record))
        return
    typer.echo(f"{run[0]}  {run[1]}  {run[2]}  exit {run[3]}")
    for name, seconds, _, status in steps:
        typer.echo(f"  {name:<9} {seconds:7.1f} s  {status}")
    if run[5]:
        typer.echo(f"  {run[5]}")
