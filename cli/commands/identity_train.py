"""`cdp identity train`."""

import json
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def train(
    config: Config = CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the difference, keep the old file")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train the model of probable links on the present contacts and show what a new file would change.

    Example: cdp identity train --dry-run --config demo/cdp.yml

    The model file decides which contacts are probably one person; `cdp run` writes a first one and never changes it. Review it,
    keep it under version control. A new file makes the next build a full one.

    Exit codes: 0 trained (also when the data carry no probable link), 1 nothing is staged yet, 5 a run is active.
    """
    from cli import fuzzy_model

    found = fuzzy_model.train_again(company(config), dry_run)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    if found["refused_because"]:
        typer.echo(f"no probable links: {found['refused_because']}")
    typer.echo(f"model      {found['contacts']:,} contacts, {found['comparisons']} comparisons")
    for threshold in ("merge", "review"):
        weight = found[f"{threshold}_from"]
        told = f"from {weight:.1f} bits" if weight is not None else "no weight reaches the target precision"
        typer.echo(f"{threshold:<10} {told}")
    for line in found["difference"]:
        typer.echo(f"  {line}")
    typer.echo(f"{'not written' if dry_run else 'written'}: {found['file']}", err=True)
