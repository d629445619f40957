"""`cdp schedule cron|systemd|airflow`: a unit that runs the company every day."""

import json
import re
from typing import Annotated, Literal

import typer

from cli.commands.options import CONFIG, AsJson, Config, company
from cli.errors import UsageError


def schedule(
    kind: Annotated[Literal["cron", "systemd", "airflow"], typer.Argument(help="cron, systemd or airflow")],
    config: Config = CONFIG,
    at: Annotated[str, typer.Option("--at", help="Time of day, of the machine's clock")] = "05:30",
    as_json: AsJson = False,
) -> None:
    """Print a unit that does `cdp run` every day, ready to be installed; nothing is installed by this.

    Example: cdp schedule cron --at 05:30 --config demo/cdp.yml

    Exit codes: 0 printed, 2 configuration.
    """
    from cli import schedule as units

    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", at)
    if found is None:
        raise UsageError(f"--at {at} is no time of day", hint="--at 05:30")
    hour, minute = int(found[1]), int(found[2])
    here = company(config)
    files = (
        units.systemd(here, hour, minute)
        if kind == "systemd"
        else {kind: getattr(units, kind)(here, hour, minute)}
    )
    typer.echo(json.dumps(files) if as_json else "\n".join(files.values()), nl=as_json)
