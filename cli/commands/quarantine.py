"""`cdp quarantine list`."""

import json
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def list_rows(
    config: Config = CONFIG,
    source: Annotated[str | None, typer.Option("--source", help="Only this source")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Show the rejected rows too: personal data")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows at the most")] = 100,
    as_json: AsJson = False,
) -> None:
    """List rows and answers that could not be used, with file, line and reason.

    Example: cdp quarantine list --config demo/cdp.yml

    Exit codes: 0 listed, 1 no warehouse yet, 2 configuration.
    """
    from cli import warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        if not warehouse.has_table(con, "quarantine", "rows"):
            found = []
        else:
            found = con.execute(
                "select source, source_table, file, position, reason, raw from quarantine.rows"
                " where ? is null or source = ? order by all limit ?",
                [source, source, limit],
            ).fetchall()
    names = ("source", "table", "file", "position", "reason", "raw")
    rows = [dict(zip(names[: None if raw else 5], row, strict=False)) for row in found]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['file']}:{row['position']}  {row['source']}.{row['table']}  {row['reason']}")
        if raw:
            typer.echo(f"    {row['raw']}")
    typer.echo(f"{len(rows)} rows" + ("" if raw else "; --raw shows them (personal data)"), err=True)
