"""`cdp privacy consents`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def consents(
    who: Annotated[str, typer.Option("--id", metavar="WHO", help="Email, phone, customer_id or record_id")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what a person agreed to and refused, with proof, and whether we may write to them now.

    Personal data: it is read from the private warehouse and printed to you only.

    Example: cdp privacy consents --id crm.contacts:10000000 --config demo/cdp.yml

    Exit codes: 0 shown, 1 nothing is built yet, 2 nobody or more than one is known by it,
    5 a run is active.
    """
    from cli import consents as said
    from cli import warehouse
    from cli.syncs import purpose_specs

    of = company(config)
    with warehouse.connect(of, read_only=True) as con:
        found = said.consents(con, who, purpose_specs(of), of.as_of(datetime.now(UTC)))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['customer_id']} at {str(found['as_of'])[:16]} UTC"
    yield "\nmay we write?"
    for one in found["now"]:
        yield _verdict(one)
    yield "\nwhat was said"
    for one in found["statements"]:
        yield _statement(one)
    if not found["statements"]:
        yield "  nothing"
    for title, rows in (
        ("does not count: tied to the person by a probable link or a device only", "uncounted"),
        ("suppressed", "suppressions"),
    ):
        if found[rows]:
            yield f"\n{title}"
        for one in found[rows]:
            what = one.get("reason") or f"granted for {one['purpose']}; {one['proof']}"
            yield f"  {one['contact_point'] or 'the person'}, {one['channel'] or 'every channel'}: {what}"


def _verdict(one: dict[str, Any]) -> str:
    if not one["may"]:
        answer = f"no: {one['why_not']}"
    elif one["held_by"]:
        answer = f"no: {', '.join(one['held_by'])}"
    elif one["waits_for"]:
        answer = f"not now: {', '.join(one['waits_for'])}"
    else:
        answer = "yes" + (f", by {one['consent_record_id']}" if one["consent_record_id"] else "")
    if one["may"] and not one["held_by"]:
        answer += "".join(f"; not of audience {name}: {why}" for name, why in one["audiences"].items())
    return f"  {one['purpose']:<20} {one['channel'] or '-':<8} {one['contact_point'] or '-':<36} {answer}"


def _statement(one: dict[str, Any]) -> str:
    until = f" until {str(one['expires_at'])[:10]}" if one["expires_at"] else ""
    policy = f", policy {one['policy_version']}" if one["policy_version"] else ""
    return (
        f"  {one['purpose']:<20} {one['channel']:<8} {one['contact_point'] or 'the person':<36} {one['state']} since"
        f" {str(one['obtained_at'])[:10]}{until}, basis {one['basis'] or 'not declared'}{policy};"
        f" {one['proof'] or 'no proof'} ({one['consent_record_id']})"
    )
