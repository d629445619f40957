"""`cdp identity explain|evaluate`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def explain(
    first: Annotated[str, typer.Argument(metavar="A", help="Email, phone, customer_id or record_id")],
    second: Annotated[
        str | None, typer.Argument(metavar="[B]", help="Another one: show the chain from A to B")
    ] = None,
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show why records are one person: the identifiers that link them, hop by hop.

    Example: cdp identity explain crm.contacts:10000000 --config demo/cdp.yml

    Exit codes: 0 explained (also when A and B are two people), 2 nobody found.
    """
    from cli import identity, warehouse

    with warehouse.connect(company(config)) as con:
        found = identity.explain(con, first, second)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    if second is not None and not found["joined"]:
        typer.echo(
            f"two people: {found['customer_id']} and {found['other_customer_id']}; "
            + ("links between them were not used:" if found["cut"] else "no identifier joins them")
        )
        for cut in found["cut"]:
            typer.echo(f"  {cut['start']}\n    -x- {cut['link']}: {cut['reason']} -x-\n  {cut['end']}")
        for line in _history(found["history"]):
            typer.echo(line)
        return
    if second is None:
        typer.echo(f"customer {found['customer_id']}, {len(found['nodes'])} nodes")
        for line in (*_tree(found["root"], found["links"]), *_history(found["history"])):
            typer.echo(line)
        return
    typer.echo(f"customer {found['customer_id']}")
    if not found["chain"]:
        typer.echo("  A and B are the same record")
    for hop in found["chain"]:
        typer.echo(f"  {hop['start']}\n    -- {_link(hop)} -->\n  {hop['end']}\n    {_without(hop)}")


def _tree(root: str, links: list[dict[str, Any]]) -> Iterator[str]:
    """The records as a tree, below each what hangs on it, and by what link."""
    below: dict[str, list[dict[str, Any]]] = {}
    for hop in links:
        below.setdefault(hop["start"], []).append(hop)
    yield root if links else f"{root}: nothing is linked to it"
    # a chain of records may be deeper than Python may call itself
    left = [(hop, "", place == 0) for place, hop in enumerate(reversed(below.get(root, [])))]
    while left:
        hop, indent, is_last = left.pop()
        own = f"{indent}{'    ' if is_last else '│   '}"
        children = below.get(hop["end"], [])
        yield f"{indent}{'└── ' if is_last else '├── '}{hop['end']}"
        yield f"{own}{'│   ' if children else '    '}{_link(hop)}; {_without(hop)}"
        left += [(child, own, place == 0) for place, child in enumerate(reversed(children))]


def _history(events: list[dict[str, Any]]) -> Iterator[str]:
    """What happened to the ids, and why."""
    if events:
        yield "history"
    for one in events:
        value = f" {one['value']}" if one["value"] else ""
        moved = f"{one['old']} into {one['new']}" if one["event"] == "merged" else one["new"]
        moved = f"{one['record_a']} from {one['old']} to {one['new']}" if one["event"] == "pinned" else moved
        ends = f"\n    {one['record_a']} | {one['record_b']}" if one["record_b"] else ""
        yield f"  {one['at'][:10]}  {one['event']} {moved}, run {one['run_id']}\n    {one['cause']}{value}{ends}"


def _without(hop: dict[str, Any]) -> str:
    if hop["parts"]:
        return f"without it: two people, of {hop['parts'][0]} and {hop['parts'][1]} nodes"
    return "without it: still one person, by other links"


def _link(hop: dict[str, Any]) -> str:
    since = f", since {hop['first_seen_at'][:10]}" if hop["first_seen_at"] else ""
    if hop["identifier"] == "override":
        return f"decision {hop['value']} by hand{since}"
    if hop["identifier"] == "fuzzy":
        return f"probably one person, {hop['value']} (bits){since}"
    return f"same {hop['identifier']} {hop['value']}{since}"


def evaluate(
    truth: Annotated[Path, typer.Option("--truth", help="csv with record_id,person_id")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Compare the clusters with known truth: pairs, and B-cubed (every record once), with 95 % intervals.

    Example: cdp identity evaluate --truth demo/truth/persons.csv --config demo/cdp.yml

    Exit codes: 0 evaluated, 2 the file cannot be used.
    """
    from cli import identity_evaluate, warehouse

    with warehouse.connect(company(config)) as con:
        result = identity_evaluate.evaluate(con, truth).to_dict()
    if as_json:
        typer.echo(json.dumps(result))
        return
    for kind in ("", "bcubed_"):
        for name in ("precision", "recall", "f1"):
            low, high = result[f"{kind}{name}_ci"]
            label = f"{kind}{name}".replace("bcubed_", "B-cubed ")
            typer.echo(f"{label:<18} {result[kind + name]:.4f}  [{low:.4f}, {high:.4f}]")
    typer.echo(
        f"{result['records']:,} records, {result['true_pairs']:,} true pairs, {result['found_pairs']:,} joined pairs,"
        f" {result['missing_records']:,} records of the truth not in the warehouse"
    )
