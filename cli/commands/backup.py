"""`cdp backup`, `cdp restore`, `cdp verify`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company
from cli.commands.run import refuse_if_held, say

if TYPE_CHECKING:
    from cli.run import Outcome
    from cli.runs import RunLog


def backup(
    config: Config = CONFIG,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to write into", show_default="backups/ of the company")
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Delete older backups of this company beyond so many")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write warehouse, loading state, configuration and the list of deliveries into one checksummed file.

    Example: cdp backup --to /mnt/backups --keep 14 --config demo/cdp.yml

    Exit codes: 0 written, 1 failed (damaged warehouse, full disk), 2 configuration, 5 a run is active.
    """
    found = company(config)
    refuse_if_held(found)
    from cli import backup as backups
    from cli.files import megabytes
    from cli.run import run as run_stages

    def work(log: "RunLog", outcome: "Outcome") -> str:
        done = backups.back_up(found, to or found.root / "backups", log.run_id, keep)
        gone = [path.name for path in done.removed]
        outcome.stages["backup"] = {
            "file": str(done.file),
            "bytes": done.size,
            "tables": done.tables,
            "removed": gone,
        }
        return f"{done.file}: {done.tables} tables, {megabytes(done.size)}" + (
            f", {len(gone)} older deleted" if gone else ""
        )

    outcome = run_stages(found, ("backup",), command="backup", say=say, also={"backup": work})
    if as_json:
        typer.echo(json.dumps(outcome.to_dict(), ensure_ascii=False, default=str))


def restore(
    file: Annotated[Path, typer.Argument(help="The backup")],
    config: Config = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace the warehouse that is there")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a backup and put it in place of the warehouse; with no cdp.yml there, the configuration too.

    The published files stay as they are until the next `cdp publish`. What was sent since the backup was made is not in its
    ledger: the next export sends it again.

    Example: cdp restore backups/demo-20260630T120000Z-1a2b3c.tar.zst --config demo/cdp.yml --force

    Exit codes: 0 restored, 1 the backup is damaged (nothing changed), 2 a warehouse is there and no --force, 5 a run is active.
    """
    from cli import restore as restores

    done = restores.restore(file, config, force=force)
    if as_json:
        typer.echo(json.dumps(asdict(done), ensure_ascii=False))
        return
    say(f"restored the backup of {done.created_at}: {done.tables} tables; configuration {done.configuration}")
    for told, names in (("new or changed since", done.arrived_since), ("gone since", done.gone_since)):
        if names:
            say(f"delivered files {told}: {len(names)} ({', '.join(names[:3])})")
    say("next: `cdp run` takes in what was delivered since, and publishes")


def verify(
    config: Config = CONFIG,
    backup: Annotated[Path | None, typer.Option("--backup", help="Check this backup instead")] = None,
    as_json: AsJson = False,
) -> None:
    """Read every block of the warehouse, the published files and the kept versions; or check a backup.

    Example: cdp verify --config demo/cdp.yml

    Exit codes: 0 all whole, 1 damage found (each table named), 2 configuration, 5 a run holds the warehouse.
    """
    if backup is not None:
        from cli import restore as restores

        manifest = restores.check(backup)
        say(f"{backup.name} is whole: run {manifest['run_id']}, {len(manifest['tables'])} tables")
        return
    from cli.verify import check

    found = check(company(config))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        for name, damaged in found.items():
            say(f"{name}: " + ("whole" if not damaged else "DAMAGED"))
            for one in damaged:
                say(f"  {one}")
    if any(found.values()):
        say("\nhint: `cdp restore` a backup; a published file is written anew by `cdp publish`")
        raise typer.Exit(1)
