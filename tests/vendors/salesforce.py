"""Salesforce's REST API: sObject Collections, queries and the client credentials flow.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-upsert.html
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_update.htm
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Answer, Call

SECRET = "cl13nt-s3cr3t"
FIELDS = {
    "Contact": {"Cdp_Id__c", "Email", "LastName", "FirstName", "Phone", "Health__c"},
    "Task": {"Case_Id__c", "Subject", "Status", "Who"},
}
EXTERNAL = {"Contact": "Cdp_Id__c", "Task": "Case_Id__c"}
ROOT = "/services/data/v62.0"


@dataclass
class Salesforce:
    """Records by type and id. A token is good for `token_uses` requests."""

    token_uses: int = 1000
    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"Contact": {}, "Task": {}})
    tokens: int = 0
    uses: int = 0
    next_id: int = 1

    def __call__(self, call: Call) -> Answer:
        """Answer a request."""
        if call.path == "/services/oauth2/token":
            return self._token(call)
        self.uses += 1
        if call.headers.get("Authorization") != f"Bearer token-{self.tokens}" or self.uses > self.token_uses:
            return 401, {}, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        if call.path == f"{ROOT}/query" and call.method == "GET" and len(call.target) < 16_000:
            return self._query(call.query["q"])
        match = re.fullmatch(rf"{ROOT}/composite/sobjects(?:/(\w+)/(\w+))?", call.path)
        if not match:
            return 404, {}, [{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}]
        if call.method == "DELETE":
            return self._delete(call.query)
        body = call.json
        if (
            set(body) != {"allOrNone", "records"}
            or body["allOrNone"] is not False
            or not 0 < len(body["records"]) <= 200
        ):
            return _bad("EXCEEDED_MAX_SIZE_REQUEST", "The number of records is over 200")
        return self._collection(call.method, match[1], match[2], body["records"])

    def _token(self, call: Call) -> Answer:
        form = dict(pair.split("=") for pair in call.body.decode().split("&"))
        if (
            call.headers.get("Content-Type") != "application/x-www-form-urlencoded"
            or form.get("client_secret") != SECRET
        ):
            return (
                400,
                {},
                {"error": "invalid_client", "error_description": f"invalid client credentials {SECRET}"},
            )
        if form.get("grant_type") != "client_credentials":
            return (
                400,
                {},
                {"error": "unsupported_grant_type", "error_description": "grant type not supported"},
            )
        self.tokens, self.uses = self.tokens + 1, 0
        return 200, {}, {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "instance_url": "x"}

    def _collection(self, method: str, kind: str | None, external: str | None, rows: list[Any]) -> Answer:
        for row in rows:
            named = row.get("attributes", {}).get("type")
            if named not in FIELDS or (kind and named != kind):
                return _bad("INVALID_TYPE", "sObject type is not supported")
            if unknown := set(row) - {"attributes", "id"} - FIELDS[named]:
                return _bad(
                    "INVALID_FIELD", f"No such column '{sorted(unknown)[0]}' on sobject of type {named}"
                )
            if method == "PATCH" and kind and ("id" in row or external != EXTERNAL[named]):
                return _bad("INVALID_FIELD", "Only external ids are supported. Don't use record ids")
            if method == "PATCH" and not kind and "id" not in row:
                return _bad("MISSING_ARGUMENT", "id not specified in an update call")
        keys = [row.get(external) for row in rows] if external else []
        twice = {key for key in keys if keys.count(key) > 1}
        return 200, {}, [self._one(method, external, row, twice) for row in rows]

    def _one(self, method: str, external: str | None, row: Any, twice: set[Any]) -> dict[str, Any]:
        kind = row["attributes"]["type"]
        values = {name: value for name, value in row.items() if name not in ("attributes", "id")}
        if external and values.get(external) in twice:
            return _failed("DUPLICATE_VALUE", "Duplicate external id specified")
        if (who := values.get("Who")) is not None and (
            who.get("attributes") != {"type": "Contact"} or not self._find("Contact", who.get("Cdp_Id__c"))
        ):
            return _failed(
                "INVALID_FIELD", "Foreign key external ID not found for field Cdp_Id__c in entity Contact"
            )
        found = row.get("id") if method == "PATCH" and not external else None
        if external or method == "POST":
            found = self._find(kind, values.get(EXTERNAL[kind]))
            if method == "POST" and found:
                return _failed(
                    "DUPLICATE_VALUE", f"duplicate value found: {EXTERNAL[kind]} duplicates value on record"
                )
        if values.get("Email") and not re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", values["Email"]):
            return _failed("INVALID_EMAIL_ADDRESS", f"Email: invalid email address: {values['Email']}")
        created = found is None
        if created:
            if kind == "Contact" and not values.get("LastName"):
                return _failed("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]")
            found, self.next_id = f"003{self.next_id:012d}AAA", self.next_id + 1
            self.records[kind][found] = {}
        self.records[kind][str(found)] |= values
        return {"id": found, "success": True, "errors": [], "created": created}

    def _find(self, kind: str, key: Any) -> str | None:
        held = self.records[kind].items()
        return next((one for one, row in held if key and row.get(EXTERNAL[kind]) == key), None)

    def _query(self, query: str) -> Answer:
        match = re.fullmatch(r"SELECT ([\w, ]+) FROM (\w+) WHERE (\w+) IN \((.+)\)", query, re.DOTALL)
        if not match or set(match[1].split(", ")) - FIELDS[match[2]] - {"Id"}:
            return _bad("MALFORMED_QUERY", "unexpected token")
        wanted = [re.sub(r"\\(.)", r"\1", one) for one in re.findall(r"'((?:[^'\\]|\\.)*)'", match[4])]
        rows = [
            {name: key if name == "Id" else row.get(name) for name in match[1].split(", ")}
            for key, row in self.records[match[2]].items()
            if row.get(match[3]) in wanted
        ]
        return 200, {}, {"totalSize": len(rows), "done": True, "records": rows}

    def _delete(self, query: dict[str, str]) -> Answer:
        ids = query["ids"].split(",")
        if (
            query.get("allOrNone") != "false"
            or len(ids) > 200
            or any(len(one) not in (15, 18) for one in ids)
        ):
            return _bad("MALFORMED_ID", "malformed id")
        answers = []
        for one in ids:
            gone = [rows.pop(one) for rows in self.records.values() if one in rows]
            answers.append(
                {"id": one, "success": True, "errors": []}
                if gone
                else _failed("ENTITY_IS_DELETED", "entity is deleted")
            )
        return 200, {}, answers


def _failed(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def _bad(code: str, message: str) -> Answer:
    return 400, {}, [{"message": message, "errorCode": code}]
