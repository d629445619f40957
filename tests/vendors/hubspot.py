"""HubSpot's CRM API v3, the batch endpoints.

https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/batch/upsert-contacts
https://developers.hubspot.com/docs/api-reference/error-handling (multi-status errors by objectWriteTraceId)
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines (429 with a policy name)
"""

import re
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Answer, Call

TOKEN = "pat-na1-s3cr3t"
KNOWN = {
    "email",
    "firstname",
    "lastname",
    "phone",
    "health_score",
    "cdp_id",
    "hs_task_subject",
    "hs_timestamp",
    "case_id",
}
UNIQUE = {"contacts": {"email", "cdp_id"}, "tasks": {"case_id"}}
INPUT_KEYS = {
    "upsert": {"id", "idProperty", "properties", "objectWriteTraceId"},
    "create": {"properties", "objectWriteTraceId", "associations"},
    "update": {"id", "idProperty", "properties", "objectWriteTraceId"},
}


@dataclass
class Hubspot:
    """Objects by type and id; `multi_status` false is how an endpoint without it answers a bad row."""

    multi_status: bool = True
    objects: dict[str, dict[str, dict[str, str]]] = field(
        default_factory=lambda: {"contacts": {}, "tasks": {}}
    )
    archived: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    next_id: int = 101

    def __call__(self, call: Call) -> Answer:
        """Answer a request."""
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")
        if call.headers.get("Content-Type") != "application/json" or call.method != "POST":
            return _error(415, "VALIDATION_ERROR", "Unsupported media type")
        if match := re.fullmatch(r"/crm/v4/associations/(\w+)/(\w+)/batch/associate/default", call.path):
            return self._associate(match[1], match[2], call.json["inputs"])
        match = re.fullmatch(r"/crm/v3/objects/(\w+)/batch/(upsert|create|update|read|archive)", call.path)
        if not match or match[1] not in self.objects:
            return _error(404, "OBJECT_NOT_FOUND", "no such endpoint")
        inputs = call.json.get("inputs")
        if not isinstance(inputs, list) or not inputs or len(inputs) > 100:
            return _error(400, "VALIDATION_ERROR", "The maximum batch size is 100")
        how = {"read": self._read, "archive": self._archive}.get(match[2], self._write)
        return how(match[1], call.json, inputs, match[2])

    def _write(self, kind: str, body: Any, inputs: list[Any], how: str) -> Answer:
        if set(body) != {"inputs"} or any(set(one) - INPUT_KEYS[how] for one in inputs):
            return _error(400, "VALIDATION_ERROR", "Invalid input JSON: unknown field")
        ids = [one.get("id") for one in inputs if one.get("id")]
        if len(ids) < len(set(map(str.lower, ids))) or len(set(map(str.lower, ids))) < len(ids):
            return _error(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        traces = [one.get("objectWriteTraceId") for one in inputs]
        multi = self.multi_status and all(traces) and len(set(traces)) == len(traces)
        problems = {n: problem for n, one in enumerate(inputs) if (problem := self._problem(kind, one, how))}
        if problems and not multi:
            return _error(400, "VALIDATION_ERROR", next(iter(problems.values()))[1])
        results = [self._put(kind, one, how) for n, one in enumerate(inputs) if n not in problems]
        errors = [
            {
                "status": "error",
                "category": category,
                "message": message,
                "context": {"objectWriteTraceId": [traces[n]]},
            }
            for n, (category, message) in problems.items()
        ]
        if errors:
            return (
                207,
                {},
                {"status": "COMPLETE", "results": results, "numErrors": len(errors), "errors": errors},
            )
        return (201 if how == "create" else 200), {}, {"status": "COMPLETE", "results": results}

    def _problem(self, kind: str, one: Any, how: str) -> tuple[str, str] | None:
        properties = one["properties"]
        if not all(isinstance(value, str) for value in properties.values()):
            return "VALIDATION_ERROR", "Invalid input JSON: property values are strings"
        if unknown := set(properties) - KNOWN:
            return (
                "VALIDATION_ERROR",
                f"Property values were not valid: PROPERTY_DOESNT_EXIST {sorted(unknown)}",
            )
        if how == "upsert" and one.get("idProperty") not in UNIQUE[kind]:
            return "VALIDATION_ERROR", "idProperty must be a property with unique values"
        email = properties.get("email") or (one.get("id") if one.get("idProperty") == "email" else None)
        if email and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", email.lower()):
            return "VALIDATION_ERROR", f"Property values were not valid: INVALID_EMAIL {email}"
        if how == "create" and self._find(kind, "email", properties.get("email")):
            return (
                "CONFLICT",
                f"Contact already exists. Existing ID: {self._find(kind, 'email', properties['email'])}",
            )
        if how == "update" and one["id"] not in self.objects[kind]:
            return "OBJECT_NOT_FOUND", "Could not find the object"
        return None

    def _find(self, kind: str, name: str, value: str | None) -> str | None:
        wanted = (value or "").lower()
        return next(
            (
                key
                for key, held in self.objects[kind].items()
                if wanted and held.get(name, "").lower() == wanted
            ),
            None,
        )

    def _put(self, kind: str, one: Any, how: str) -> dict[str, Any]:
        found = one["id"] if how == "update" else None
        if how == "upsert":
            found = self._find(kind, one["idProperty"], one["id"])
        new = found is None
        if found is None:
            found, self.next_id = str(self.next_id), self.next_id + 1
            self.objects[kind][found] = {one["idProperty"]: one["id"]} if how == "upsert" else {}
        self.objects[kind][found] |= one["properties"]
        return {
            "id": found,
            "new": new,
            "properties": self.objects[kind][found],
            "objectWriteTraceId": one.get("objectWriteTraceId"),
        }

    def _read(self, kind: str, body: Any, inputs: list[Any], how: str) -> Answer:
        if (
            set(body) - {"inputs", "idProperty", "properties", "propertiesWithHistory"}
            or set(body["properties"]) - KNOWN
        ):
            return _error(400, "VALIDATION_ERROR", "unknown property")
        results, lost = [], []
        for one in inputs:
            found = self._find(kind, body["idProperty"], one["id"])
            if found is None:
                lost.append(one["id"])
            else:
                held = self.objects[kind][found]
                results.append(
                    {"id": found, "properties": {name: held.get(name) for name in body["properties"]}}
                )
        if not lost:
            return 200, {}, {"status": "COMPLETE", "results": results}
        error = {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "not found",
            "context": {"ids": lost},
        }
        return 207, {}, {"status": "COMPLETE", "results": results, "numErrors": 1, "errors": [error]}

    def _archive(self, kind: str, body: Any, inputs: list[Any], how: str) -> Answer:
        if any(set(one) != {"id"} or not one["id"].isdigit() for one in inputs):
            return _error(400, "VALIDATION_ERROR", "ids are numbers")
        for one in inputs:
            self.objects[kind].pop(one["id"], None)
            self.archived.append(one["id"])
        return 204, {}, None

    def _associate(self, one: str, other: str, inputs: Any) -> Answer:
        for pair in inputs:
            if pair["from"]["id"] not in self.objects[one] or pair["to"]["id"] not in self.objects[other]:
                return _error(400, "VALIDATION_ERROR", "association of unknown objects")
            self.links.append((pair["from"]["id"], pair["to"]["id"]))
        return 200, {}, {"status": "COMPLETE", "results": []}


def _error(status: int, category: str, message: str) -> Answer:
    return status, {}, {"status": "error", "category": category, "message": message, "correlationId": "c-1"}
