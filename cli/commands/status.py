"""`cdp status`: how the last runs went, what is published, what the gate found."""

import json
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def status(
    config: Config = CONFIG,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How many runs to list")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the last runs, the newest one's steps, the published file, failed checks; waits for nobody.

    Example: cdp status --config demo/cdp.yml

    Exit codes: 0 shown (also when the last run failed: see its status), 1 the record cannot be read,
    2 configuration.
    """
    from cli import status as record
    from cli.terminal import console

    found = record.status(company(config), runs)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    record.render(found, console())
