"""`cdp rfm recompute`."""

import json
from contextlib import nullcontext

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def recompute(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Compute the RFM thresholds of this month anew from today's customers, then build, check and publish.

    Example: cdp rfm recompute --config demo/cdp.yml

    They are computed by themselves when a month begins; do it by hand after a first load that was not the whole.

    Exit codes: 0 done, 1 failed or no warehouse yet, 2 configuration, 3 blocked by the gate (not published),
    5 another run is active.
    """
    from cli.commands.run import refuse_if_held, say, watched

    found = company(config)
    refuse_if_held(found)
    from cli.rfm import recompute as again

    done = again(found, say, watched().get("working", lambda stage: nullcontext()))
    for problem in done.problems:
        typer.echo(f"problem: {problem}", err=True)
    if as_json:
        typer.echo(json.dumps(done.to_dict(), default=str))
    else:
        for row in done.after:
            bounds = f"{row['lower_bound']:>14,.2f} to {row['upper_bound']:>14,.2f}"
            typer.echo(f"{row['measure']:<10} {row['score']}  {bounds}  n {row['n']:,}")
    raise typer.Exit(done.exit_code)
