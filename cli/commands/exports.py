"""`cdp plan`, `cdp apply`, `cdp export`, `cdp why`: what would be sent, sending it, and why somebody was."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.options import CONFIG, AsJson, Config, company

Force = Annotated[
    list[str] | None,
    typer.Option(
        "--force",
        metavar="WHY",
        help="Overrule guards, with the reason why; `SYNC=why` for one sync only. Recorded in exports.runs",
    ),
]


def plan(
    config: Config = CONFIG,
    out: Annotated[Path | None, typer.Option("--out", help="Write the plan to be applied later")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what `cdp export` would send now: counts, masked samples, exclusions by reason, guards. Sends nothing.

    Example: cdp plan --config demo/cdp.yml --out plan.json

    Exit codes: 0 it may be sent, 1 nothing is built yet, 2 configuration, 3 a guard or the gate blocks all that is due,
    4 a guard blocks a part, 5 a run is active.
    """
    found = company(config)
    from cli import export
    from pipelines.exports.plan_file import write_plan

    values = export.plan(found)
    if out is not None:
        write_plan(out, export.without_samples(values))
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, default=str))
    else:
        for line in plan_lines(values):
            typer.echo(line)
    if out is not None:
        typer.echo(f"written to {out}; send exactly this: cdp apply {out}", err=True)
    raise typer.Exit(values["exit_code"])


def plan_lines(values: dict[str, Any]) -> list[str]:
    """The plan for people."""
    told = [f"gate      nothing may be sent: {values['gate']}"] if values["gate"] else []
    for one in values["syncs"]:
        counts = [
            f"{one[name]:,} {name}"
            for name in ("added", "changed", "removed", "retried", "unchanged", "deferred")
            if one[name]
        ]
        told.append(
            f"{one['sync']} -> {one['destination']} ({one['mode']}, {one['purpose']}):"
            f" {', '.join(counts) or 'nothing'}; {one['requests']:,} requests"
        )
        if one["exclusions"]:
            told.append(
                "  excluded "
                + ", ".join(f"{count:,} {reason}" for reason, count in sorted(one["exclusions"].items()))
            )
        if one["deferrals"]:
            told.append(
                "  waiting  "
                + ", ".join(f"{count:,} {reason}" for reason, count in sorted(one["deferrals"].items()))
            )
        if one["guard"]:
            told.append(f"  guard    {one['guard']}")
        if one["owed"]:
            told.append(f"  owed     {one['owed']:,} removals of people who refused go out all the same")
        for sample in one["samples"]:
            row = sample["row"]
            values = {name: "-" if value is None else value for name, value in (row or {}).items()}
            cells = ", ".join(f"{name} {value}" for name, value in values.items()) or sample["key"]
            told.append(f"  {sample['action']:<8} {cells}")
    return told or ["no syncs declared"]


def apply(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="What `cdp plan --out` wrote")],
    config: Config = CONFIG,
    force: Force = None,
    as_json: AsJson = False,
) -> None:
    """Send a plan, if it is still true: data, consents and configuration must be as they were when it was made.

    Example: cdp apply plan.json --config demo/cdp.yml

    Exit codes: 0 sent, 1 failed, 2 no such plan or configuration, 3 the plan has moved, or the gate or a guard blocks (nothing
    sent), 4 partial, 5 another run is active, 143 ended by SIGTERM after a whole batch.
    """
    from pipelines.exports.plan_file import read_plan

    _send("apply", config, force, as_json, expected=read_plan(plan_file))


def export(config: Config = CONFIG, force: Force = None, as_json: AsJson = False) -> None:
    """Send what changed to the destinations, under guards and lawful basis: plan and apply in one.

    Example: cdp export --config demo/cdp.yml --force "the spring list really is that much shorter"

    Exit codes as of `cdp run`; 3 when a guard blocks all that is due, 4 when it blocks a part, 143 when SIGTERM ended it after
    a whole batch.
    """
    _send("export", config, force, as_json)


def _send(
    command: str, config: Path, force: list[str] | None, as_json: bool, expected: Any | None = None
) -> None:
    found = company(config)
    from cli.commands.run import refuse_if_held, report, say, watched

    refuse_if_held(found)
    from cli.export import Sending
    from cli.run import run

    sending = Sending(forced(found, force or []), expected)
    outcome = run(found, ("export",), command=command, say=say, sending=sending, **watched())
    report(outcome, as_json)


def forced(found: Any, force: list[str]) -> dict[str, str]:
    """Reasons by sync; a reason without the name of a sync is for all. Raises UsageError for an empty reason."""
    from cli.syncs import sync_specs
    from pipelines.errors import UsageError

    names = {sync.name for sync in sync_specs(found)} if force else set()
    reasons = {}
    for text in force:
        name, separator, why = text.partition("=")
        is_one = bool(separator) and name.strip() in names
        key, why = (name.strip(), why) if is_one else ("*", text)
        if not why.strip():
            raise UsageError("--force needs a reason", hint='--force "why", or --force SYNC="why"')
        reasons[key] = why.strip()
    return reasons


def why(
    who: Annotated[str, typer.Argument(metavar="WHO", help="Email, phone, customer_id or record_id")],
    sync: Annotated[str, typer.Option("--sync", help="Name of the sync (its exposure)")],
    config: Config = CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say why a person was sent to a destination or was not: audience, consent or hold, when sent, what was answered.

    Personal data: it is read from the private warehouse and printed to you only.

    Example: cdp why crm.contacts:10000000 --sync at_risk_high_value_to_csv --config demo/cdp.yml

    Exit codes: 0 shown, 1 nothing is built yet, 2 no such sync, nobody or more than one is known by it, 5 a run is active.
    """
    from datetime import UTC, datetime

    from cli import warehouse
    from cli import why as reasons
    from cli.syncs import purpose_specs, sync_specs

    found = company(config)
    spec = reasons.sync_named(sync_specs(found), sync)
    with warehouse.connect(found, read_only=True) as con:
        told = reasons.why(con, who, spec, purpose_specs(found)[spec.purpose], found.as_of(datetime.now(UTC)))
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, default=str))
        return
    for line in why_lines(told):
        typer.echo(line)


def why_lines(told: dict[str, Any]) -> list[str]:
    """The answer for people."""
    purpose = told["purpose"]
    lines = [
        f"{told['customer_id']}: {told['conclusion']}",
        f"sync       {told['sync']} -> {told['destination']} ({told['mode']}), purpose {purpose['name']}, {purpose['basis']}",
    ]
    for row in told["rows"]:
        verdict = row["verdict"] or {}
        may = verdict.get("reason") or verdict.get("deferred") or "lawful"
        consent = verdict.get("consent_record_id")
        proof = f", consent {consent} of {verdict['granted_at']}" if consent else ""
        lines.append(f"model      key {row['key']}: {may}{proof}")
        lines += [f"           {name}: {value}" for name, value in row["why"].items()]
    for one in told["audiences"]:
        lines.append(f"audience   {one['changed_at']}  {one['event']} {one['audience']}")
    for one in told["consents"]:
        until = f" until {one['expires_at']}" if one["expires_at"] else ""
        lines.append(f"consent    {one['obtained_at']}  {one['state']} for {one['contact_point']}{until}")
    for one in told["holds"]:
        lines.append(f"hold       {one['reason']}{' (waits)' if one['is_deferred'] else ''}")
    for one in told["ledger"]:
        reason = f": {one['reason']}" if one["reason"] else ""
        lines.append(f"ledger     {one['updated_at']}  key {one['key']} {one['state']}{reason}")
    for one in told["deliveries"]:
        reason = f": {one['reason']}" if one["reason"] else ""
        consent = f", consent {one['consent_record_id']}" if one["consent_record_id"] else ""
        lines.append(f"sent       {one['sent_at']}  {one['operation']} {one['status']}{reason}{consent}")
    return lines
