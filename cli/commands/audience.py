"""`cdp audience list`."""

import json

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def list_audiences(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """List the audiences with their size.

    Example: cdp audience list --config demo/cdp.yml

    Exit codes: 0 listed, 1 no warehouse yet, 2 configuration.
    """
    from cli import warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        rows = con.execute(
            "select audience, count(*) from marts.audience_members group by audience order by audience"
        ).fetchall()
    if as_json:
        typer.echo(json.dumps([{"audience": name, "members": count} for name, count in rows]))
        return
    for name, count in rows:
        typer.echo(f"{name:<40} {count:>9,}")
