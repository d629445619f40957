"""Mailchimp: the members of one audience (list), with their merge fields and tags.

Chosen over Brevo: one request carries 500 rows and answers for each of them at once, where Brevo's bulk endpoint answers
with the number of a process, so that the ledger would not know what was refused.
https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/: POST /lists/{list_id}, at most 500
members; 200 also when some were refused, with `errors` (email_address, error, error_code).
https://mailchimp.com/developer/marketing/docs/fundamentals/: HTTP Basic with the key, whose ending names the data centre;
10 connections at once, then 429.
https://mailchimp.com/developer/marketing/docs/methods-parameters/: the subscriber hash, MD5 of the address in lower case.

Removal goes by the hash that the ledger holds: `unsubscribe` (default), `archive` or `delete` (Mailchimp then refuses the
address for ever unless the person signs up); an address of two people leaves with the last of them. Whoever unsubscribed
there stays so: Mailchimp refuses to subscribe them.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from pipelines.exports.destinations import exact, hashing, records
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import HttpClient, HttpDestination, Reply, refused, shared
from pipelines.exports.destinations.options import Address, HttpOptions, Token

LIMIT = 500
HASH_DIGITS = 32


class MailchimpOptions(HttpOptions):
    """Options of type `mailchimp`. `fields` maps columns to merge fields (FNAME, LNAME, ...); only those are sent."""

    api_key: Token
    list_id: str = Field(pattern=r"^[0-9a-zA-Z]+$")
    email: str = "email"
    fields: dict[str, str] = Field({})
    tags: list[str] = Field([])
    status: Literal["subscribed", "pending", "transactional"] = "subscribed"
    on_removal: Literal["unsubscribe", "archive", "delete"] = "unsubscribe"
    base_url: Address | None = None
    batch_size: int = Field(LIMIT, ge=1, le=LIMIT)

    @field_validator("api_key")
    @classmethod
    def _names_its_centre(cls, value: str) -> str:
        if not value.startswith("${") and not value.rpartition("-")[2].isalnum():
            raise ValueError("must end with the data centre, as in ...-us6")
        return value

    @property
    def root(self) -> str:
        """The address of the list."""
        base = self.base_url or f"https://{self.api_key.rpartition('-')[2]}.api.mailchimp.com"
        return f"{base}/3.0/lists/{self.list_id}"


class Mailchimp(HttpDestination):
    """One list."""

    options: MailchimpOptions

    def __init__(self, options: MailchimpOptions, opening: Opening) -> None:
        basic = base64.b64encode(f"cdp:{options.api_key}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        super().__init__(options, HttpClient(options, headers, [options.api_key]))

    def known_as(self, operation: Operation) -> str | None:
        """The subscriber hashes that the list may have of this row, the newest last."""
        email = self._email(operation)
        if not email:
            return None
        held = _hashes(operation.destination_key)
        return " ".join([*(one for one in held if one != _hash(email)), _hash(email)])

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Take out who leaves and the former address of whoever changed it, then put the others in."""
        results, due, emails, leaving = [], [], {}, {}
        for op in operations:
            emails[op.key] = email = self._email(op)
            leaving[op.key] = [one for one in _hashes(op.destination_key) if not email or one != _hash(email)]
        found = self.others({one for each in leaving.values() for one in each}, operations)
        taken = {_hash(email) for email in emails.values() if email}
        taken |= {one for key in found for one in _hashes(key)}
        for op in operations:
            alone = [one for one in leaving[op.key] if one not in taken]
            if op.operation == "remove":
                results.append(shared(op) if leaving[op.key] and not alone else self._remove(op, alone))
            elif not emails[op.key]:
                results.append(refused(op, f"no address in `{self.options.email}`"))
            else:
                gone = self._remove(op, alone)
                if gone.ok:
                    due.append(op)
                else:
                    results.append(gone)
        known = {op.key: str(emails[op.key]) for op in due}
        for group in records.rounds(due, known):
            results += self._subscribe(group, known)
        return results

    def _email(self, operation: Operation) -> str | None:
        found = exact.loads(operation.payload).get(self.options.email)
        return hashing.meta_email(str(found)) if found else None

    def _subscribe(self, operations: Sequence[Operation], emails: Mapping[str, str]) -> list[Result]:
        members = [self._member(op, emails[op.key]) for op in operations]
        creates_only = operations[0].mode == "create_only"
        body = {"members": members, "update_existing": not creates_only, "sync_tags": False}
        reply = self.client.request(
            "POST", f"{self.options.root}?skip_merge_validation=true", exact.dumps(body).encode()
        )
        if reply.response is None or not reply.is_final or not reply.response.is_success:
            return self.failed(operations, reply)
        errors = {
            str(one.get("email_address")).lower(): one for one in reply.response.json().get("errors") or []
        }
        return [self._answer(op, emails[op.key], errors.get(emails[op.key])) for op in operations]

    def _answer(self, operation: Operation, email: str, error: Mapping[str, Any] | None) -> Result:
        if error is None:
            return Result(operation.key, ok=True, destination_key=_hash(email))
        if operation.mode == "create_only" and error.get("error_code") == "ERROR_CONTACT_EXISTS":
            return records.skipped(operation, _hash(email))
        said = f"{error.get('error_code', '')} {error.get('error', '')}".strip()
        return refused(operation, self.reason([operation], said))

    def _member(self, operation: Operation, email: str) -> dict[str, Any]:
        row = exact.loads(operation.payload)
        # a merge field takes no null: the empty text clears it
        merged = {
            name: "" if row.get(column) is None else row[column]
            for column, name in self.options.fields.items()
        }
        member: dict[str, Any] = {"email_address": email, "email_type": "html", "status": self.options.status}
        return (
            member
            | ({"merge_fields": merged} if merged else {})
            | ({"tags": self.options.tags} if self.options.tags else {})
        )

    def _remove(self, operation: Operation, hashes: Sequence[str]) -> Result:
        """One request a subscriber; who is not there is gone already."""
        for one in hashes:
            reply = self._request_removal(f"{self.options.root}/members/{one}")
            gone = reply.response is not None and reply.response.status_code in (404, 405)
            if not (reply.is_final and reply.response is not None and (reply.response.is_success or gone)):
                return self.failed([operation], reply)[0]
        return Result(operation.key, ok=True)

    def _request_removal(self, url: str) -> Reply:
        if self.options.on_removal == "unsubscribe":
            return self.client.request("PATCH", url, b'{"status":"unsubscribed"}')
        if self.options.on_removal == "archive":
            return self.client.request("DELETE", url)
        return self.client.request("POST", f"{url}/actions/delete-permanent")


def _hash(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def _hashes(destination_key: str) -> list[str]:
    """The subscriber hashes behind a destination key; none for a key that was never uploaded."""
    parts = destination_key.split(" ")
    return (
        parts
        if all(len(one) == HASH_DIGITS and not set(one) - set("0123456789abcdef") for one in parts)
        else []
    )


KIND = Kind(
    options=MailchimpOptions, modes=("upsert", "create_only", "mirror", "membership"), open_rows=Mailchimp
)
