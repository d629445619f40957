"""`cdp env`: the variables that let plain dbt and dlt work on a company."""

import json
import shlex

import typer

from cli.commands.options import CONFIG, AsJson, Config, company


def env(config: Config = CONFIG, as_json: AsJson = False) -> None:
    """Print the variables for plain `dbt build|test|docs`, to be taken in by the shell.

    Example: eval "$(cdp env --config demo/cdp.yml)" && dbt docs generate

    Exit codes: 0 printed, 2 configuration.
    """
    from cli.dbt import environment
    from cli.generate import generate

    found = company(config)
    generate(found)
    variables = environment(found)
    if as_json:
        typer.echo(json.dumps(variables))
        return
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
