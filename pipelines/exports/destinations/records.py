"""What CRMs have in common: columns become fields, and a row is written as its mode and `fill_empty` allow.

A record is known by a field with unique values until the CRM has answered with an id of its own. Until then the ledger holds
`field=value`, noted before the request (`known_as`), so that a withdrawal finds what a killed or unanswered run may have left:
it is looked up by that value and removed by its id. Two rows that are one record there share it: it leaves with the last of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import Field

from pipelines.exports.destinations import exact
from pipelines.exports.destinations.base import Operation, Result
from pipelines.exports.destinations.client import HttpDestination, Reply, refused, shared
from pipelines.exports.destinations.options import HttpOptions

MODES = ("upsert", "update_only", "create_only", "mirror")
# modes that need to know who is there before they write
READ_FIRST = ("update_only", "create_only")


class RecordOptions(HttpOptions):
    """`fields` renames columns; one that is named null stays here."""

    fields: dict[str, str | None] = Field({})


@dataclass(frozen=True)
class Held:
    """A record that is there."""

    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """One record to write, and what is there (None: nothing, or nobody has looked)."""

    operation: Operation
    name: str  # the value of the unique field
    fields: dict[str, Any]
    held: Held | None


class Records(HttpDestination, ABC):
    """Records of one object. A CRM says how it reads, writes and removes; what is done in which mode is said here."""

    options: RecordOptions
    vendor: ClassVar[str]
    # words of answers that blame the sync and not its rows: every batch would be refused row by row
    misconfigured: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def unique(self) -> str:
        """The field with unique values."""

    @abstractmethod
    def is_id(self, text: str) -> bool:
        """Whether the CRM may have given this id."""

    @abstractmethod
    def read(self, names: Sequence[str], fields: Collection[str]) -> dict[str, Held] | Reply:
        """The records that are there, by the folded value of the unique field; the reply when it was no answer."""

    @abstractmethod
    def write(self, how: str, members: Sequence[Write]) -> list[Result]:
        """One request: `upsert`, `update_only` (each has a held record) or `create_only`; no record twice."""

    @abstractmethod
    def remove(self, known: Sequence[tuple[Operation, str]]) -> list[Result]:
        """One request that takes records away by their ids, none of them twice; what is gone already is well."""

    def known_as(self, operation: Operation) -> str | None:
        """The unique value, while no answer has told an id. Not for `create_only`: what is there may be somebody's own."""
        if (
            operation.operation == "remove"
            or operation.mode not in ("upsert", "mirror")
            or self._id_of(operation)
        ):
            return None
        name = self._name(fields_of(operation, self.options.fields))
        return f"{self.unique}={name}" if name else None

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """Take out those that leave, write the others."""
        going = [op for op in operations if op.operation == "remove"]
        staying = [op.destination_key for op in operations if op.operation != "remove"]
        results = self._take_out(going, staying) if going else []
        members = []
        for op in (op for op in operations if op.operation != "remove"):
            fields = fields_of(op, self.options.fields)
            if name := self._name(fields):
                members.append(Write(op, name, fields, None))
            else:
                results.append(refused(op, f"no `{self.unique}`, which {self.vendor} knows the record by"))
        by_key = {one.operation.key: one for one in members}
        names = {key: one.name.casefold() for key, one in by_key.items()}
        for group in rounds([one.operation for one in members], names):
            results += self._write([by_key[op.key] for op in group])
        return results

    def refused(self, operations: Sequence[Operation], reply: Reply) -> list[Result]:
        """A request that was not taken; when the sync itself is at fault, no other is worth making."""
        results = self.failed(operations, reply)
        content = reply.response.text if reply.response is not None and reply.is_final else ""
        if any(word in content for word in self.misconfigured):
            self.client.stopped = results[0].reason
            return [Result(one.key, ok=False, reason=one.reason) for one in results]
        return results

    def _name(self, fields: Mapping[str, Any]) -> str:
        return exact.plain(fields.get(self.unique)).strip()

    def _id_of(self, operation: Operation) -> str | None:
        """The id that an answer has told; a key of ours that looks like one is none."""
        known = operation.destination_key
        return known if known != operation.key and self.is_id(known) else None

    def _noted(self, operation: Operation) -> str | None:
        """The unique value that was noted before the first request."""
        field, separator, name = operation.destination_key.partition("=")
        return name if separator and field == self.unique else None

    def _write(self, members: Sequence[Write]) -> list[Result]:
        held: dict[str, Held] = {}
        results: list[Result] = []
        if any(needs_reading(one.operation) for one in members):
            wanted = {
                self.options.fields.get(name) or name for one in members for name in one.operation.fill_empty
            }
            found = self.read([one.name for one in members], wanted)
            if isinstance(found, Reply):
                return self.refused([one.operation for one in members], found)
            held = found
        due: dict[str, list[Write]] = {}
        for one in members:
            there = held.get(one.name.casefold())
            fields = to_write(one.operation, one.fields, there.fields if there else None, self.options.fields)
            if fields is None:
                results.append(skipped(one.operation, there.id if there else None))
                continue
            how = one.operation.mode if one.operation.mode in READ_FIRST else "upsert"
            due.setdefault(how, []).append(replace(one, fields=fields, held=there))
        for how, group in due.items():
            results += self.write(how, group)
        return results

    def _take_out(self, operations: Sequence[Operation], staying: Sequence[str]) -> list[Result]:
        """By id; where none was ever told, by the id that a look by the noted value finds. Nobody there: it is done."""
        results, known = [], []
        noted = {}
        for op in operations:
            if told := self._id_of(op):
                known.append((op, told))
            elif name := self._noted(op):
                noted[op.key] = name
            else:
                said = f"nothing tells which record of {self.vendor} this is; remove it there by hand"
                results.append(refused(op, said))
        if noted:
            unanswered = [op for op in operations if op.key in noted]
            found = self.read(list(dict.fromkeys(noted.values())), ())
            if isinstance(found, Reply):
                results += self.refused(unanswered, found)
            else:
                there = [(op, found.get(noted[op.key].casefold())) for op in unanswered]
                known += [(op, record.id) for op, record in there if record]
                results += [Result(op.key, ok=True) for op, record in there if not record]
        return results + self._take_out_known(known, staying)

    def _take_out_known(self, known: Sequence[tuple[Operation, str]], staying: Sequence[str]) -> list[Result]:
        """Each record once, and none that is another row's too."""
        names = {one for _, one in known} | {op.destination_key for op, _ in known}
        taken = {*staying, *self.others(names, [op for op, _ in known])}
        results, firsts, twins = [], {}, []
        for op, record in known:
            if record in taken or op.destination_key in taken:
                results.append(shared(op))
            elif record in firsts:
                twins.append((op, record))
            else:
                firsts[record] = op
        answers = {}
        if firsts:
            answers = {one.key: one for one in self.remove([(op, record) for record, op in firsts.items()])}
        return [
            *results,
            *answers.values(),
            *(answers[firsts[record].key]._replace(key=op.key) for op, record in twins),
        ]


def fields_of(operation: Operation, names: Mapping[str, str | None]) -> dict[str, Any]:
    """The payload under the destination's names; a column named null stays here."""
    row = exact.loads(operation.payload)
    return {names.get(column) or column: value for column, value in row.items() if names.get(column, column)}


def rounds(operations: Sequence[Operation], ids: Mapping[str, str]) -> Iterator[list[Operation]]:
    """The operations in rounds in which no id stands twice: CRMs refuse a request that names a record twice."""
    left = list(operations)
    while left:
        seen: set[str] = set()
        now = [op for op in left if not (ids[op.key] in seen or seen.add(ids[op.key]))]  # type: ignore[func-returns-value]
        taken = {op.key for op in now}
        left = [op for op in left if op.key not in taken]
        yield now


def needs_reading(operation: Operation) -> bool:
    """Whether what the destination holds decides on what is written."""
    return operation.mode in READ_FIRST or bool(operation.fill_empty)


def to_write(
    operation: Operation,
    fields: dict[str, Any],
    held: Mapping[str, Any] | None,
    names: Mapping[str, str | None],
) -> dict[str, Any] | None:
    """The fields to write, given the record that is there (None: none is); None: the row is left alone."""
    if (operation.mode == "update_only" and held is None) or (
        operation.mode == "create_only" and held is not None
    ):
        return None
    kept = {names.get(column) or column for column in operation.fill_empty}
    return {
        name: value
        for name, value in fields.items()
        if not (name in kept and held and not is_empty(held.get(name)))
    }


def is_empty(value: Any) -> bool:
    """What a human has not filled in."""
    return value is None or (isinstance(value, str) and not value.strip())


def skipped(operation: Operation, destination_key: str | None = None) -> Result:
    """A row that was left alone, as its mode asks."""
    return Result(operation.key, ok=True, destination_key=destination_key, is_skipped=True)
