"""What lists of ad platforms have in common: members are hashes, and a change of address is one removal and one addition.

A member is known by what was uploaded of it. That is its `destination_key`: a JSON list of members, hashes only, noted
before the request (`known_as`), so that a withdrawal finds whatever a killed or unanswered run may have left there.
Two people with one address are one member: it is taken out with the last of them.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import Field

from pipelines.exports.destinations import exact
from pipelines.exports.destinations.base import Operation, Result
from pipelines.exports.destinations.client import HttpDestination, accepted, refused, shared
from pipelines.exports.destinations.options import HttpOptions

MODES = ("upsert", "mirror", "membership")
LIMIT = 10_000
Member = dict[str, Any]
HASH = re.compile(r"[0-9a-f]{64}")


class AudienceOptions(HttpOptions):
    """What ad platforms share. `calling_code` makes national phone numbers international (84 for 0901 ...)."""

    calling_code: str | None = Field(None, pattern=r"^[1-9]\d{0,2}$")
    batch_size: int = Field(LIMIT, ge=1, le=LIMIT)


class Audience(HttpDestination, ABC):
    """One list. A platform says what a member is, and how members are added and removed."""

    @abstractmethod
    def member(self, row: Mapping[str, Any]) -> Member | str:
        """The member of a row, hashed, or why there is none."""

    @abstractmethod
    def change(self, how: str, operations: Sequence[Operation], members: Sequence[Member]) -> list[Result]:
        """`add` or `remove` members, several of one operation included; an answer for each operation."""

    @abstractmethod
    def marks(self, member: Member) -> list[str]:
        """By what the platform finds a member, each mark as text."""

    @abstractmethod
    def without(self, member: Member, taken: Collection[str]) -> Member | None:
        """The member without the marks that are others' too; None when nothing is left to find it by."""

    def known_as(self, operation: Operation) -> str | None:
        """All that the platform may know the row by once the request has left."""
        member = self.member(exact.loads(operation.payload)) if operation.operation != "remove" else ""
        if isinstance(member, str):
            return None
        held = uploaded(operation.destination_key)
        return _text([*held, *([] if member in held else [member])])

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Take out who leaves and what has changed, then put in what should be there."""
        results, leaving, coming = [], [], []
        for op in operations:
            held = uploaded(op.destination_key)
            if op.operation == "remove":
                if held:
                    leaving.append((op, held))
                else:
                    # nothing of this row has ever left: there was no member to make of it, or no request was made
                    results.append(Result(op.key, ok=True))
                continue
            member = self.member(exact.loads(op.payload))
            if isinstance(member, str):
                results.append(refused(op, member))
                continue
            if old := [one for one in held if one != member]:
                leaving.append((op, old))
            coming.append((op, member))
        going = self._alone(operations, leaving, [member for _, member in coming])
        results += [shared(op) for op, members in going if not members and op.operation == "remove"]
        removed = self._all("remove", [one for one in going if one[1]])
        lost = {one.key for one in removed if not one.ok}
        stay = {op.key for op, _ in coming}
        results += [one for one in removed if one.key in lost or one.key not in stay]
        due = [(op, [member]) for op, member in coming if op.key not in lost]
        keys = {op.key: _text(members) for op, members in due}
        return results + [
            Result(one.key, ok=True, destination_key=keys[one.key]) if one.ok else one
            for one in self._all("add", due)
        ]

    def _alone(
        self,
        operations: Sequence[Operation],
        leaving: Sequence[tuple[Operation, Sequence[Member]]],
        coming: Sequence[Member],
    ) -> list[tuple[Operation, Sequence[Member]]]:
        """What can leave without taking out somebody who stays or comes."""
        marks = {mark for _, members in leaving for member in members for mark in self.marks(member)}
        # the ledger is searched by the last hash of each mark; what it finds is compared whole
        found = self.others({HASH.findall(mark)[-1] for mark in marks}, operations)
        others = [*coming, *(member for key in found for member in uploaded(key))]
        taken = {mark for member in others for mark in self.marks(member)}
        return [
            (op, [rest for member in members if (rest := self.without(member, taken))])
            for op, members in leaving
        ]

    def _all(self, how: str, due: Sequence[tuple[Operation, Sequence[Member]]]) -> list[Result]:
        """Requests of at most so many members."""
        results: list[Result] = []
        part: list[tuple[Operation, Sequence[Member]]] = []
        size = 0
        for one in due:
            if part and size + len(one[1]) > LIMIT:
                results += self._part(how, part)
                part, size = [], 0
            part.append(one)
            size += len(one[1])
        return results + (self._part(how, part) if part else [])

    def _part(self, how: str, part: Sequence[tuple[Operation, Sequence[Member]]]) -> list[Result]:
        operations = [op for op, members in part for _ in members]
        answered = self.change(how, operations, [member for _, members in part for member in members])
        # an operation with several members is done when all of them are
        worst: dict[str, Result] = {}
        for one in answered:
            if one.key not in worst or not one.ok:
                worst[one.key] = one
        return list(worst.values())


def uploaded(destination_key: str) -> list[Member]:
    """The members behind a destination key; none for a key that was never uploaded."""
    if not destination_key.startswith("[{"):
        return []
    members: list[Member] = json.loads(destination_key)
    return members


def taken(operations: Sequence[Operation]) -> list[Result]:
    """All of them taken."""
    return accepted(operations)


def _text(members: Sequence[Member]) -> str:
    return json.dumps(members, sort_keys=True, separators=(",", ":"))
