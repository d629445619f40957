"""`cdp audience list|show`."""

import json
from typing import Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

SHOWN = 15


def list_audiences(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """List the audiences: members, those held out, change since the run before, and whether their limits hold.

    Example: cdp audience list --config demo/cdp.yml

    Exit codes: 0 listed, 1 nothing is built yet, 2 configuration, 5 a run is active.
    """
    from cli import audiences, warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        rows = audiences.listed(con)
    if as_json:
        typer.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        typer.echo(_line(row))


def _line(row: dict[str, Any]) -> str:
    change = f"+{row['entered']:,} -{row['departed']:,}"
    held = f"  {row['held_out']:,} held out" if row["held_out"] else ""
    guard = "" if row["guard"] == "ok" else f"  {row['severity']}: {row['guard']}; its syncs wait"
    return f"{row['audience']:<40} {row['members']:>9,}  {change:<16}{held}{guard}".rstrip()


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Audience, as `cdp audience list` names it")],
    config: Config = CONFIG,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Differences at the most")] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show one audience: size, who came and went, overlap with the others, and what distinguishes its members.

    Effects run from -1 to 1: how much likelier a member has the larger value than the smaller one, or the difference of two
    shares. Groups below the minimum sample are not compared.

    Example: cdp audience show at_risk_high_value --config demo/cdp.yml

    Exit codes: 0 shown, 1 nothing is built yet, 2 there is no such audience, 5 a run is active.
    """
    from cli import audiences, differentiators, warehouse

    least = differentiators.min_sample()
    with warehouse.connect(company(config), read_only=True) as con:
        found = audiences.shown(con, name)
        found["min_sample"] = least
        found["differentiators"] = differentiators.differences(con, name, least)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    for line in _lines(found, limit):
        typer.echo(line)


def _lines(found: dict[str, Any], limit: int) -> list[str]:
    lately = found["lately"]
    told = [
        _line(found),
        f"last {lately['days']} days: {lately['entered']:,} entered, {lately['departed']:,} left",
        *_uplift(found),
        "",
        "overlap",
    ]
    told += [
        f"  {row['audience']:<38} {row['shared']:>7,} of {row['members']:,}  "
        f"{row['share_of_this']:.0%} of this, {row['share_of_other']:.0%} of that, lift {row['lift']:.2f}"
        for row in found["overlap"]
    ] or ["  there is no other audience with members"]
    differences = [one for one in found["differentiators"] if one["is_sure"]]
    compared = len(found["differentiators"])
    told += ["", f"what distinguishes members ({len(differences)} of {compared} comparisons are sure)"]
    if not compared:
        told.append(
            f"  too few members or others with known values; at least {found['min_sample']} of each are needed"
        )
    told += [_difference(one) for one in differences[:limit]]
    return told


def _uplift(found: dict[str, Any]) -> list[str]:
    uplift = found["uplift"]
    if uplift is None or uplift["uplift"] is None:
        return []
    small = "" if uplift["enough_n"] else "  (too few to tell)"
    return [
        f"uplift against the holdout: {uplift['uplift']:+.3f} [{uplift['ci_low']:+.3f}, {uplift['ci_high']:+.3f}]"
        f" n {uplift['n']:,} and {uplift['holdout_n']:,}{small}"
    ]


def _difference(one: dict[str, Any]) -> str:
    what = one["attribute"] + (f" = {one['value']}" if one["value"] is not None else "")
    sides = ""
    if one["member"] is not None and one["other"] is not None:
        style = ".0%" if one["value"] is not None else ",.4g"
        sides = f"  {one['member']:{style}} against {one['other']:{style}}"
    return (
        f"  {what:<52} {one['effect']:+.2f} [{one['ci_low']:+.2f}, {one['ci_high']:+.2f}]"
        f" n {one['n']:,} and {one['n_other']:,}{sides}"
    )
