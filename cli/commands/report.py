"""`cdp report`: one static page of figures from the published file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def report(
    config: Config = CONFIG,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write it", show_default="report.html beside the published file"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML page from the published file: aggregates only, no personal data.

    With --json the figures on it are printed too, each list as the page's query gives it; money as text.

    Example: cdp report --config demo/cdp.yml --out /tmp/report.html

    Exit codes: 0 written, 1 nothing is published or the file cannot be written, 2 configuration.
    """
    from cli.report import write

    path, figures = write(company(config), out)
    told = {"report": str(path), "figures": figures.rows}
    typer.echo(json.dumps(told, default=str) if as_json else str(path))
