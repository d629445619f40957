"""Salesforce contacts, leads, tasks or any other object with an external id field.

sObject Collections of the REST API, at most 200 records a request, allOrNone false, an answer a record in order:
https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-upsert.html
`mode` update_only and create_only, and `fill_empty`, read by SOQL first. Removal deletes by the record's Salesforce id,
which the upsert answered with; a row that got no answer is read by its external id first. (DELETE by external id is one
request a record, and fails for some addresses: .../guide/resources-sobject-upsert-delete.html.) A task of a case is
`object: Task` with an external id field of its own.

Columns name fields; `fields` renames them. A dotted name refers to another record by its external id
(`Account.Number__c`), `Who:Contact.Cdp_Id__c` where the field takes several objects.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import Field, model_validator

from pipelines.exports.destinations import exact, records
from pipelines.exports.destinations.answers import again, closed_for
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import HttpClient, Reply, Verdict, bearer, refused
from pipelines.exports.destinations.options import Address, Token
from pipelines.exports.destinations.records import Held, RecordOptions, Records, Write

LIMIT = 200
READ_LIMIT = 100  # external ids in one query, whose text travels in the address
DAILY_SECONDS = 3600.0
GONE = ("ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY")
RECORD_ID = re.compile(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?")
API_NAME = r"^[A-Za-z]\w*$"


class SalesforceOptions(RecordOptions):
    """Options of type `salesforce`; a token, or client id and secret of the client credentials flow."""

    instance_url: Address
    access_token: Token | None = None
    client_id: Token | None = None
    client_secret: Token | None = None
    object: str = Field("Contact", pattern=API_NAME)
    external_id: str = Field(pattern=API_NAME)
    api_version: str = Field("62.0", pattern=r"^\d+\.0$")
    batch_size: int = Field(LIMIT, ge=1, le=LIMIT)

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if not self.access_token and not (self.client_id and self.client_secret):
            raise ValueError("option `access_token` is missing, or `client_id` and `client_secret`")
        return self


def judge(response: httpx.Response) -> Verdict:
    """The daily quota is answered 403 REQUEST_LIMIT_EXCEEDED."""
    if response.status_code == 403 and b"REQUEST_LIMIT_EXCEEDED" in response.content:
        return Verdict(again=True, wait=DAILY_SECONDS)
    return Verdict(again(response.status_code), closed_for(response))


class Salesforce(Records):
    """Records of one object."""

    options: SalesforceOptions
    vendor = "Salesforce"
    misconfigured = tuple(
        f'"{code}"'
        for code in ("INVALID_FIELD", "INVALID_TYPE", "NOT_FOUND", "INVALID_FIELD_FOR_INSERT_UPDATE")
    )

    def __init__(self, options: SalesforceOptions, opening: Opening) -> None:
        headers = {"Content-Type": "application/json"}
        if options.access_token:
            headers["Authorization"] = f"Bearer {options.access_token}"
        secrets = [options.access_token or "", options.client_id or "", options.client_secret or ""]
        ask = None if options.access_token else self._ask
        super().__init__(options, HttpClient(options, headers, secrets, judge=judge, authorise=ask))
        self._root = f"{options.instance_url}/services/data/v{options.api_version}"

    @property
    def unique(self) -> str:
        """The external id."""
        return self.options.external_id

    def is_id(self, text: str) -> bool:
        """15 or 18 letters and digits."""
        return bool(RECORD_ID.fullmatch(text))

    def read(self, names: Sequence[str], fields: Collection[str]) -> dict[str, Held] | Reply:
        """By external id, some at a time."""
        columns = ", ".join(["Id", *sorted({name for name in fields if "." not in name} | {self.unique})])
        found = {}
        for start in range(0, len(names), READ_LIMIT):
            some = ", ".join(_soql(one) for one in names[start : start + READ_LIMIT])
            query = f"SELECT {columns} FROM {self.options.object} WHERE {self.unique} IN ({some})"
            reply = self.client.request("GET", f"{self._root}/query?q={quote(query)}")
            if reply.response is None or not reply.is_final or not reply.response.is_success:
                return reply
            for record in reply.response.json().get("records") or []:
                found[exact.plain(record[self.unique]).casefold()] = Held(str(record["Id"]), record)
        return found

    def write(self, how: str, members: Sequence[Write]) -> list[Result]:
        """One collection, a line of the answer a record."""
        path = "composite/sobjects"
        if how == "upsert":
            path += f"/{self.options.object}/{self.unique}"
        body = exact.dumps({"allOrNone": False, "records": [self._record(how, one) for one in members]})
        method = "POST" if how == "create_only" else "PATCH"
        reply = self.client.request(method, f"{self._root}/{path}", body.encode())
        return self._each([one.operation for one in members], reply)

    def remove(self, known: Sequence[tuple[Operation, str]]) -> list[Result]:
        """One collection of ids."""
        ids = ",".join(record for _, record in known)
        reply = self.client.request("DELETE", f"{self._root}/composite/sobjects?ids={ids}&allOrNone=false")
        return self._each([op for op, _ in known], reply)

    def _record(self, how: str, member: Write) -> dict[str, Any]:
        record: dict[str, Any] = {"attributes": {"type": self.options.object}}
        if how == "update_only" and member.held:
            record["id"] = member.held.id
        for name, value in member.fields.items():
            if how == "update_only" and name == self.unique:
                continue
            _put(record, name, value)
        return record

    def _each(self, operations: Sequence[Operation], reply: Reply) -> list[Result]:
        """The answer has a line for each record, in the order of the request."""
        lines = _lines(reply)
        if lines is None or len(lines) != len(operations):
            return self.refused(operations, reply)
        return [self._one(op, line) for op, line in zip(operations, lines, strict=True)]

    def _one(self, operation: Operation, line: Mapping[str, Any]) -> Result:
        errors = line.get("errors") or []
        codes = [str(error.get("statusCode")) for error in errors]
        if line.get("success"):
            return Result(operation.key, ok=True, destination_key=line.get("id"))
        if operation.operation == "remove" and any(code in GONE for code in codes):
            return Result(operation.key, ok=True)
        if operation.mode == "create_only" and "DUPLICATE_VALUE" in codes:
            return records.skipped(operation)
        said = "; ".join(f"{error.get('statusCode')} {error.get('message', '')}" for error in errors)
        return refused(operation, self.reason([operation], said or "refused"))

    def _ask(self, client: HttpClient) -> Mapping[str, str] | None:
        """https://help.salesforce.com: OAuth 2.0 client credentials flow for server-to-server integration."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.options.client_id or "",
            "client_secret": self.options.client_secret or "",
        }
        return bearer(client, f"{self.options.instance_url}/services/oauth2/token", form)


def _lines(reply: Reply) -> list[dict[str, Any]] | None:
    """The answers to the records; None when the request as a whole was not taken."""
    if reply.response is None or not reply.is_final or not reply.response.is_success:
        return None
    try:
        lines = json.loads(reply.response.content)
    except ValueError:
        return None
    return lines if isinstance(lines, list) else None


def _put(record: dict[str, Any], name: str, value: Any) -> None:
    """Set a field, or a reference to another record by its external id (null: none)."""
    if "." not in name:
        record[name] = value
        return
    relation, external_id = name.split(".", 1)
    relation, _, kind = relation.partition(":")
    if not records.is_empty(value):
        record[relation] = ({"attributes": {"type": kind}} if kind else {}) | {external_id: value}


def _soql(value: str) -> str:
    """A string literal of SOQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


KIND = Kind(options=SalesforceOptions, modes=records.MODES, open_rows=Salesforce, fills_empty=True)
