"""Connector `rest`: APIs declared in the words of dlt's `rest_api`, fetched into one file of JSON lines per table.

dlt does what is hard there: authentication, pagination, waiting out a 429, child endpoints fed by their parent. Its own
incremental state is not used: the cursor lies with the rows in raw, so that both are kept or lost together.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import IO, Any
from urllib.parse import urlsplit

from pipelines import cursors
from pipelines.errors import CdpError
from pipelines.fetch import Fetched
from pipelines.specs import FileRef, LoadSpec, Progress, SourceSpec, TableSpec, silent

# Waits between attempts: 1, 2, 4, 8 seconds, or what Retry-After says up to two minutes.
ATTEMPTS = 5
BACKOFF_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 120
TOLD_EVERY = 100
START = "{incremental.start_value}"


class _Sink:
    """Writes the items of one table and keeps the greatest cursor seen; items go on unchanged to child endpoints."""

    def __init__(self, table: TableSpec, out: IO[str], told: Callable[[int], None]) -> None:
        self.table, self.out, self.told = table, out, told
        self.greatest: Any = None
        self.seen = 0

    def take(self, item: Any) -> Any:
        """Write one item."""
        self.out.write(json.dumps(item, ensure_ascii=False) + "\n")
        if self.table.cursor and isinstance(item, dict):
            self.greatest = cursors.greatest([self.greatest, _at(item, self.table.cursor.path)])
        self.seen += 1
        if self.seen % TOLD_EVERY == 0:
            self.told(self.seen)
        return item


def fetch(
    spec: LoadSpec,
    source: SourceSpec,
    client: Mapping[str, Any],
    starts: Mapping[str, str | None],
    progress: Progress = silent,
) -> dict[str, Fetched]:
    """Ask every endpoint of the source from its start on. Raises CdpError when it does not answer, or with an error."""
    from dlt.sources.helpers.requests import Client
    from dlt.sources.rest_api import rest_api_resources
    from requests.exceptions import RequestException

    session = Client(
        request_max_attempts=ATTEMPTS,
        request_backoff_factor=BACKOFF_SECONDS,
        request_max_retry_delay=LONGEST_WAIT_SECONDS,
        raise_for_status=False,
    ).session
    config: Any = {
        "client": {**client, "session": session},
        "resources": [_resource(table, starts[table.name]) for table in source.tables],
    }
    spec.temp.mkdir(parents=True, exist_ok=True)
    paths = {table.name: spec.temp / f"{source.name}.{table.name}.fetched.jsonl" for table in source.tables}
    with ExitStack() as files:
        sinks = {
            table.name: _Sink(
                table,
                files.enter_context(paths[table.name].open("w", encoding="utf-8")),
                partial(progress, source.name, table.name, f"rest:{table.name}"),
            )
            for table in source.tables
        }
        try:
            import dlt

            resources = rest_api_resources(config)
            for resource in resources:
                resource.add_map(sinks[resource.name].take)
            for _ in dlt.source(lambda: resources, name=source.name)():
                pass
        except CdpError:
            raise
        except Exception as error:
            raise _told(source, error, RequestException) from error
    return {
        name: Fetched(
            FileRef(path, f"rest:{name}", path.stat().st_size, 0),
            starts[name] if sinks[name].greatest is None else cursors.text_of(sinks[name].greatest),
        )
        for name, path in paths.items()
    }


def ask_once(source: SourceSpec, client: Mapping[str, Any], seconds: float) -> int | str | None:
    """The status that the first endpoint that stands for itself answers with, its body unread; or why there was no answer.

    None where every endpoint is a question (POST) or hangs on another one's rows.
    """
    import requests
    from dlt.sources.rest_api.config_setup import create_auth

    endpoint = next(
        (one for table in source.tables if (one := dict(table.endpoint or {})) and _is_plain(one)), None
    )
    if endpoint is None:
        return None
    base, path = str(client["base_url"]), str(endpoint["path"])
    url = path if path.startswith(("http://", "https://")) else f"{base.rstrip('/')}/{path.lstrip('/')}"
    try:
        with requests.get(
            url,
            params=endpoint.get("params") or {},
            headers=client.get("headers") or {},
            auth=create_auth(client.get("auth")),
            timeout=seconds,
            stream=True,
        ) as answer:
            return answer.status_code
    except requests.RequestException as error:
        # a token that could not be had carries the answer of who gives it
        status = getattr(error.response, "status_code", None)
        return int(status) if status is not None else f"no answer ({type(error).__name__})"


def _is_plain(endpoint: Mapping[str, Any]) -> bool:
    return endpoint.get("method", "GET") == "GET" and "{" not in json.dumps(
        [endpoint.get("path"), list((endpoint.get("params") or {}).values())]
    )


def _resource(table: TableSpec, start: str | None) -> dict[str, Any]:
    endpoint = _placed(dict(table.endpoint or {}), start)
    endpoint = {name: value for name, value in endpoint.items() if value not in ({}, None)}
    if table.cursor and table.cursor.start_param and start is not None:
        endpoint["params"] = {**endpoint.get("params", {}), table.cursor.start_param: start}
    resource: dict[str, Any] = {"name": table.name, "endpoint": endpoint}
    if table.include_from_parent:
        resource["include_from_parent"] = list(table.include_from_parent)
    return resource


def _placed(value: Any, start: str | None) -> Any:
    if isinstance(value, str):
        return value.replace(START, start or "")
    if isinstance(value, Mapping):
        return {name: _placed(one, start) for name, one in value.items()}
    return value


def _at(item: dict[str, Any], path: str) -> Any:
    found: Any = item
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _told(source: SourceSpec, error: Exception, request_error: type[Exception]) -> CdpError:
    root: BaseException = error
    while not isinstance(root, request_error) and (inner := root.__cause__ or root.__context__) is not None:
        root = inner
    response = getattr(root, "response", None)
    if response is not None:
        where = urlsplit(response.url)
        hint = {
            401: "look at the secrets under `auth`",
            403: "the credentials may not read this",
            404: "correct `endpoint.path`",
        }.get(response.status_code, "the next `cdp run` asks again from where the last complete load ended")
        return CdpError(f"{source.name}: {where.path} answered {response.status_code}", hint=hint)
    if isinstance(root, request_error):
        return CdpError(
            f"{source.name}: no answer ({type(root).__name__})",
            hint="look whether `base_url` can be reached; the next `cdp run` asks again",
        )
    return CdpError(
        f"{source.name}: the answers could not be read: {type(root).__name__}: {str(root).splitlines()[0][:200]}",
        hint="compare `endpoint` and `paginator` with the API's documentation; nothing of it was loaded",
    )
