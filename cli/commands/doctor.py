"""`cdp doctor`: what could stop or spoil the next run."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

Offline = Annotated[bool, typer.Option("--offline", help="Ask no source, destination or alert channel")]


def doctor(config: Config = CONFIG, offline: Offline = False, as_json: AsJson = False) -> None:
    """Look at files, locks, limits, versions and secrets; each finding comes with what fixes it.

    Sources, destinations and alert channels are asked whether they take the credentials; nothing is sent or changed.

    Example: cdp doctor --config demo/cdp.yml

    Exit codes: 0 nothing would stop a run (warnings included), 1 something would, 2 configuration.
    """
    from cli.doctor import findings

    found = findings(company(config), offline)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], ensure_ascii=False))
    else:
        for finding in found:
            typer.echo(f"{finding.level:<8} {finding.what}: {finding.why}")
            if finding.fix:
                typer.echo(f"         fix: {finding.fix}")
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)
