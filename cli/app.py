"""The commands of `cdp`, wired; `cli/main.py` runs them.

Nothing heavy (dbt, dlt, Great Expectations, DuckDB) is imported here: `cdp --help` stays quick.
"""

from typing import Any

import typer

from cli.commands import (
    audience,
    backup,
    cases,
    customer,
    doctor,
    duplicates,
    env,
    exports,
    identity,
    identity_decide,
    identity_diff,
    identity_train,
    init,
    presets,
    privacy,
    quarantine,
    report,
    rfm,
    run,
    runs,
    schedule,
    status,
    validate_config,
)

app = typer.Typer(
    name="cdp",
    help=(
        "Warehouse-native customer data platform: sources in, one customer, consented audiences out.\n\n"
        "Exit codes: 0 done, 1 failed, 2 usage or configuration (nothing done), 3 blocked by a gate or guard, "
        "4 partial, 5 another run is active, 130/143 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
identity_app = typer.Typer(help="Who is who: why, how right, and decisions by hand.", no_args_is_help=True)
customer_app = typer.Typer(help="One customer: golden record, identifiers, timeline.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Rows that could not be used.", no_args_is_help=True)
runs_app = typer.Typer(help="Past runs.", no_args_is_help=True)
audience_app = typer.Typer(help="Audiences and their members.", no_args_is_help=True)
cases_app = typer.Typer(help="Closed loop: whom to help, who does it, what is done.", no_args_is_help=True)
privacy_app = typer.Typer(help="What a person agreed to.", no_args_is_help=True)
duplicates_app = typer.Typer(help="Records of one person within one source.", no_args_is_help=True)
rfm_app = typer.Typer(help="RFM scores and their thresholds.", no_args_is_help=True)

app.command("init")(init.init)
app.command("run")(run.run)
for stage in ("load", "build", "validate", "publish"):
    app.command(stage)(run.stage_command(stage))
app.command("plan")(exports.plan)
app.command("apply")(exports.apply)
app.command("export")(exports.export)
app.command("why")(exports.why)
app.command("validate-config")(validate_config.validate_config)
app.command("env")(env.env)
app.command("presets")(presets.presets)
app.command("status")(status.status)
app.command("doctor")(doctor.doctor)
app.command("report")(report.report)
app.command("schedule")(schedule.schedule)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("verify")(backup.verify)
identity_app.command("explain")(identity.explain)
identity_app.command("evaluate")(identity.evaluate)
identity_app.command("merge")(identity_decide.merge)
identity_app.command("split")(identity_decide.split)
identity_app.command("pin")(identity_decide.pin)
identity_app.command("revoke")(identity_decide.revoke)
identity_app.command("overrides")(identity_decide.list_overrides)
identity_app.command("review")(identity_decide.review)
identity_app.command("diff")(identity_diff.diff)
identity_app.command("train")(identity_train.train)
customer_app.command("show")(customer.show)
quarantine_app.command("list")(quarantine.list_rows)
quarantine_app.command("replay")(quarantine.replay)
runs_app.command("list")(runs.list_runs)
runs_app.command("show")(runs.show)
audience_app.command("list")(audience.list_audiences)
audience_app.command("show")(audience.show)
cases_app.command("list")(cases.list_cases)
cases_app.command("assign")(cases.assign)
cases_app.command("close")(cases.close)
privacy_app.command("consents")(privacy.consents)
duplicates_app.command("list")(duplicates.list_pairs)
duplicates_app.command("approve")(duplicates.approve)
duplicates_app.command("reject")(duplicates.reject)
rfm_app.command("recompute")(rfm.recompute)
app.add_typer(identity_app, name="identity")
app.add_typer(customer_app, name="customer")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(runs_app, name="runs")
app.add_typer(audience_app, name="audience")
app.add_typer(cases_app, name="cases")
app.add_typer(privacy_app, name="privacy")
app.add_typer(duplicates_app, name="duplicates")
app.add_typer(rfm_app, name="rfm")


# Typer carries its own copy of click from 0.29 on; this is the class either copy raises for wrong arguments.
WrongArguments: Any = next(one for one in typer.BadParameter.__mro__ if one.__name__ == "ClickException")
