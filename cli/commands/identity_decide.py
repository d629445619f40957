"""`cdp identity merge|split|pin|revoke|overrides|review`: decisions of people, and what waits for one."""

import getpass
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

if TYPE_CHECKING:
    import duckdb

First = Annotated[str, typer.Argument(metavar="A", help="Email, phone, customer_id or record_id")]
Second = Annotated[str, typer.Argument(metavar="B", help="The other one")]
Author = Annotated[
    str | None, typer.Option("--author", envvar="CDP_AUTHOR", help="Who decides", show_default="you")
]
Note = Annotated[str, typer.Option("--note", help="Why")]


def merge(
    first: First,
    second: Second,
    config: Config = CONFIG,
    author: Author = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Say that A and B are one person; it holds from the next build on and goes before every rule.

    Example: cdp identity merge crm.contacts:10000000 an@example.com --config demo/cdp.yml

    Exit codes: 0 recorded, 2 nobody or several are meant, 5 a run is active.
    """
    from cli.identity_records import one_record

    def sides(con: "duckdb.DuckDBPyConnection") -> dict[str, list[str]]:
        records = [one_record(con, first), one_record(con, second)]
        if records[0] == records[1]:
            raise _usage(f"`{first}` and `{second}` are the same record {records[0]}", "name two records")
        return {"a": records}

    _decide("merge", config, author, note, as_json, sides)


def split(
    first: First,
    second: Second,
    config: Config = CONFIG,
    author: Author = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Say that the records of A and those of B are two people; a merge by hand that joined them is revoked.

    Example: cdp identity split crm.contacts:10000000 shop_north.accounts:7 --config demo/cdp.yml

    Exit codes: 0 recorded, 2 nobody is meant or a record is on both sides, 5 a run is active.
    """
    from cli.identity_records import side_of_split

    def sides(con: "duckdb.DuckDBPyConnection") -> dict[str, list[str]]:
        found = {"a": side_of_split(con, first), "b": side_of_split(con, second)}
        if both := sorted(set(found["a"]) & set(found["b"])):
            raise _usage(
                f"{len(both)} records are on both sides, e.g. {both[0]}",
                "name records (source.table:key) instead of values that both carry",
            )
        return found

    _decide("split", config, author, note, as_json, sides)


def pin(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="The record_id to pin")],
    target: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is: email, phone, id or record")],
    config: Config = CONFIG,
    author: Author = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Say whose a record is, whatever its identifiers say: they no longer link it to anybody.

    Example: cdp identity pin crm.contacts:10000000 an@example.com --config demo/cdp.yml

    Exit codes: 0 recorded, 2 nobody or several are meant, 5 a run is active.
    """
    from cli.identity_records import one_record

    def sides(con: "duckdb.DuckDBPyConnection") -> dict[str, list[str]]:
        pinned, to = one_record(con, record), one_record(con, target)
        if pinned == to:
            raise _usage(f"{pinned} cannot be pinned to itself", "name another record of the person")
        return {"record": [pinned], "target": [to]}

    _decide("pin", config, author, note, as_json, sides)


def revoke(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As `cdp identity overrides` shows it")],
    config: Config = CONFIG,
) -> None:
    """Take a decision back; it stays listed as revoked.

    Example: cdp identity revoke 3 --config demo/cdp.yml

    Exit codes: 0 revoked, 2 there is no decision of that number that holds, 5 a run is active.
    """
    from datetime import UTC, datetime

    from cli import overrides, warehouse
    from cli.lock import run_lock

    found = company(config)
    with run_lock(found, "identity revoke", ""), warehouse.connect(found) as con:
        if not overrides.revoke(con, number, datetime.now(UTC).replace(tzinfo=None)):
            raise _usage(f"no decision {number} that still holds", "see `cdp identity overrides`")
        overrides.refresh_effects(con)
    typer.echo(f"decision {number} is revoked; `cdp run` applies it", err=True)


def list_overrides(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """List decisions by people: which hold, which were beaten by a newer one, which are revoked.

    Example: cdp identity overrides --config demo/cdp.yml

    Exit codes: 0 listed, 1 no warehouse yet.
    """
    from cli import overrides, warehouse

    with warehouse.connect(company(config)) as con:
        overrides.ensure(con)
        decisions = overrides.read(con)
    effects = overrides.resolve(decisions)
    rows = [_row(one, effects.beaten.get(one.number)) for one in decisions]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, default=str))
        return
    for row in rows:
        sides = "  |  ".join(", ".join(records) for records in row["sides"].values())
        typer.echo(
            f"{row['number']:>4}  {row['verb']:<5} {row['state']:<22} {row['at']}  {row['author']}  {sides}"
        )
    typer.echo(f"{len(rows)} decisions", err=True)


def _row(one: Any, winner: int | None) -> dict[str, Any]:
    state = "holds"
    if one.revoked_at is not None:
        state = f"revoked by {one.revoked_by}" if one.revoked_by else "revoked"
    elif winner is not None:
        state = f"beaten by {winner}"
    return {
        "number": one.number,
        "verb": one.verb,
        "state": state,
        "at": str(one.at)[:16],
        "author": one.author,
        "note": one.note,
        "sides": {side: list(records) for side, records in one.sides.items()},
    }


def review(
    config: Config = CONFIG,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Items at the most")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what a person should decide: links that a constraint cut, and pairs that are only probably one person.

    Example: cdp identity review --config demo/cdp.yml

    Exit codes: 0 listed, 1 no warehouse yet.
    """
    from cli import warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        rows = []
        if warehouse.has_table(con, "identity", "review_queue"):
            # the strongest link of each two customers before further ones
            shown = con.execute(
                "select * from identity.review_queue order by item, place, record_a, record_b, link limit ?",
                [limit],
            )
            names = [column[0] for column in shown.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in shown.fetchall()]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, default=str))
        return
    for row in rows:
        value = f" {row['link_value']}" if row["link_value"] else ""
        typer.echo(
            f"{row['item']}: {row['record_a']} ({row['customer_a']})\n"
            f"     {row['record_b']} ({row['customer_b']})\n     linked by {row['link']}{value}; {row['reason']}"
        )
    if rows:
        typer.echo("decide: `cdp identity merge A B` or `cdp identity split A B`", err=True)
    typer.echo(f"{len(rows)} items", err=True)


def _decide(
    verb: str,
    config: Any,
    author: str | None,
    note: str,
    as_json: bool,
    sides: Callable[["duckdb.DuckDBPyConnection"], dict[str, list[str]]],
) -> None:
    from datetime import UTC, datetime

    from cli import overrides, warehouse
    from cli.lock import run_lock

    found = company(config)
    lock: AbstractContextManager[Any] = run_lock(found, f"identity {verb}", "")
    with lock, warehouse.connect(found) as con:
        if not warehouse.has_table(con, "identity", "node_customers"):
            raise _usage("nobody is known yet: the warehouse has no identities", "build them: `cdp run`")
        chosen = sides(con)
        at = datetime.now(UTC).replace(tzinfo=None)
        number, revoked = overrides.record(con, verb, chosen, author or getpass.getuser(), note, at)
        beaten = overrides.refresh_effects(con).beaten
    told = {"decision": number, "verb": verb, "sides": chosen, "revoked": revoked, "beaten": beaten}
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(f"decision {number}: {verb} " + " | ".join(", ".join(side) for side in chosen.values()))
    for one in revoked:
        typer.echo(f"  decision {one} is revoked by it")
    for loser, winner in beaten.items():
        typer.echo(f"  decision {loser} no longer holds: decision {winner} is newer and contradicts it")
    typer.echo("`cdp run` applies it", err=True)


def _usage(message: str, hint: str) -> Exception:
    from cli.errors import UsageError

    return UsageError(message, hint=hint)
