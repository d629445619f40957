"""What doctor says of the world outside: each source that is asked, each destination, each alert channel.

All at once, each within seconds, none of them able to hold the others up. Nothing is sent: see `cli/reach.py`.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from cli import alert_channels, reach
from cli.config import Company
from cli.doctor_operations import Finding, Level
from cli.generate import load_spec, source_specs
from cli.reach import Seen
from cli.syncs import destination_specs
from pipelines.errors import CdpError, UsageError
from pipelines.fetch import fill_client
from pipelines.specs import LoadSpec, SourceSpec

# For all of them together; imports of drivers and of dlt count.
TOTAL_SECONDS = 20.0
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Target:
    """Something outside: what it is called, where it stands in cdp.yml, what it declares, and how to look at it."""

    name: str
    where: str
    declared: Any
    look: Callable[[], Seen]
    matters: bool = True  # a run without it is not a whole one

    @property
    def variables(self) -> list[str]:
        """Names of the secrets that it is given."""
        return sorted(set(VARIABLE.findall(repr(self.declared))))


def connections(company: Company) -> Iterator[Finding]:
    """Look at every target, side by side."""
    seen: dict[str, Seen] = {}
    targets = list(_targets(company))
    threads = [
        threading.Thread(target=_look, args=(target, seen), daemon=True, name=target.name)
        for target in targets
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + TOTAL_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = Seen("silent", f"no answer within {TOTAL_SECONDS:g} s")
    for target in targets:
        found = seen.get(target.name, late)
        if found.state == "ok":
            yield Finding("ok", target.name, found.why)
        else:
            yield Finding(_level(target, found), target.name, found.why, _fix(target, found))


def _look(target: Target, seen: dict[str, Seen]) -> None:
    try:
        seen[target.name] = target.look()
    except UsageError:
        # a variable that is not set: the finding `secrets` says which
        seen[target.name] = Seen("unset", "was not looked at: a secret of it is not set")
    except CdpError as error:
        seen[target.name] = Seen("wrong", str(error))
    except ImportError as error:
        seen[target.name] = Seen("undriven", f"was not looked at: {error.name} is not installed")
    except Exception as error:
        seen[target.name] = Seen("silent", f"no connection ({type(error).__name__})")


def _targets(company: Company) -> Iterator[Target]:
    spec = load_spec(company)
    for source in source_specs(company):
        if source.fetched:
            look = partial(_source, spec, source)
            yield Target(f"source {source.name}", f"sources, {source.name}", source.client, look)
    for name, one in company.destinations.items():
        yield Target(
            f"destination {name}",
            f"destinations.{name}",
            one.model_extra,
            partial(_destination, company, name),
        )
    for channel in company.file.alerts:
        look = partial(alert_channels.check, channel)
        yield Target(
            f"alert {channel.name}", f"alerts, {channel.name}", channel.model_dump(), look, matters=False
        )


def _source(spec: LoadSpec, source: SourceSpec) -> Seen:
    client = fill_client(spec, source)
    if source.connector == "sql":
        from pipelines.sql import look

        error = look(spec, source, client, reach.SECONDS)
        return (
            Seen("ok", "takes the login, and has its tables")
            if error is None
            else reach.database_error(error)
        )
    from pipelines.rest import ask_once

    code = ask_once(source, client, reach.SECONDS)
    if code is None:
        return reach.address(str(client["base_url"]))
    return Seen("silent", code) if isinstance(code, str) else reach.status(code)


def _destination(company: Company, name: str) -> Seen:
    spec = destination_specs(company, with_secrets=True, only=[name])[name]
    return reach.destination(spec.type, spec.options)


def _level(target: Target, seen: Seen) -> Level:
    """What a run would trip over is an error; an alert channel stops nothing, and who is unwell may be well again tonight."""
    return "error" if target.matters and seen.state not in ("forbidden", "unwell", "unset") else "warning"


def _fix(target: Target, seen: Seen) -> str:
    variables = target.variables
    if seen.state == "unset":
        missing = [name for name in variables if name not in os.environ]
        return f"export {'=... '.join(missing)}=..., then `cdp doctor`"
    if seen.state == "undriven":
        return "pip install 'warehouse-cdp[postgres]' (or the driver it names), then `cdp doctor`"
    if seen.state in ("refused", "forbidden") and variables:
        rights = "that are valid" if seen.state == "refused" else "that may read it"
        return f"export {'=... '.join(variables)}=... with credentials {rights}, then `cdp doctor`"
    if seen.state in ("silent", "unwell"):
        return (
            f"see that it runs and that this machine may reach the address under `{target.where}` in cdp.yml,"
            " then `cdp doctor`"
        )
    return f"correct `{target.where}` in cdp.yml, then `cdp doctor`"
