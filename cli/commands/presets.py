"""`cdp presets [NAME]`."""

import json

import typer

from cli.commands.options import AsJson
from cli.errors import UsageError


def presets(
    name: str = typer.Argument(None, help="Print this preset, to read or to copy into cdp.yml."),
    as_json: AsJson = False,
) -> None:
    """List the column mappings that ship, or print one.

    verified = tested on rows that the vendor's tool gave; published_schema = written from the vendor's documentation.

    Example: cdp presets hubspot

    Exit codes: 0 listed, 2 there is no such preset.
    """
    from cli import presets as shipped
    from cli.source_checks import nearest

    if name and name not in shipped.names():
        raise UsageError(f"no preset `{name}`", hint=nearest(name, shipped.names()))
    if name and not as_json:
        typer.echo(shipped.text(name), nl=False)
        return
    found = {one: shipped.preset(one) for one in ([name] if name else shipped.names())}
    if as_json:
        rows = [{"preset": key, **one.model_dump(mode="json", by_alias=True)} for key, one in found.items()]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for key, one in found.items():
        typer.echo(f"{key:<20} {one.status:<17} {one.title}")
        typer.echo(f"{'':<20} tables: {', '.join(table.name for table in one.tables)}")
        typer.echo(f"{'':<20} from:   {one.documentation}")
