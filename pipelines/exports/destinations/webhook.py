"""The webhook destination: HTTP POST of JSON, a batch or a row per request.

Request (batch):  {"sync": ..., "operations": [{"operation", "key", "idempotency_key", "row"}, ...]}
Request (row):    {"sync", "operation", "key", "idempotency_key", "row"}
`mode` (other than upsert and mirror) and `fill_empty` stand beside `operation` where the sync has them.
The header `Idempotency-Key` is that of the row, or one of all members of the batch in order; a request that
is sent again carries the same one.

Answers: 2xx accepts. 4xx refuses; a batch refused for its content is refused as a whole, and the sender halves it.
429, 5xx and silence are tried again after `Retry-After` or a growing pause, within `retry_seconds` for the
whole run; after that the rows stay pending. A 2xx answer may name single rows: {"results": [{"key", "ok",
"reason", "destination_key"}]}; what it does not name is accepted.

The address and the headers may hold secrets and rows hold people: no reason ever repeats either.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from pipelines.exports.destinations.answers import again, message, pause, redact
from pipelines.exports.destinations.base import Operation, Result
from pipelines.exports.stopping import Stop

OPTIONS = ("url", "headers", "mode", "batch_size", "timeout_seconds", "retry_seconds")
DEFAULT_BATCH = {"batch": 500, "row": 50}
# the content is at fault, so a part of the batch may be fine
DIVISIBLE = (400, 409, 413, 422)
# the address or the credentials are at fault: every other request would end the same way
HOPELESS = (401, 403, 404, 405, 410)
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Settings:
    """Options with their defaults filled in."""

    url: str
    headers: Mapping[str, str]
    mode: str
    batch_size: int
    timeout_seconds: float
    retry_seconds: float


@dataclass(frozen=True)
class Answer:
    """What came of one request: a response, or silence with its cause."""

    response: httpx.Response | None
    cause: str
    doubtful: bool  # an earlier attempt of this request may have been carried out


class WebhookDestination:
    """One address. `sleep` is replaced in tests."""

    def __init__(self, settings: Settings, sync: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._sync = sync
        self._sleep = sleep
        self._patience = settings.retry_seconds
        self._client = httpx.Client(timeout=settings.timeout_seconds, headers=dict(settings.headers))
        self._stopped: str | None = None
        self.stop: Stop | None = None  # the sender's: no pause outlasts it

    @property
    def batch_size(self) -> int:
        """Operations committed and handed over together."""
        return self._settings.batch_size

    @property
    def stopped(self) -> str | None:
        """Set once the address refuses everything or no patience is left."""
        return self._stopped

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Post a batch, or its rows one after the other."""
        if self._settings.mode == "batch":
            return self._send_batch(operations)
        results: list[Result] = []
        for operation in operations:
            if self._stopped:
                results.append(Result(operation.key, ok=False, reason=self._stopped, final=False))
                continue
            body = f'{{"sync":{json.dumps(self._sync)},{_body(operation)[1:]}'
            results += self._results([operation], self._post(body, operation.idempotency_key))
        return results

    def _send_batch(self, operations: Sequence[Operation]) -> list[Result]:
        members = ",".join(_body(operation) for operation in operations)
        body = f'{{"sync":{json.dumps(self._sync)},"operations":[{members}]}}'
        answer = self._post(body, batch_key(operations))
        return self._results(operations, answer)

    def _post(self, body: str, idempotency_key: str) -> Answer:
        """One request, again while that may help and patience lasts."""
        doubtful = False
        for attempt in range(MAX_ATTEMPTS):
            began = time.monotonic()
            answer = self._attempt(body, idempotency_key)
            if answer.response is not None and not again(answer.response.status_code):
                return replace(answer, doubtful=doubtful)
            doubtful = doubtful or answer.doubtful
            wait = pause(answer.response, attempt)
            self._patience -= time.monotonic() - began
            if attempt == MAX_ATTEMPTS - 1:
                break
            if wait > self._patience:
                self._patience = 0
                break
            (self.stop.sleep if self.stop else self._sleep)(wait)
            self._patience -= wait
            if self.stop and self.stop.reason:
                break
        if self._patience <= 0:
            self._stopped = f"gave up after {self._settings.retry_seconds:g} s of retries: {answer.cause}"
        return replace(answer, doubtful=doubtful)

    def _attempt(self, body: str, idempotency_key: str) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        try:
            response = self._client.post(self._settings.url, content=body.encode(), headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Answer(None, type(error).__name__, doubtful=False)
        except httpx.HTTPError as error:
            # the class only: the text of the error may contain the address
            return Answer(None, type(error).__name__, doubtful=True)
        return Answer(response, f"HTTP {response.status_code}", doubtful=response.status_code >= 500)

    def _results(self, operations: Sequence[Operation], answer: Answer) -> list[Result]:
        response = answer.response
        if response is None or again(response.status_code):
            return [Result(op.key, ok=False, reason=answer.cause, final=False) for op in operations]
        if response.is_success:
            return self._named_results(operations, response)
        if response.status_code in (404, 410) and all(op.operation == "remove" for op in operations):
            return [Result(op.key, ok=True) for op in operations]  # gone already
        reason = self._reason(operations, answer)
        if response.status_code in HOPELESS or response.is_redirect:
            self._stopped = f"{answer.cause}: the address or its credentials are wrong"
        # after silence, a refusal may well mean "I have that already"
        final = not answer.doubtful
        whole = final and response.status_code in DIVISIBLE
        return [Result(op.key, ok=False, reason=reason, final=final, is_whole=whole) for op in operations]

    def _named_results(self, operations: Sequence[Operation], response: httpx.Response) -> list[Result]:
        """A 2xx answer accepts all operations but those it names as failed."""
        try:
            rows = response.json().get("results") or []
            named = {str(row["key"]): row for row in rows}
        except (ValueError, AttributeError, KeyError, TypeError):
            named = {}
        results = []
        for operation in operations:
            row = named.get(operation.destination_key, {})
            key = row.get("destination_key")
            if row.get("ok", True) is False:
                reason = self._redacted([operation], str(row.get("reason") or "refused"))
                results.append(Result(operation.key, ok=False, reason=reason))
            else:
                results.append(Result(operation.key, ok=True, destination_key=str(key) if key else None))
        return results

    def _reason(self, operations: Sequence[Operation], answer: Answer) -> str:
        response = answer.response
        said = message(response) if response is not None else ""
        return self._redacted(operations, f"{answer.cause} {said}".strip())

    def _redacted(self, operations: Sequence[Operation], said: str) -> str:
        """Cut what a destination says down to what is about the failure, not about people or secrets."""
        secret = " ".join([self._settings.url, *self._settings.headers.values()])
        return redact(said, secret, [value for op in operations for value in op.row.values()])


def batch_key(operations: Sequence[Operation]) -> str:
    """One idempotency key for a request with several members."""
    return hashlib.sha256("".join(operation.idempotency_key for operation in operations).encode()).hexdigest()


def _body(operation: Operation) -> str:
    """JSON of one operation; the row is spliced in as it came from SQL, so that decimals stay exact."""
    values: dict[str, Any] = {
        "operation": operation.operation,
        "key": operation.destination_key,
        "idempotency_key": operation.idempotency_key,
    }
    if operation.mode not in ("upsert", "mirror"):
        values["mode"] = operation.mode
    if operation.fill_empty:
        values["fill_empty"] = list(operation.fill_empty)
    head = json.dumps(values)
    return head if operation.payload is None else f'{head[:-1]},"row":{operation.payload}}}'


def problems(options: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options; values are not repeated, they may be secret."""
    found = [
        f"option `{name}` is unknown; options: {', '.join(OPTIONS)}"
        for name in options
        if name not in OPTIONS
    ]
    if not re.match(r"https?://[^/]", str(options.get("url") or "")):
        found.append("option `url` must be an http or https address (is its ${VARIABLE} set?)")
    if options.get("mode", "batch") not in DEFAULT_BATCH:
        found.append("option `mode` is batch or row")
    if not isinstance(options.get("headers", {}), Mapping):
        found.append("option `headers` is a mapping of names to values")
    for name in ("batch_size", "timeout_seconds", "retry_seconds"):
        value = options.get(name, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < (name != "retry_seconds"):
            found.append(f"option `{name}` is a positive number")
    return found


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Options with defaults."""
    mode = str(options.get("mode", "batch"))
    return Settings(
        url=str(options["url"]),
        headers={str(name): str(value) for name, value in options.get("headers", {}).items()},
        mode=mode,
        batch_size=int(options.get("batch_size", DEFAULT_BATCH[mode])),
        timeout_seconds=float(options.get("timeout_seconds", 10)),
        retry_seconds=float(options.get("retry_seconds", 60)),
    )


def requests(options: Mapping[str, Any], operations: int) -> int:
    """Requests for so many operations when all goes well."""
    settings = settings_of(options)
    return operations if settings.mode == "row" else -(-operations // settings.batch_size)


def open_webhook(options: Mapping[str, Any], sync: str) -> WebhookDestination:
    """The address, for the rows of one sync."""
    return WebhookDestination(settings_of(options), sync)
