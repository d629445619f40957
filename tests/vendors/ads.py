"""The lists of two ad platforms.

Google: https://developers.google.com/data-manager/api/reference/rest/v1/audienceMembers/ingest and /remove,
https://developers.google.com/data-manager/api/reference/rest/v1/ErrorReason, .../devguides/limits
Meta: https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users,
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.loopback import Answer, Call

SHA = re.compile(r"[0-9a-f]{64}")
GOOGLE_TOKEN, META_TOKEN = "ya29.s3cr3t", "EAAs3cr3ttoken"
# what either platform needs to be told, beside its address
OPTIONS: dict[str, dict[str, Any]] = {
    "google_customer_match": {
        "customer_id": "123-456-7890",
        "audience_id": "777",
        "ad_user_data": "granted",
        "ad_personalization": "granted",
        "terms_accepted": True,
        "access_token": GOOGLE_TOKEN,
        "rate_limit": None,
    },
    "meta_custom_audiences": {"audience_id": "123456", "access_token": META_TOKEN},
}
GRANTED = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
META_KEYS = {"EMAIL", "PHONE", "FN", "LN", "GEN", "DOBY", "DOBM", "DOBD", "CT", "ST", "ZIP", "COUNTRY"}


@dataclass
class Google:
    """One user list; members are sets of identifiers. `bad` hashes are refused by name."""

    bad: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)

    def __call__(self, call: Call) -> Answer:
        """Answer a request."""
        if call.path == "/token":
            form = parse_qs(call.body.decode())
            good = form.get("grant_type") == ["refresh_token"] and form.get("refresh_token") == ["1//s3cr3t"]
            return (
                (200, {}, {"access_token": GOOGLE_TOKEN}) if good else (400, {}, {"error": "invalid_grant"})
            )
        if call.headers.get("Authorization") != f"Bearer {GOOGLE_TOKEN}":
            return (
                401,
                {},
                {"error": {"code": 401, "message": "Request had invalid authentication credentials."}},
            )
        match = re.fullmatch(r"/v1/audienceMembers:(ingest|remove)", call.path)
        if not match or call.method != "POST" or call.headers.get("Content-Type") != "application/json":
            return 404, {}, {"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}}
        body = call.json
        allowed = {"destinations", "audienceMembers", "encoding", "validateOnly", "encryptionInfo"}
        if match[1] == "ingest":
            allowed |= {"consent", "termsOfService"}
        problems = self._request(body, allowed, match[1])
        members = body.get("audienceMembers", [])
        for n, member in enumerate(members):
            problems += [(f"audience_members[{n}].{path}", why) for path, why in self._member(member)]
        if problems:
            violations = [
                {"field": path, "reason": why, "description": f"{why} at {path}"} for path, why in problems
            ]
            error = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
            said = "There was a problem with the request."
            return (
                400,
                {},
                {"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT", "details": [error]}},
            )
        for member in members:
            for one in member["userData"]["userIdentifiers"]:
                name = json.dumps(one, sort_keys=True)
                (self.members.add if match[1] == "ingest" else self.members.discard)(name)
        return 200, {}, {"requestId": "126365e1-16d0-4c81-9de9-f362711e250a"}

    def _request(self, body: Any, allowed: set[str], how: str) -> list[tuple[str, str]]:
        found = [(name, "INVALID_ARGUMENT") for name in set(body) - allowed]
        if not 0 < len(body.get("audienceMembers", [])) <= 10_000:
            found.append(("audience_members", "TOO_MANY_AUDIENCE_MEMBERS"))
        if how == "ingest" and body.get("consent") != GRANTED:
            found.append(("consent", "INVALID_ARGUMENT"))
        terms = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        if how == "ingest" and body.get("termsOfService") != terms:
            found.append(("terms_of_service", "DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS"))
        if body.get("encoding") != "HEX":
            found.append(("encoding", "REQUIRED_FIELD_MISSING"))
        for one in body.get("destinations", []):
            account = one.get("operatingAccount", {})
            if account.get("accountType") != "GOOGLE_ADS" or not account.get("accountId", "").isdigit():
                found.append(("destinations[0].operating_account", "INVALID_DESTINATION"))
            if not one.get("productDestinationId", "").isdigit():
                found.append(("destinations[0].product_destination_id", "INVALID_DESTINATION"))
        return found if body.get("destinations") else [*found, ("destinations", "REQUIRED_FIELD_MISSING")]

    def _member(self, member: Any) -> list[tuple[str, str]]:
        identifiers = member.get("userData", {}).get("userIdentifiers", [])
        if set(member) - {"userData", "consent"} or not 0 < len(identifiers) <= 10:
            return [("user_data", "TOO_MANY_USER_IDENTIFIERS")]
        found = []
        for n, one in enumerate(identifiers):
            path = f"user_data.user_identifiers[{n}]"
            ((kind, value),) = one.items()
            if kind == "address":
                hashes = [value.get("givenName", ""), value.get("familyName", "")]
                if not re.fullmatch(r"[A-Z]{2}", value.get("regionCode", "")):
                    found.append((f"{path}.address.region_code", "INVALID_COUNTRY_CODE"))
                if not value.get("postalCode") or SHA.fullmatch(value["postalCode"]):
                    found.append((f"{path}.address.postal_code", "INVALID_POSTAL_CODE"))
            elif kind in ("emailAddress", "phoneNumber"):
                hashes = [value]
            else:
                return [(path, "INVALID_ARGUMENT")]
            if not all(SHA.fullmatch(one) and one not in self.bad for one in hashes):
                found.append((f"{path}.{kind}", "INVALID_SHA256_FORMAT"))
        return found


@dataclass
class Meta:
    """One audience. `invalid` hashes are counted as invalid entries; `failure` is answered instead while it is set."""

    invalid: set[str] = field(default_factory=set)
    failure: Answer | None = None
    people: set[str] = field(default_factory=set)
    found_by: dict[str, set[str]] = field(default_factory=dict)

    def __call__(self, call: Call) -> Answer:
        """Answer a request."""
        if self.failure:
            return self.failure
        if call.headers.get("Authorization") != f"Bearer {META_TOKEN}":
            return _meta(190, "Invalid OAuth access token.")
        if call.path != "/v23.0/123456/users" or call.method not in ("POST", "DELETE"):
            return _meta(100, "Unsupported request")
        form = parse_qs(call.body.decode(), strict_parsing=True)
        payload = json.loads(form["payload"][0])
        schema, data = payload["schema"], payload["data"]
        if set(form) - {"payload", "session"} or set(payload) - {"schema", "data", "is_raw", "data_source"}:
            return _meta(100, "Invalid parameter")
        if not schema or set(schema) - META_KEYS or not 0 < len(data) <= 10_000:
            return _meta(100, "Invalid parameter: at most 10000 users, known schema")
        if any(len(row) != len(schema) for row in data):
            return _meta(100, "Invalid parameter: row does not fit the schema")
        if any(value and not SHA.fullmatch(value) for row in data for value in row):
            return _meta(100, "Invalid parameter: values are not hashed")
        bad = [row for row in data if self.invalid & set(row)]
        for row in (row for row in data if row not in bad):
            person = {key: value for key, value in zip(schema, row, strict=True) if value}
            name = json.dumps(person, sort_keys=True)
            # an address or a phone alone finds a person, whoever was meant; names only all together
            alone = [f"{key} {person[key]}" for key in ("EMAIL", "PHONE") if key in person]
            for mark in alone or [name]:
                if call.method == "POST":
                    self.people.add(name)
                    self.found_by.setdefault(mark, set()).add(name)
                else:
                    self.people -= self.found_by.pop(mark, set())
        return (
            200,
            {},
            {
                "audience_id": "123456",
                "session_id": "1",
                "num_received": len(data),
                "num_invalid_entries": len(bad),
            },
        )


def _meta(code: int, message: str) -> Answer:
    error = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1"}
    return (400 if code != 190 else 401), {}, {"error": error}
