"""`cdp customer show`."""

import json
from typing import Annotated

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def show(
    who: Annotated[str, typer.Argument(metavar="WHO", help="Email, phone, customer_id or record_id")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show one customer: golden record with sources, identifiers, orders, answers, consents, last touches.

    Personal data: it is read from the private warehouse and printed to you only.

    Example: cdp customer show crm.contacts:10000000 --config demo/cdp.yml

    Exit codes: 0 shown, 1 nothing is built yet, 2 nobody or more than one is known by it,
    5 a run is active.
    """
    from cli import customer, warehouse
    from cli.customer_text import render
    from cli.terminal import console

    with warehouse.connect(company(config), read_only=True) as con:
        found = customer.show(con, who)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, default=str))
        return
    render(found, console())
