"""`cdp cases list|assign|close`: whom to help, who does it, and what is done."""

import getpass
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

if TYPE_CHECKING:
    from cli.cases import Case

Id = Annotated[str, typer.Argument(metavar="CASE", help="As `cdp cases list` shows it")]
Author = Annotated[
    str | None, typer.Option("--author", envvar="CDP_AUTHOR", help="Who decides", show_default="you")
]
Note = Annotated[str, typer.Option("--note", help="Why; no names of customers")]


def list_cases(
    config: Config = CONFIG,
    owner: Annotated[str | None, typer.Option("--owner", help="Only this owner's")] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only open ones past their deadline that nobody contacted")
    ] = False,
    open_only: Annotated[bool, typer.Option("--open", help="Only open ones")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Cases at the most")] = 50,
    as_json: AsJson = False,
) -> None:
    """List closed-loop cases: the open ones first, those with most value at risk on top. Ids, no names.

    Example: cdp cases list --overdue --owner logistics --config demo/cdp.yml

    Exit codes: 0 listed, 1 nothing built yet, 2 configuration.
    """
    from cli import cases, warehouse

    with warehouse.connect(company(config), read_only=True) as con:
        rows = cases.listed(con, owner, overdue, open_only)
    if as_json:
        typer.echo(json.dumps(rows[:limit], ensure_ascii=False, default=str))
        return
    for row in rows[:limit]:
        typer.echo(_line(row))
    shown = "" if len(rows) <= limit else f"; the first {limit} are shown, see --limit"
    typer.echo(f"{len(rows)} cases{shown}", err=True)


def _line(row: dict[str, Any]) -> str:
    state = row["status"] + (" overdue" if row["is_overdue"] else "")
    score = "" if row["score"] is None else f" {row['score']}"
    waits = "  (decision waits for `cdp run`)" if row["waiting"] else ""
    return (
        f"{row['case_id']}  {state:<18} due {str(row['due_at'])[:16]}  {row['value_at_risk']:>16,.2f}"
        f"  {row['owner'] or '-':<14} {row['touchpoint'] or '-':<12} {row['trigger_kind']}{score}"
        f"  {row['customer_id']}{waits}"
    )


def assign(
    case: Id,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Team or colleague")],
    config: Config = CONFIG,
    author: Author = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Give a case to a team or a colleague; it holds from the next build on, before `cx.case_owners`.

    Example: cdp cases assign case-0123456789abcdef logistics --config demo/cdp.yml

    Exit codes: 0 recorded, 1 no warehouse yet, 2 there is no such case, 5 a run is active.
    """
    _decide("assign", case, owner, config, author, note, as_json)


def close(
    case: Id,
    config: Config = CONFIG,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open a closed case again")] = False,
    author: Author = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """Close a case, or open it again; what the customer says later within the window opens it again too.

    Example: cdp cases close case-0123456789abcdef --note "refund sent" --config demo/cdp.yml

    Exit codes: 0 recorded, 1 no warehouse yet, 2 there is no such case or it is so already, 5 a run is active.
    """
    _decide("reopen" if reopen else "close", case, None, config, author, note, as_json)


def _decide(
    verb: str, name: str, owner: str | None, config: Any, author: str | None, note: str, as_json: bool
) -> None:
    from cli import cases, warehouse
    from cli.lock import run_lock

    found = company(config)
    if not found.warehouse.exists():
        from cli.errors import CdpError

        raise CdpError(f"there is no warehouse at {found.warehouse}", hint="`cdp run` creates and fills it")
    with run_lock(found, f"cases {verb}", ""), warehouse.connect(found) as con:
        cases.ensure(con)
        case = cases.find(con, name)
        _refuse(case, verb)
        number = cases.decide(con, case.case_id, verb, owner, author or getpass.getuser(), note)
    if as_json:
        typer.echo(json.dumps({"decision": number, "verb": verb, "case_id": case.case_id, "owner": owner}))
        return
    typer.echo(f"decision {number}: {verb} {case.case_id}" + (f" -> {owner}" if owner else ""))
    typer.echo("`cdp run` applies it", err=True)


def _refuse(case: "Case", verb: str) -> None:
    if (verb, case.is_open) in (("close", False), ("reopen", True)):
        from cli.errors import UsageError

        state, other = ("open", "") if case.is_open else ("closed", " --reopen")
        raise UsageError(
            f"case {case.case_id} is {state} already", hint=f"`cdp cases close {case.case_id}{other}`"
        )
