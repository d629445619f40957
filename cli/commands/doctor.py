"""`cdp doctor`: what could stop or spoil the next run."""

import json
from dataclasses import asdict

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def doctor(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Look at files, locks, limits, versions and secrets; each finding comes with what fixes it.

    Example: cdp doctor --config demo/cdp.yml

    Exit codes: 0 nothing would stop a run (warnings included), 1 something would, 2 configuration.
    """
    from cli.doctor import findings

    found = findings(company(config))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], ensure_ascii=False))
    else:
        for finding in found:
            typer.echo(f"{finding.level:<8} {finding.what}: {finding.why}")
            if finding.fix:
                typer.echo(f"         fix: {finding.fix}")
    if any(finding.level == "error" for finding in found):
        raise typer.Exit(1)
