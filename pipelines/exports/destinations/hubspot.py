"""HubSpot contacts, and any other object with a unique property (tasks, companies, tickets).

Batch endpoints of the CRM API v3, at most 100 records a request, by `id_property` (the email of contacts):
upsert; read first, then create or update, where the mode or `fill_empty` asks for it; archive for removals.
Each input has an `objectWriteTraceId`, so that single rows are refused and not the batch (207 Multi-Status).
https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/batch/upsert-contacts
https://developers.hubspot.com/docs/api-reference/error-handling

A null clears the property. `associate` links each written record to another one, whose HubSpot id a column holds: tasks
of cases to their contacts. Removal archives by the id HubSpot answered with: the endpoint takes no other, so a row that got
no answer is read by its unique property first.
https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/batch/delete-contacts
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from pipelines.exports.destinations import exact, records
from pipelines.exports.destinations.answers import again, closed_for
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import HttpClient, Reply, Verdict, accepted, refused
from pipelines.exports.destinations.options import Address, Rate, RateLimit, Token
from pipelines.exports.destinations.records import Held, RecordOptions, Records, Write

LIMIT = 100
# a daily quota opens again at midnight of the account: nothing to wait for within a run
DAILY_SECONDS = 3600.0
HOW = {"upsert": "upsert", "update_only": "update", "create_only": "create"}


class Association(BaseModel):
    """To which object each record is linked, and the column with its HubSpot id."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    to: str = Field("contacts", pattern=r"^[a-z0-9_-]+$")
    column: str


class HubspotOptions(RecordOptions):
    """Options of type `hubspot`."""

    token: Token
    object: str = Field("contacts", pattern=r"^[a-z0-9_-]+$")
    id_property: str = Field("email", pattern=r"^[a-z0-9_]+$")
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


class Hubspot(Records):
    """Records of one object."""

    options: HubspotOptions
    vendor = "HubSpot"
    misconfigured = ("PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE")

    def __init__(self, options: HubspotOptions, opening: Opening) -> None:
        headers = {"Authorization": f"Bearer {options.token}", "Content-Type": "application/json"}
        super().__init__(options, HttpClient(options, headers=headers, secrets=[options.token], judge=judge))

    @property
    def unique(self) -> str:
        """The id property."""
        return self.options.id_property

    def is_id(self, text: str) -> bool:
        """HubSpot counts."""
        return text.isdigit()

    def read(self, names: Sequence[str], fields: Collection[str]) -> dict[str, Held] | Reply:
        """By the id property; 207 when some are not there."""
        body = {
            "idProperty": self.unique,
            "properties": sorted({*fields, self.unique}),
            "inputs": [{"id": name.lower()} for name in names],
        }
        reply = self._post("batch/read", body)
        if reply.response is None or not reply.is_final or not reply.response.is_success:
            return reply
        found = _body(reply.response).get("results") or []
        return {
            str(one["properties"].get(self.unique)).casefold(): Held(str(one["id"]), one["properties"])
            for one in found
        }

    def write(self, how: str, members: Sequence[Write]) -> list[Result]:
        """One batch; each row is answered by its trace, or by its id property."""
        operations = [one.operation for one in members]
        reply = self._post(f"batch/{HOW[how]}", {"inputs": [self._input(how, one) for one in members]})
        response = reply.response
        if response is None or not reply.is_final or not response.is_success:
            return self.refused(operations, reply)
        body = _body(response)
        taken, errors = self._taken(body), _errors(body)
        results = []
        for one in members:
            op, name = one.operation, one.name.lower()
            record = taken.get(op.idempotency_key) or taken.get(name)
            if record:
                results.append(Result(op.key, ok=True, destination_key=record))
            elif _exists(op, errors.get(op.idempotency_key)):
                results.append(records.skipped(op))
            else:
                said = errors.get(op.idempotency_key) or errors.get(name) or "not among the results"
                results.append(refused(op, self.reason([op], said)))
        return self._linked(operations, results) if self.options.associate else results

    def remove(self, known: Sequence[tuple[Operation, str]]) -> list[Result]:
        """Archiving what is gone is answered 204 as well."""
        operations = [op for op, _ in known]
        reply = self._post("batch/archive", {"inputs": [{"id": record} for _, record in known]})
        done = reply.is_final and reply.response is not None and reply.response.is_success
        return accepted(operations) if done else self.refused(operations, reply)

    def _input(self, how: str, member: Write) -> dict[str, Any]:
        link = self.options.associate.column if self.options.associate else None
        names = {link, self.options.fields.get(link or "")} - {None}
        texts = {name: exact.plain(value) for name, value in member.fields.items() if name not in names}
        if self.unique in texts:
            texts[self.unique] = member.name
        one: dict[str, Any] = {"properties": texts, "objectWriteTraceId": member.operation.idempotency_key}
        if how == "upsert":
            one |= {"id": member.name.lower(), "idProperty": self.unique}
        elif how == "update_only" and member.held:
            one["id"] = member.held.id
        return one

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
        failed = self.refused([op for op in operations if op.key in wanted], reply)
        return [one for one in results if one.key not in wanted] + failed

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
