"""HubSpot contacts, and any other object with a unique property (tasks, companies, tickets).

Batch endpoints of the CRM API v3, at most 100 records a request, by `id_property` (the email of contacts):
upsert; read first, then create or update, where the mode or `fill_empty` asks for it; archive for removals.
Each input has an `objectWriteTraceId`, so that single rows are refused and not the batch (207 Multi-Status).
https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/batch/upsert-contacts
https://developers.hubspot.com/docs/api-reference/error-handling

A null clears the property. `associate` links each written record to another one, whose HubSpot id a column holds: tasks
of cases to their contacts. Removal archives the record HubSpot knows the row by, which is the id it answered with.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from pipelines.exports.destinations import exact, records
from pipelines.exports.destinations.answers import again, closed_for
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import (
    HttpClient,
    HttpDestination,
    Reply,
    Verdict,
    accepted,
    refused,
)
from pipelines.exports.destinations.options import Address, HttpOptions, Rate, RateLimit, Token

LIMIT = 100
# a daily quota opens again at midnight of the account: nothing to wait for within a run
DAILY_SECONDS = 3600.0
# the sync names a property that HubSpot does not have: every batch would be refused row by row
MISCONFIGURED = ("PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE")


class Association(BaseModel):
    """To which object each record is linked, and the column with its HubSpot id."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    to: str = Field("contacts", pattern=r"^[a-z0-9_-]+$")
    column: str


class HubspotOptions(HttpOptions):
    """Options of type `hubspot`."""

    token: Token
    object: str = Field("contacts", pattern=r"^[a-z0-9_-]+$")
    id_property: str = Field("email", pattern=r"^[a-z0-9_]+$")
    fields: dict[str, str | None] = Field({})
    associate: Association | None = None
    base_url: Address = "https://api.hubapi.com"
    batch_size: int = Field(LIMIT, ge=1, le=LIMIT)
    # https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines: 100 per 10 s, per private app
    rate_limit: RateLimit = Rate(requests=100, seconds=10)


def judge(response: httpx.Response) -> Verdict:
    """A 429 names its policy: seconds pass, a used-up day does not."""
    if response.status_code == 429 and b'"DAILY"' in response.content:
        return Verdict(again=True, wait=DAILY_SECONDS)
    return Verdict(again(response.status_code), closed_for(response))


class Hubspot(HttpDestination):
    """Records of one object."""

    options: HubspotOptions

    def __init__(self, options: HubspotOptions, opening: Opening) -> None:
        headers = {"Authorization": f"Bearer {options.token}", "Content-Type": "application/json"}
        super().__init__(options, HttpClient(options, headers=headers, secrets=[options.token], judge=judge))

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Archive those that leave, write the others."""
        going = [op for op in operations if op.operation == "remove"]
        results = self._archive(going) if going else []
        fields, ids = {}, {}
        for op in (op for op in operations if op.operation != "remove"):
            fields[op.key] = records.fields_of(op, self.options.fields)
            found = fields[op.key].get(self.options.id_property)
            if records.is_empty(found):
                results.append(
                    refused(op, f"no `{self.options.id_property}`, which HubSpot knows the record by")
                )
            else:
                fields[op.key][self.options.id_property] = exact.plain(found).strip()
                ids[op.key] = exact.plain(found).strip().lower()
        due = [op for op in operations if op.key in ids]
        for group in records.rounds(due, ids):
            results += self._write(group, fields, ids)
        return results

    def _write(
        self, operations: Sequence[Operation], fields: Mapping[str, dict[str, Any]], ids: Mapping[str, str]
    ) -> list[Result]:
        held: dict[str, Any] = {}
        results: list[Result] = []
        if any(records.needs_reading(op) for op in operations):
            found = self._read(operations, ids)
            if isinstance(found, Reply):
                return self.failed(operations, found)
            held = found
        inputs: dict[str, list[tuple[Operation, dict[str, Any]]]] = {}
        for op in operations:
            there = held.get(ids[op.key])
            values = records.to_write(
                op, fields[op.key], there["properties"] if there else None, self.options.fields
            )
            if values is None:
                results.append(records.skipped(op, there["id"] if there else None))
                continue
            how = {"update_only": "update", "create_only": "create"}.get(op.mode, "upsert")
            inputs.setdefault(how, []).append((op, self._input(how, op, values, ids[op.key], there)))
        for how, members in inputs.items():
            results += self._batch(how, members, ids)
        return results

    def _input(
        self,
        how: str,
        op: Operation,
        values: Mapping[str, Any],
        id_value: str,
        there: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        link = self.options.associate.column if self.options.associate else None
        names = {link, self.options.fields.get(link or "")} - {None}
        texts = {name: exact.plain(value) for name, value in values.items() if name not in names}
        one: dict[str, Any] = {"properties": texts, "objectWriteTraceId": op.idempotency_key}
        if how == "upsert":
            one |= {"id": id_value, "idProperty": self.options.id_property}
        elif how == "update" and there:
            one["id"] = there["id"]
        return one

    def _batch(
        self, how: str, members: Sequence[tuple[Operation, dict[str, Any]]], ids: Mapping[str, str]
    ) -> list[Result]:
        operations = [op for op, _ in members]
        reply = self._post(f"batch/{how}", {"inputs": [one for _, one in members]})
        response = reply.response
        if response is None or not reply.is_final or not response.is_success:
            return self._refused(operations, reply)
        body = _body(response)
        taken, errors = self._taken(body), _errors(body)
        results = []
        for op in operations:
            record = taken.get(op.idempotency_key) or taken.get(ids[op.key])
            if record:
                results.append(Result(op.key, ok=True, destination_key=record))
            elif _exists(op, errors.get(op.idempotency_key)):
                results.append(records.skipped(op))
            else:
                said = errors.get(op.idempotency_key) or errors.get(ids[op.key]) or "not among the results"
                results.append(refused(op, self.reason([op], said)))
        return self._linked(operations, results) if self.options.associate else results

    def _taken(self, body: Mapping[str, Any]) -> dict[str, str]:
        """Ids of the records that were written, by trace and by the id property."""
        taken = {}
        for record in body.get("results") or []:
            named = (record.get("properties") or {}).get(self.options.id_property)
            for name in (record.get("objectWriteTraceId"), str(named).lower() if named else None):
                if name:
                    taken[str(name)] = str(record["id"])
        return taken

    def _linked(self, operations: Sequence[Operation], results: list[Result]) -> list[Result]:
        """Link the records that were written; a link that fails is a row that failed, and is made again with it."""
        assert self.options.associate is not None
        column, to = self.options.associate.column, self.options.associate.to
        others = {op.key: exact.plain(exact.loads(op.payload).get(column)) for op in operations}
        linked = [one for one in results if one.ok and one.destination_key and others[one.key]]
        if not linked:
            return results
        pairs = [{"from": {"id": one.destination_key}, "to": {"id": others[one.key]}} for one in linked]
        url = (
            f"{self.options.base_url}/crm/v4/associations/{self.options.object}/{to}/batch/associate/default"
        )
        reply = self.client.request("POST", url, json.dumps({"inputs": pairs}).encode())
        if reply.is_final and reply.response is not None and reply.response.status_code in (200, 201):
            return results
        wanted = {one.key for one in linked}
        failed = self._refused([op for op in operations if op.key in wanted], reply)
        return [one for one in results if one.key not in wanted] + failed

    def _read(self, operations: Sequence[Operation], ids: Mapping[str, str]) -> dict[str, Any] | Reply:
        """The records that are there, by id property; the reply when it was no answer."""
        wanted = {self.options.fields.get(name) or name for op in operations for name in op.fill_empty}
        body = {
            "idProperty": self.options.id_property,
            "properties": sorted(wanted | {self.options.id_property}),
            "inputs": [{"id": ids[op.key]} for op in operations],
        }
        reply = self._post("batch/read", body)
        if reply.response is None or not reply.is_final or not reply.response.is_success:
            return reply
        found = _body(reply.response).get("results") or []
        return {str(one["properties"].get(self.options.id_property)).lower(): one for one in found}

    def _archive(self, operations: Sequence[Operation]) -> list[Result]:
        unknown = [op for op in operations if not op.destination_key.isdigit()]
        known = [op for op in operations if op.destination_key.isdigit()]
        results = [
            refused(op, "no answer ever told the id of this record at HubSpot; archive it there by hand")
            for op in unknown
        ]
        if not known:
            return results
        # archiving what is gone is answered 204 as well
        reply = self._post("batch/archive", {"inputs": [{"id": op.destination_key} for op in known]})
        done = reply.is_final and reply.response is not None and reply.response.is_success
        return results + (accepted(known) if done else self._refused(known, reply))

    def _refused(self, operations: Sequence[Operation], reply: Reply) -> list[Result]:
        results = self.failed(operations, reply)
        content = reply.response.text if reply.response is not None and reply.is_final else ""
        if any(word in content for word in MISCONFIGURED):
            self.client.stopped = results[0].reason
            return [Result(one.key, ok=False, reason=one.reason) for one in results]
        return results

    def _post(self, path: str, body: Any) -> Reply:
        url = f"{self.options.base_url}/crm/v3/objects/{self.options.object}/{path}"
        return self.client.request("POST", url, exact.dumps(body).encode())


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _errors(body: Mapping[str, Any]) -> dict[str, str]:
    """What was wrong, by the trace id or id that the error names in its context."""
    found = {}
    for error in body.get("errors") or []:
        for named in (error.get("context") or {}).values():
            for name in named if isinstance(named, list) else [named]:
                found[str(name)] = f"{error.get('category', '')} {error.get('message', '')}".strip()
    return found


def _exists(operation: Operation, error: str | None) -> bool:
    """Somebody created the contact between our reading and our writing."""
    return operation.mode == "create_only" and bool(error) and str(error).startswith("CONFLICT")


KIND = Kind(options=HubspotOptions, modes=records.MODES, open_rows=Hubspot, fills_empty=True)
