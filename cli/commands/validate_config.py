"""`cdp validate-config`: everything that is wrong with cdp.yml and the syncs, at once, offline."""

import json

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def validate_config(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Check cdp.yml and the syncs without doing anything.

    Example: cdp validate-config --config demo/cdp.yml

    Exit codes: 0 valid, 2 not valid (every problem is listed with file:line).
    """
    from cli.syncs import check_syncs

    found = company(config)
    syncs = check_syncs(found)
    result = {
        "config": str(found.config_path),
        "sources": [source.name for source in found.sources],
        "tables": sum(len(source.tables) for source in found.sources),
        "syncs": [sync.name for sync in syncs],
    }
    if as_json:
        typer.echo(json.dumps(result))
    else:
        typer.echo(
            f"{config.name} is valid: {len(found.sources)} sources, {result['tables']} tables, {len(syncs)} syncs"
        )
