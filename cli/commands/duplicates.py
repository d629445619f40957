"""`cdp duplicates list|approve|reject`: records of one person within one source, and whether they may be merged there."""

import getpass
import json
from typing import Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

Pair = Annotated[str, typer.Argument(metavar="PAIR", help="As `cdp duplicates list` shows it")]
Author = Annotated[
    str | None, typer.Option("--author", envvar="CDP_AUTHOR", help="Who decides", show_default="you")
]
Note = Annotated[str, typer.Option("--note", help="Why; no names of customers")]


def list_pairs(
    config: Config = CONFIG,
    source: Annotated[str | None, typer.Option("--source", help="Only this source's")] = None,
    state: Annotated[str | None, typer.Option("--state", help="open, approved or rejected")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Pairs at the most")] = 50,
    as_json: AsJson = False,
) -> None:
    """List records of one person within one source: the record to keep, the one to merge into it, what was decided.

    Example: cdp duplicates list --source crm --state open --config demo/cdp.yml

    Exit codes: 0 listed, 1 nothing built yet, 2 configuration.
    """
    from cli import duplicates, warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        rows = duplicates.listed(con, source, state)
    if as_json:
        typer.echo(json.dumps(rows[:limit], ensure_ascii=False, default=str))
        return
    for row in rows[:limit]:
        waits = "  (decision waits for `cdp run`)" if row["waiting"] else ""
        typer.echo(
            f"{row['pair_id']}  {row['state']:<9}  {row['kept_record_id']} <- {row['duplicate_record_id']}"
            f"  {row['customer_id']}{waits}"
        )
    shown = "" if len(rows) <= limit else f"; the first {limit} are shown, see --limit"
    typer.echo(f"{len(rows)} pairs{shown}; why they are one person: `cdp identity explain A B`", err=True)


def approve(
    pair: Pair, config: Config = CONFIG, author: Author = None, note: Note = "", as_json: AsJson = False
) -> None:
    """Approve that the source merges these two records; the next `cdp run` sends the pair.

    Example: cdp duplicates approve d_0123456789abcdef0123456789abcdef --config demo/cdp.yml

    Exit codes: 0 recorded, 1 no warehouse yet, 2 there is no such pair, 5 a run is active.
    """
    _decide("approved", pair, config, author, note, as_json)


def reject(
    pair: Pair, config: Config = CONFIG, author: Author = None, note: Note = "", as_json: AsJson = False
) -> None:
    """Say that these two records stay two; a pair that was approved is no longer sent.

    Example: cdp duplicates reject d_0123456789abcdef0123456789abcdef --note "two offices" --config demo/cdp.yml

    Exit codes: 0 recorded, 1 no warehouse yet, 2 there is no such pair, 5 a run is active.
    """
    _decide("rejected", pair, config, author, note, as_json)


def _decide(verb: str, pair: str, config: Any, author: str | None, note: str, as_json: bool) -> None:
    from cli import duplicates, warehouse
    from cli.errors import CdpError
    from cli.lock import run_lock

    found = company(config)
    if not found.warehouse.exists():
        raise CdpError(f"there is no warehouse at {found.warehouse}", hint="`cdp run` creates and fills it")
    with run_lock(found, f"duplicates {verb}", ""), warehouse.connect(found) as con:
        duplicates.ensure(con)
        number = duplicates.decide(con, pair, verb, author or getpass.getuser(), note)
    if as_json:
        typer.echo(json.dumps({"decision": number, "verb": verb, "pair_id": pair}))
        return
    typer.echo(f"decision {number}: {verb} {pair}")
    typer.echo("`cdp run` applies it", err=True)
