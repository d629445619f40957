"""Meta custom audiences: people of one customer file audience are added and removed, as hashes.

https://developers.facebook.com/docs/marketing-api/reference/custom-audience/users: POST and DELETE of
`payload={"schema": [...], "data": [[...], ...]}`, at most 10,000 records a request; keys that a person lacks are empty.
https://developers.facebook.com/docs/graph-api/guides/error-handling and .../overview/rate-limiting: errors are 400 with a
code; 4, 17, 32, 613 and 80003 are limits, with minutes to wait in X-Business-Use-Case-Usage.

Columns: email, phone, first_name, last_name, gender, birth_date, city, region, postal_code, country.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import Field

from pipelines.exports.destinations import audiences, hashing
from pipelines.exports.destinations.answers import again, closed_for
from pipelines.exports.destinations.audiences import Audience, AudienceOptions, Member
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import HttpClient, Reply, Verdict
from pipelines.exports.destinations.options import Address, Token

LIMITS = (4, 17, 32, 613, 80003, 80004)
PASSING = (1, 2)
# the token, its permissions, or the audience itself: every other request would end the same way
HOPELESS = (10, 102, 104, 190, 200, 294, 368)
BLOCKED_AUDIENCE = 1713230
ALONE = ("EMAIL", "PHONE")
SCHEMA = ("EMAIL", "PHONE", "FN", "LN", "GEN", "DOBY", "DOBM", "DOBD", "CT", "ST", "ZIP", "COUNTRY")


class MetaOptions(AudienceOptions):
    """Options of type `meta_custom_audiences`."""

    access_token: Token
    audience_id: str = Field(pattern=r"^\d+$")
    api_version: str = Field("v23.0", pattern=r"^v\d+\.0$")
    base_url: Address = "https://graph.facebook.com"


def judge(response: httpx.Response) -> Verdict:
    """Meta says in the body what other APIs say by the status."""
    error = _error(response)
    if error.get("code") in LIMITS:
        minutes = _minutes(response.headers.get("X-Business-Use-Case-Usage"))
        return Verdict(again=True, wait=minutes * 60.0 if minutes else closed_for(response))
    if error.get("code") in PASSING or error.get("is_transient") is True:
        return Verdict(again=True, wait=closed_for(response))
    return Verdict(again(response.status_code), closed_for(response))


class MetaCustomAudience(Audience):
    """One custom audience."""

    options: MetaOptions

    def __init__(self, options: MetaOptions, opening: Opening) -> None:
        headers = {
            "Authorization": f"Bearer {options.access_token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        super().__init__(options, HttpClient(options, headers, [options.access_token], judge=judge))

    def member(self, row: Mapping[str, Any]) -> Member | str:
        """Hashes by the names of Meta's schema."""
        day = re.match(r"(\d{4})-(\d\d)-(\d\d)", str(row.get("birth_date") or ""))
        phone = partial(hashing.meta_phone, calling_code=self.options.calling_code)
        found = {
            "EMAIL": hashing.hashed(_first(row, "email"), hashing.meta_email),
            "PHONE": hashing.hashed(_first(row, "phone"), phone),
            "FN": hashing.hashed(row.get("first_name"), hashing.meta_name),
            "LN": hashing.hashed(row.get("last_name"), hashing.meta_name),
            "GEN": hashing.hashed(row.get("gender"), hashing.meta_gender),
            "DOBY": hashing.hashed(day and day[1], str),
            "DOBM": hashing.hashed(day and day[2], str),
            "DOBD": hashing.hashed(day and day[3], str),
            "CT": hashing.hashed(row.get("city"), hashing.meta_place),
            "ST": hashing.hashed(row.get("region"), hashing.meta_place),
            "ZIP": hashing.hashed(row.get("postal_code"), hashing.meta_postal_code),
            "COUNTRY": hashing.hashed(row.get("country"), hashing.meta_country),
        }
        member = {name: value for name, value in found.items() if value}
        named = "FN" in member and "LN" in member
        # a country or a birthday alone is nobody
        return member if set(ALONE) & set(member) or named else "no email, phone or full name to hash"

    def marks(self, member: Member) -> list[str]:
        """Address and phone find a person each; names only all together."""
        alone = [f"{name} {member[name]}" for name in ALONE if name in member]
        return alone or [json.dumps(member, sort_keys=True)]

    def without(self, member: Member, taken: Collection[str]) -> Member | None:
        """Without an address or a phone that somebody else has; names alone would find others."""
        kept = [mark for mark in self.marks(member) if mark not in taken]
        if not kept:
            return None
        return {
            name: value for name, value in member.items() if name not in ALONE or f"{name} {value}" in kept
        }

    def change(self, how: str, operations: Sequence[Operation], members: Sequence[Member]) -> list[Result]:
        """POST or DELETE; entries that Meta calls invalid are found by halving, as it does not say whose they are."""
        schema = [name for name in SCHEMA if any(name in member for member in members)]
        data = [[member.get(name, "") for name in schema] for member in members]
        content = urlencode({"payload": json.dumps({"schema": schema, "data": data}, separators=(",", ":"))})
        url = f"{self.options.base_url}/{self.options.api_version}/{self.options.audience_id}/users"
        reply = self.client.request("POST" if how == "add" else "DELETE", url, content.encode())
        if reply.response is None or not reply.is_final:
            return self.failed(operations, reply)
        if not reply.response.is_success:
            return self._refused(operations, reply)
        if not _invalid(reply.response):
            return audiences.taken(operations)
        if len(operations) == 1:
            return [Result(operations[0].key, ok=False, reason="Meta calls the entry invalid")]
        middle = len(operations) // 2
        return self.change(how, operations[:middle], members[:middle]) + self.change(
            how, operations[middle:], members[middle:]
        )

    def _refused(self, operations: Sequence[Operation], reply: Reply) -> list[Result]:
        results = self.failed(operations, reply)
        error = _error(reply.response) if reply.response is not None else {}
        if error.get("code") in HOPELESS or error.get("error_subcode") == BLOCKED_AUDIENCE:
            self.client.stopped = results[0].reason
            return [Result(one.key, ok=False, reason=one.reason) for one in results]
        return results


def _first(row: Mapping[str, Any], column: str) -> Any:
    values = hashing.values_of(row.get(column))
    return values[0] if values else None


def _error(response: httpx.Response) -> dict[str, Any]:
    if response.is_success:
        return {}
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _invalid(response: httpx.Response) -> int:
    try:
        return int(response.json().get("num_invalid_entries") or 0)
    except (ValueError, AttributeError, TypeError):
        return 0


def _minutes(usage: str | None) -> float:
    """The longest `estimated_time_to_regain_access` of the header."""
    try:
        uses = [one for each in json.loads(usage or "{}").values() for one in each]
        return max((float(one.get("estimated_time_to_regain_access") or 0) for one in uses), default=0.0)
    except (ValueError, AttributeError, TypeError):
        return 0.0


KIND = Kind(options=MetaOptions, modes=audiences.MODES, open_rows=MetaCustomAudience)
