"""`cdp identity diff`."""

import json

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def diff(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Show what the rules of a cdp.yml would do to people and audiences, without touching the warehouse.

    Example: cdp identity diff --config demo/new.yml

    The new file lies beside the present one and names the same warehouse. It builds a copy: as long as a full build.

    Exit codes: 0 compared, 1 the new rules do not build, 2 configuration, 5 a run is active.
    """
    from cli.identity_diff import identity_diff

    found = identity_diff(company(config))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    merged, split = found["merged"], found["split"]
    typer.echo(
        f"people     {found['people_before']:,} -> {found['people_after']:,}, {found['unchanged']:,} unchanged"
    )
    typer.echo(f"merged     {merged['people']:,} people out of {merged['of_people_before']:,}")
    typer.echo(f"split      {split['people']:,} people into {split['into_people']:,}")
    for what, examples in found["examples"].items():
        for records in examples:
            typer.echo(f"  e.g. {what}: {', '.join(records)}")
    for one in found["audiences"]:
        typer.echo(
            f"audience   {one['audience']}: {one['members_before']:,} -> {one['members_after']:,}"
            f" ({one['entered']:,} enter, {one['left']:,} leave)"
        )
