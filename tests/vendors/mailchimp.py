"""Mailchimp's Marketing API 3.0, one list.

https://mailchimp.com/developer/marketing/api/lists/batch-subscribe-or-unsubscribe/
https://mailchimp.com/developer/marketing/api/list-members/ (update, archive, delete-permanent)
https://mailchimp.com/developer/marketing/docs/errors/
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import Answer, Call

KEY = "0123456789abcdef0123456789abcdef-us6"
MERGE = {"FNAME", "LNAME", "REVENUE"}
MEMBER = {"email_address", "email_type", "status", "merge_fields", "tags", "language", "vip"}


@dataclass
class Mailchimp:
    """Members by subscriber hash; those in `left` unsubscribed themselves."""

    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)

    def __call__(self, call: Call) -> Answer:
        """Answer a request."""
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic" or base64.b64decode(token).decode().partition(":")[2] != KEY:
            return _problem(401, "API Key Invalid")
        if call.path == "/3.0/lists/abc123" and call.method == "POST":
            return self._batch(call.json)
        match = re.fullmatch(
            r"/3\.0/lists/abc123/members/([0-9a-f]{32})(/actions/delete-permanent)?", call.path
        )
        if not match:
            return _problem(404, "Resource Not Found")
        return self._one(call, match[1], bool(match[2]))

    def _one(self, call: Call, name: str, forever: bool) -> Answer:
        if name not in self.members:
            return _problem(404, "Resource Not Found")
        if call.method == "PATCH" and set(call.json) == {"status"} and call.json["status"] == "unsubscribed":
            self.members[name]["status"] = "unsubscribed"
            return 200, {}, self.members[name]
        if call.method == "DELETE" and not forever:
            self.members[name]["status"] = "archived"
            return 204, {}, None
        if call.method == "POST" and forever:
            del self.members[name]
            self.deleted.add(name)
            return 204, {}, None
        return _problem(405, "Method Not Allowed")

    def _batch(self, body: Any) -> Answer:
        members = body.get("members")
        if set(body) - {"members", "update_existing", "sync_tags"} or not isinstance(members, list):
            return _problem(400, "Invalid Resource")
        if not 0 < len(members) <= 500 or any(set(one) - MEMBER for one in members):
            return _problem(400, "Invalid Resource")
        addresses = [one["email_address"].lower() for one in members]
        errors = []
        for one in members:
            code = self._problem(one, body.get("update_existing", False), addresses)
            if code:
                errors.append(
                    {
                        "email_address": one["email_address"],
                        "error": f"{one['email_address']}: {code}",
                        "error_code": code,
                    }
                )
        return 200, {}, {"new_members": [], "errors": errors, "error_count": len(errors)}

    def _problem(self, one: Any, update: bool, addresses: list[str]) -> str | None:
        email = one["email_address"].lower()
        name = hashlib.md5(email.encode()).hexdigest()
        if addresses.count(email) > 1:
            return "ERROR_DUPLICATE_EMAIL"
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[a-z]+", email) or email.endswith("@example.com"):
            return "ERROR_GENERIC"
        if name in self.left or name in self.deleted:
            return "ERROR_CONTACT_COMPLIANCE_STATE"
        if set(one.get("merge_fields", {})) - MERGE or None in one.get("merge_fields", {}).values():
            return "ERROR_MERGE_FIELD"
        if name in self.members and not update:
            return "ERROR_CONTACT_EXISTS"
        self.members[name] = self.members.get(name, {}) | one
        return None


def _problem(status: int, title: str) -> Answer:
    return (
        status,
        {},
        {"type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": title, "status": status},
    )
