"""`cdp quarantine list` and `cdp quarantine replay`."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

if TYPE_CHECKING:
    from cli.replay import Replayed

LISTED = 100


def list_rows(
    config: Config = CONFIG,
    source: Annotated[str | None, typer.Option("--source", help="Only this source")] = None,
    table: Annotated[str | None, typer.Option("--table", help="Only this table: source.table")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Only reasons that hold these words")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Rows that were replayed, too")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write the rows to this file (JSON lines), to be corrected: personal data"
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Show the rejected rows too: personal data")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help=f"Rows at the most; {LISTED} on the terminal")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List rows that could not be used, with file, line and reason; or write them to a file for correction.

    Example: cdp quarantine list --table shop.orders --out quarantine/orders.jsonl

    Exit codes: 0 listed, 1 no warehouse yet, 2 configuration, or the file is there already.
    """
    from cli import corrections, warehouse
    from cli.replay import rejected_rows

    found = company(config)
    most = limit or (None if out else LISTED)
    with warehouse.connect(found, read_only=True) as con:
        rows = rejected_rows(
            con, source=source, table=table, reason=reason, replayed=everything and out is None, limit=most
        )
        written = corrections.write(con, found, rows, out) if out else 0
    if out:
        typer.echo(
            f"{written} rows written to {out}: personal data, delete it when done.\n"
            f"Correct `row`, then: cdp quarantine replay {out}",
            err=True,
        )
        if as_json:
            typer.echo(json.dumps({"file": str(out), "rows": written}))
        return
    hidden = {"raw"} if not raw else set()
    if as_json:
        shown = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(_line(row))
        if raw:
            typer.echo(f"    {row['raw']}")
    typer.echo(f"{len(rows)} rows" + ("" if raw else "; --raw shows them (personal data)"), err=True)


def replay(
    file: Annotated[
        Path | None,
        typer.Argument(help="Corrected rows; without it, all rows are judged by the changed rules"),
    ] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Load corrected rows as a new load and build; without FILE, build after the mapping or the rules were changed.

    Example: cdp quarantine replay quarantine/orders.jsonl

    Exit codes: 0 done (rows that are still wrong are listed), 1 failed, 2 something is wrong in the file
    (nothing is loaded), 5 another run is active.
    """
    from cli.commands.run import refuse_if_held, say, watched

    found = company(config)
    refuse_if_held(found)
    from cli.replay import judge_again, replay_file

    working = watched().get("working", lambda stage: nullcontext())
    done = replay_file(found, file, say, working) if file else judge_again(found, say, working)
    if as_json:
        typer.echo(json.dumps(done.to_dict(), ensure_ascii=False))
    else:
        for text in _told(done, file):
            typer.echo(text)
    raise typer.Exit(done.exit_code)


def _told(done: "Replayed", file: Path | None) -> list[str]:
    if file is None:
        if not done.built:
            return [f"nothing changed since the last build; {done.open:,} rows are in quarantine"]
        entered = f", {done.entered:,} came in" if done.entered else ""
        return [f"{done.left:,} rows left quarantine{entered}; {done.open:,} are in it"]
    if not done.rows and not done.before:
        return [
            f"no row of {file.name} was corrected ({done.unchanged:,} are as they were); nothing was loaded"
        ]
    told = [f"{done.rows:,} rows replayed"]
    told += [f"{done.before:,} were replayed before"] if done.before else []
    told += [f"{done.unchanged:,} not corrected"] if done.unchanged else []
    lines = [
        ", ".join(told),
        f"{done.taken:,} taken, {len(done.rejected):,} still wrong; {done.open:,} in quarantine",
    ]
    return lines + [f"  {_line(row)}" for row in done.rejected]


def _line(row: dict[str, Any]) -> str:
    replayed = f"  (replayed in load {row['replayed_in']})" if row.get("replayed_in") else ""
    return f"{row['file']}:{row['position']}  {row['source']}.{row['table']}  {row['reason']}{replayed}"
