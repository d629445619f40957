"""`cdp init`: a new company folder that validates."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import AsJson


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The company's new folder")],
    as_json: AsJson = False,
) -> None:
    """Create a company folder: a commented cdp.yml, a drop folder, places for audiences and syncs.

    Example: cdp init acme && cdp validate-config --config acme/cdp.yml

    Exit codes: 0 created, 1 the place cannot be written, 2 something is there already (it is kept).
    """
    from cli.scaffold import create

    created = create(folder)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "files": [str(path) for path in created]}))
        return
    for path in created:
        typer.echo(str(path))
    typer.echo(f"next: put a csv into {folder}/data/crm, then cdp run --config {folder}/cdp.yml", err=True)
