"""The type `http`: any receiver of JSON, a batch or a row per request; Slack and the like are a template of it.

Without a template (batch):  {"sync": ..., "operations": [{"operation", "key", "idempotency_key", "row"}, ...]}
Without a template (row):    {"sync", "operation", "key", "idempotency_key", "row"}
`mode` (other than upsert and mirror) and `fill_empty` stand beside `operation` where the sync has them.
With one: `body`, a JSON tree with `{{column}}`; in a batch `{{cdp.rows}}` stands for the rows, each as `row` says.

The header `Idempotency-Key` is that of the row, or one of all members of the batch in order; a request that is sent
again carries the same one. With `signing_secret` it is the `webhook-id` of Standard Webhooks too.

Answers: 2xx accepts. A 2xx answer may name single rows: {"results": [{"key", "ok", "reason", "destination_key", "skipped"}]};
what it does not name is accepted. 4xx refuses; a batch refused for its content is refused as a whole, and halved by
the sender. A status of `duplicate_status` says that the receiver has this idempotency key: all of the request arrived before.
The address and the headers may hold secrets and rows hold people: no reason repeats either.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipelines.exports.destinations import exact, template
from pipelines.exports.destinations.base import MODES, Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import HttpClient, HttpDestination, Reply, accepted, refused
from pipelines.exports.destinations.options import Address, HttpOptions, Token
from pipelines.exports.destinations.signature import secret_problem, signed_headers

DEFAULT_BATCH = {"batch": 500, "row": 50}
Method = Literal["POST", "PUT", "PATCH", "DELETE"]


class Removal(BaseModel):
    """The request that takes a row back, where it differs from the one that sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    method: Method = "DELETE"
    url: Address | None = None
    body: Any = None


class HttpRequestOptions(HttpOptions):
    """Options of type `http`."""

    url: Address
    method: Method = "POST"
    headers: dict[str, str] = Field({})
    per: Literal["batch", "row"] = "batch"
    body: Any = None
    row: Any = None
    remove: Removal | None = None
    signing_secret: Token | None = None
    batch_size: int = Field(0, ge=0)
    duplicate_status: tuple[Annotated[int, Field(ge=400, le=499)], ...] = ()

    @field_validator("batch_size")
    @classmethod
    def _some(cls, value: int) -> int:
        if value < 1:
            raise ValueError("must be 1 or more")
        return value

    @field_validator("body", "row")
    @classmethod
    def _tree(cls, value: Any) -> Any:
        if isinstance(value, str) and not value.strip().startswith("{{"):
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError("must be JSON or a mapping; placeholders stand in quotes") from None
        list(template.names(value))
        return value

    @field_validator("signing_secret")
    @classmethod
    def _signs(cls, value: str | None) -> str | None:
        if value and not value.startswith("${") and (problem := secret_problem(value)):
            raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        parts = [
            self.url,
            self.body,
            self.remove.url if self.remove else None,
            self.remove.body if self.remove else None,
        ]
        named = {name for part in parts for name in template.names(part)}
        if self.per == "row" and ("cdp.rows" in named or self.row is not None):
            raise ValueError("option `row` and {{cdp.rows}} are for `per: batch`")
        if self.per == "batch" and named - {"cdp.rows", "cdp.sync", "cdp.idempotency_key"}:
            raise ValueError("columns of one row stand in `row`, or need `per: row`")
        if self.per == "batch" and self.body is not None and "cdp.rows" not in named:
            raise ValueError("option `body` of a batch must hold {{cdp.rows}}")
        return self

    @property
    def size(self) -> int:
        """Operations handed over together."""
        return self.batch_size or DEFAULT_BATCH[self.per]


class HttpRequests(HttpDestination):
    """One address, for the rows of one sync."""

    options: HttpRequestOptions

    def __init__(self, options: HttpRequestOptions, opening: Opening) -> None:
        secrets = [options.url, options.signing_secret or ""]
        super().__init__(options, HttpClient(options, headers=options.headers, secrets=secrets))
        self._sync = opening.sync

    @property
    def batch_size(self) -> int:
        """Operations committed and handed over together."""
        return self.options.size

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Post a batch, or its rows one after the other."""
        if self.options.per == "batch":
            return self._send_batch(operations)
        results: list[Result] = []
        for operation in operations:
            if self.stopped:
                results.append(Result(operation.key, ok=False, reason=self.stopped, final=False))
            else:
                results += self._send_row(operation)
        return results

    def _send_batch(self, operations: Sequence[Operation]) -> list[Result]:
        removal = self.options.remove
        going = [op for op in operations if op.operation == "remove"]
        if going and len(going) < len(operations) and (removal or self.options.body is not None):
            # another request for those that leave
            return self._send_batch(going) + self._send_batch(
                [op for op in operations if op.operation != "remove"]
            )
        if going and self.options.body is not None and not removal:
            return [refused(op, NO_REMOVAL) for op in going]
        body = removal.body if going and removal else self.options.body
        key = batch_key(operations)
        try:
            content = self._envelope(operations) if body is None else self._filled(body, operations, key)
        except template.TemplateError as error:
            return [refused(op, str(error)) for op in operations]
        return self._answered(
            operations, self._post(content, key, self._address({}, bool(going)), bool(going))
        )

    def _send_row(self, operation: Operation) -> list[Result]:
        leaves = operation.operation == "remove"
        if leaves and self.options.body is not None and not self.options.remove:
            return [refused(operation, NO_REMOVAL)]
        values = self._values(operation)
        removal = self.options.remove if leaves else None
        body = removal.body if removal else self.options.body
        try:
            content = "" if removal else self._one(operation)
            content = exact.dumps(template.fill(body, values)) if body is not None else content
            address = self._address(values, leaves)
        except template.TemplateError as error:
            return [refused(operation, str(error))]
        return self._answered([operation], self._post(content, operation.idempotency_key, address, leaves))

    def _post(self, content: str, key: str, address: str, leaves: bool) -> Reply:
        body = content.encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if self.options.signing_secret:
            headers |= signed_headers(self.options.signing_secret, key, int(time.time()), body)
        removal = self.options.remove if leaves else None
        return self.client.request(removal.method if removal else self.options.method, address, body, headers)

    def _address(self, values: Mapping[str, Any], leaves: bool) -> str:
        removal = self.options.remove if leaves else None
        return template.fill_address((removal.url if removal else None) or self.options.url, values)

    def _values(self, operation: Operation) -> dict[str, Any]:
        return exact.loads(operation.payload) | {
            "cdp.key": operation.destination_key,
            "cdp.operation": operation.operation,
            "cdp.mode": operation.mode,
            "cdp.idempotency_key": operation.idempotency_key,
            "cdp.sync": self._sync,
        }

    def _filled(self, body: Any, operations: Sequence[Operation], key: str) -> str:
        """The template of a batch with its rows; of rows that leave only the keys are known."""
        if operations[0].operation == "remove":
            rows: list[Any] = [op.destination_key for op in operations]
        elif self.options.row is None:
            rows = [exact.loads(op.payload) for op in operations]
        else:
            rows = [template.fill(self.options.row, self._values(op)) for op in operations]
        return exact.dumps(
            template.fill(body, {"cdp.rows": rows, "cdp.sync": self._sync, "cdp.idempotency_key": key})
        )

    def _envelope(self, operations: Sequence[Operation]) -> str:
        members = ",".join(_member(operation) for operation in operations)
        return f'{{"sync":{json.dumps(self._sync)},"operations":[{members}]}}'

    def _one(self, operation: Operation) -> str:
        return f'{{"sync":{json.dumps(self._sync)},{_member(operation)[1:]}'

    def _answered(self, operations: Sequence[Operation], reply: Reply) -> list[Result]:
        response = reply.response
        if response is not None and response.status_code in self.options.duplicate_status:
            return accepted(operations)
        if response is None or not reply.is_final:
            return self.failed(operations, reply)
        if response.is_success:
            return self._named(operations, response)
        if response.status_code in (404, 410) and all(op.operation == "remove" for op in operations):
            return [Result(op.key, ok=True) for op in operations]  # gone already
        return self.failed(operations, reply)

    def _named(self, operations: Sequence[Operation], response: httpx.Response) -> list[Result]:
        """A 2xx answer accepts all operations but those it names as failed."""
        try:
            named = {str(row["key"]): row for row in response.json().get("results") or []}
        except (ValueError, AttributeError, KeyError, TypeError):
            named = {}
        if not named:
            return accepted(operations)
        results = []
        for operation in operations:
            row = named.get(operation.destination_key, {})
            key = row.get("destination_key")
            if row.get("ok", True) is False:
                reason = self.reason([operation], str(row.get("reason") or "refused"))
                results.append(refused(operation, reason))
            else:
                left = row.get("skipped") is True
                told = self.reason([operation], str(row["reason"])) if left and row.get("reason") else None
                known = str(key) if key else None
                results.append(
                    Result(operation.key, ok=True, reason=told, destination_key=known, is_skipped=left)
                )
        return results


_text = json.encoder.encode_basestring_ascii
NO_REMOVAL = "the destination has a `body` and no `remove`: it cannot take a row back"


def batch_key(operations: Sequence[Operation]) -> str:
    """One idempotency key for a request with several members."""
    return hashlib.sha256("".join(operation.idempotency_key for operation in operations).encode()).hexdigest()


def _member(operation: Operation) -> str:
    """JSON of one operation; the row is spliced in as it came from SQL, so that decimals stay exact."""
    # the encoder of one string: a dictionary takes four times as long, and a batch has hundreds
    _, destination_key, what, idempotency_key, payload, mode, fill_empty = operation
    told = f', "mode": {_text(mode)}' if mode not in ("upsert", "mirror") else ""
    if fill_empty:
        told += f', "fill_empty": {json.dumps(list(fill_empty))}'
    if payload is not None:
        told += f', "row":{payload}'
    return f'{{"operation": {_text(what)}, "key": {_text(destination_key)}, "idempotency_key": {_text(idempotency_key)}{told}}}'


KIND = Kind(
    options=HttpRequestOptions,
    modes=MODES,
    fills_empty=True,
    open_rows=HttpRequests,
    takes_back=lambda options: options.body is None or options.remove is not None,
    requests=lambda options, operations: (
        operations if options.per == "row" else -(-operations // options.size)
    ),
)
