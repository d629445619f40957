"""Google Customer Match by the Data Manager API: members of one user list are ingested and removed, as hashes.

https://developers.google.com/data-manager/api/reference/rest/v1/audienceMembers/ingest (and /remove)
https://developers.google.com/data-manager/api/devguides/limits: 10,000 members a request, 10 identifiers a member,
300 requests a minute for a project; beyond it 429 RESOURCE_EXHAUSTED.

Columns: email, phone (each may be a list), first_name, last_name, country, postal_code; the last four count together or not
at all, country and postal code are not hashed. Google accepts a member only with consent for ad user data and ad
personalisation: the options say it for all rows, columns ad_user_data and ad_personalization for single ones.
An accepted request is processed later; what Google then matches is not told row by row.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self

import httpx
from pydantic import Field, model_validator

from pipelines.exports.destinations import audiences, exact, hashing
from pipelines.exports.destinations.audiences import Audience, AudienceOptions, Member
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import HttpClient, bearer, refused
from pipelines.exports.destinations.options import Address, Rate, RateLimit, Token

MOST_IDENTIFIERS = 10
INDEX = re.compile(r"audience_?[mM]embers[^\[]*\[(\d+)\]")
Consent = Literal["granted", "denied"]


class GoogleOptions(AudienceOptions):
    """Options of type `google_customer_match`; a token, or client id, secret and refresh token."""

    customer_id: str = Field(pattern=r"^\d{3}-?\d{3}-?\d{4}$")
    login_customer_id: str | None = Field(None, pattern=r"^\d{3}-?\d{3}-?\d{4}$")
    audience_id: str = Field(pattern=r"^\d+$")
    ad_user_data: Consent
    ad_personalization: Consent
    terms_accepted: Literal[True]
    access_token: Token | None = None
    client_id: Token | None = None
    client_secret: Token | None = None
    refresh_token: Token | None = None
    base_url: Address = "https://datamanager.googleapis.com"
    token_url: Address = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    rate_limit: RateLimit = Rate(requests=300, seconds=60)

    @model_validator(mode="after")
    def _has_credentials(self) -> Self:
        if not self.access_token and not (self.client_id and self.client_secret and self.refresh_token):
            raise ValueError(
                "option `access_token` is missing, or `client_id`, `client_secret` and `refresh_token`"
            )
        return self


class GoogleCustomerMatch(Audience):
    """One user list of one account."""

    options: GoogleOptions

    def __init__(self, options: GoogleOptions, opening: Opening) -> None:
        headers = {"Content-Type": "application/json"}
        if options.access_token:
            headers["Authorization"] = f"Bearer {options.access_token}"
        secrets = [one or "" for one in (options.access_token, options.client_secret, options.refresh_token)]
        ask = None if options.access_token else self._ask
        super().__init__(options, HttpClient(options, headers, secrets, authorise=ask))

    def member(self, row: Mapping[str, Any]) -> Member | str:
        """User identifiers, hashed where Google wants them hashed."""
        for name in ("ad_user_data", "ad_personalization"):
            if row.get(name) is not None and not _is_granted(row[name]):
                return f"consent for `{name}` is not granted"
            if name not in row and getattr(self.options, name) == "denied":
                return f"consent for `{name}` is not granted"
        phone = partial(hashing.google_phone, calling_code=self.options.calling_code)
        found: list[dict[str, Any]] = []
        for column, kind, normalise in (
            ("email", "emailAddress", hashing.google_email),
            ("phone", "phoneNumber", phone),
        ):
            hashes = [hashing.hashed(value, normalise) for value in hashing.values_of(row.get(column))]
            found += [{kind: one} for one in dict.fromkeys(hashes) if one]
        if address := _address(row):
            found.append({"address": address})
        return (
            {"userIdentifiers": found[:MOST_IDENTIFIERS]} if found else "no email, phone or address to hash"
        )

    def marks(self, member: Member) -> list[str]:
        """Google finds a member by each identifier alone."""
        return [_text(one) for one in member["userIdentifiers"]]

    def without(self, member: Member, taken: Collection[str]) -> Member | None:
        """The identifiers that are nobody else's."""
        left = [one for one in member["userIdentifiers"] if _text(one) not in taken]
        return {"userIdentifiers": left} if left else None

    def change(self, how: str, operations: Sequence[Operation], members: Sequence[Member]) -> list[Result]:
        """Ingest or remove; rows that Google names are refused alone, and the others sent without them."""
        body: dict[str, Any] = {
            "destinations": [self._destination()],
            "audienceMembers": [{"userData": member} for member in members],
            "encoding": "HEX",
        }
        if how == "add":
            body["consent"] = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
            body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
        method = "ingest" if how == "add" else "remove"
        url = f"{self.options.base_url}/v1/audienceMembers:{method}"
        reply = self.client.request("POST", url, exact.dumps(body).encode())
        if reply.response is None or not reply.is_final:
            return self.failed(operations, reply)
        if reply.response.is_success:
            return audiences.taken(operations)
        named = _named(reply.response)
        if not named or len(named) == len(members):
            return self.failed(operations, reply)
        bad = {operations[n].key: said for n, said in named.items() if n < len(operations)}
        good = [n for n, op in enumerate(operations) if op.key not in bad]
        once = {op.key: op for op in operations if op.key in bad}
        results = [refused(op, self.reason([op], bad[key])) for key, op in once.items()]
        return results + (
            self.change(how, [operations[n] for n in good], [members[n] for n in good]) if good else []
        )

    def _destination(self) -> dict[str, Any]:
        account = {"accountType": "GOOGLE_ADS", "accountId": self.options.customer_id.replace("-", "")}
        one: dict[str, Any] = {"operatingAccount": account, "productDestinationId": self.options.audience_id}
        if self.options.login_customer_id:
            login = self.options.login_customer_id.replace("-", "")
            one["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login}
        return one

    def _ask(self, client: HttpClient) -> Mapping[str, str] | None:
        """https://developers.google.com/identity/protocols/oauth2/web-server#offline."""
        form = {
            "grant_type": "refresh_token",
            "client_id": self.options.client_id or "",
            "client_secret": self.options.client_secret or "",
            "refresh_token": self.options.refresh_token or "",
        }
        return bearer(client, self.options.token_url, form)


def _address(row: Mapping[str, Any]) -> dict[str, str] | None:
    """Name, country and postal code together; null unless all four are there."""
    parts = {
        "givenName": hashing.hashed(row.get("first_name"), hashing.google_name),
        "familyName": hashing.hashed(row.get("last_name"), hashing.google_name),
        "regionCode": str(row.get("country") or "").strip().upper(),
        "postalCode": str(row.get("postal_code") or "").strip(),
    }
    if not all(parts.values()) or not re.fullmatch(r"[A-Z]{2}", str(parts["regionCode"])):
        return None
    return {name: str(value) for name, value in parts.items()}


def _text(identifier: Mapping[str, Any]) -> str:
    return json.dumps(identifier, sort_keys=True)


def _is_granted(value: Any) -> bool:
    return value is True or str(value).strip().lower() in ("granted", "consent_granted", "true")


def _named(response: httpx.Response) -> dict[int, str]:
    """Members that the error names, by their place in the request."""
    found = {}
    try:
        details = response.json()["error"].get("details") or []
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    for violation in (one for detail in details for one in detail.get("fieldViolations") or []):
        if match := INDEX.search(str(violation.get("field"))):
            found[int(match[1])] = f"{violation.get('reason', '')} {violation.get('description', '')}".strip()
    return found


KIND = Kind(options=GoogleOptions, modes=audiences.MODES, open_rows=GoogleCustomerMatch)
