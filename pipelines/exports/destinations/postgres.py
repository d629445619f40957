"""A PostgreSQL table: a batch is one transaction, and a row sent twice is there once.

Rows travel as JSON and the server casts them to the types of the table (`json_populate_recordset`), so decimals stay
exact and dates are dates. `key` is the column that holds the row's key; it needs a primary key or a unique constraint,
which is what makes a repeated batch harmless. `append` inserts events: their column `cdp_idempotency_key` is unique.
With `columns` the table is created when it is not there: {email: text, revenue: "numeric(18,2)"}.

A batch with a row that the table refuses is rolled back and refused as a whole; the sender halves it.
"""

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from pipelines.errors import UsageError
from pipelines.exports.destinations import exact, records
from pipelines.exports.destinations.answers import backoff, redact
from pipelines.exports.destinations.base import Kind, Opening, Operation, Result
from pipelines.exports.destinations.client import accepted
from pipelines.exports.destinations.options import Options, Token
from pipelines.exports.stopping import Stop

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

ONCE = "cdp_idempotency_key"
TYPE = re.compile(r"[a-z][a-z0-9_]*( [a-z]+)*(\(\d+(, ?\d+)?\))?( with(out)? time zone)?(\[\])?")
NAME = r"^[^\".\s][^\".]*(\.[^\".]+)?$"
# a deadlock, a serialisation failure, a server that is short of something or going down: the same batch may pass later
PASSING = ("08", "40", "53", "57", "58")
# table, column, constraint or right are missing: every batch would end the same way
MISCONFIGURED = ("28", "3D", "3F", "42")
MAX_ATTEMPTS = 4
# Statements; psycopg fills in the names, quoted, and the rows as one parameter
_ROWS = "json_populate_recordset(null::{table}, %s::json)"
_INSERT = f"insert into {{table}} as held ({{columns}}) select {{sent}} from {_ROWS} as sent "
_UPSERT = _INSERT + "on conflict ({key}) do update set {conflict}"
_CREATE = _INSERT + "on conflict ({key}) do nothing returning held.{key}::text"
_APPEND = _INSERT + "on conflict ({once}) do nothing"
_UPDATE = (
    f"update {{table}} as held set {{update}} from {_ROWS} as sent "
    "where held.{key} = sent.{key} returning held.{key}::text"
)
_TOUCH = f"select held.{{key}}::text from {{table}} as held inner join {_ROWS} as sent using ({{key}})"
_DELETE = f"delete from {{table}} where {{key}} in (select {{key}} from {_ROWS})"
_KEYS = f"select {{key}}::text from {_ROWS} with ordinality order by ordinality"


class PostgresOptions(Options):
    """Options of type `postgres`."""

    url: Token
    table: str = Field(pattern=NAME)
    key: str = Field(min_length=1)
    columns: dict[str, str] = Field({})
    batch_size: int = Field(1000, ge=1, le=50_000)
    timeout_seconds: float = Field(60, gt=0)
    retry_seconds: float = Field(30, ge=0)

    @field_validator("url")
    @classmethod
    def _is_postgres(cls, value: str) -> str:
        if not re.match(r"(postgres(ql)?://|\$\{[A-Z])", value):
            raise ValueError("must be postgresql://user:password@host/database (is its ${VARIABLE} set?)")
        return value

    @field_validator("columns")
    @classmethod
    def _are_types(cls, value: dict[str, str]) -> dict[str, str]:
        if wrong := [name for name, kind in value.items() if not TYPE.fullmatch(kind)]:
            raise ValueError(f"no type of PostgreSQL: {', '.join(wrong)}")
        return value


class PostgresTable:
    """One table, for the rows of one sync."""

    def __init__(self, options: PostgresOptions, opening: Opening) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise UsageError(
                "destination type `postgres` needs psycopg", hint="pip install 'warehouse-cdp[postgres]'"
            ) from error
        self.options = options
        self.stop: Stop | None = None
        self._stopped: str | None = None
        self._patience = options.retry_seconds
        self._con: psycopg.Connection[Any] | None = None
        self._is_made = not options.columns

    @property
    def batch_size(self) -> int:
        """Operations of one transaction."""
        return self.options.batch_size

    @property
    def stopped(self) -> str | None:
        """Set once the table cannot take anything, or the server is out of reach for too long."""
        return self._stopped

    def close(self) -> None:
        """Close the connection."""
        if self._con is not None:
            self._con.close()

    def send(self, operations: Sequence[Operation]) -> list[Result]:
        """One transaction, again while that may help."""
        import psycopg

        for attempt in range(MAX_ATTEMPTS):
            try:
                return self._transaction(operations)
            except psycopg.Error as error:
                state = error.sqlstate or "08000"  # without a state the server has not answered
                if not state.startswith(PASSING):
                    return self._refused(operations, error, state)
                self._drop_connection(state)
                told = f"{type(error).__name__} {error.sqlstate or ''}".strip()
                if attempt == MAX_ATTEMPTS - 1 or not self._wait(attempt, told):
                    break
        # the commit may have been carried out: the same rows again do no harm
        return [Result(op.key, ok=False, reason=told, final=False) for op in operations]

    def _transaction(self, operations: Sequence[Operation]) -> list[Result]:
        con = self._connection()
        with con.transaction():
            self._make(operations[0].mode, con)
            going = [op for op in operations if op.operation == "remove"]
            coming = [op for op in operations if op.operation != "remove"]
            if going:
                con.execute(self._statement(_DELETE, []), [self._rows(going)])
            results = accepted(going)
            for mode in dict.fromkeys(op.mode for op in coming):
                results += self._write(con, mode, [op for op in coming if op.mode == mode])
        return results

    def _write(
        self, con: "psycopg.Connection[Any]", mode: str, operations: Sequence[Operation]
    ) -> list[Result]:
        columns = list(dict.fromkeys(name for op in operations for name in exact.loads(op.payload)))
        columns = [name for name in columns if name != self.options.key]
        if mode == "append":
            columns.append(ONCE)
        rows = self._rows(operations)
        statement = {
            "append": _APPEND,
            "create_only": _CREATE,
            "update_only": _UPDATE if columns else _TOUCH,
        }.get(mode, _UPSERT if columns else _CREATE)
        kept = operations[0].fill_empty
        written = con.execute(self._statement(statement, columns, kept), [rows])
        if mode not in records.READ_FIRST:
            return accepted(operations)
        done = {row[0] for row in written.fetchall()}
        keys = con.execute(self._statement(_KEYS, columns), [rows]).fetchall()
        return [
            Result(op.key, ok=True) if key in done else records.skipped(op)
            for op, (key,) in zip(operations, keys, strict=True)
        ]

    def _rows(self, operations: Sequence[Operation]) -> str:
        """The rows as JSON, each with the key that the table knows it by."""
        own = [{self.options.key: op.destination_key, ONCE: op.idempotency_key} for op in operations]
        return exact.dumps([exact.loads(op.payload) | mine for op, mine in zip(operations, own, strict=True)])

    def _statement(self, statement: str, columns: Sequence[str], kept: Sequence[str] = ()) -> "Composed":
        """The statement with its names quoted; an update assigns what was `excluded` by a conflict, or `sent`."""
        from psycopg.sql import SQL, Identifier

        def assignment(name: str, source: str) -> "Composed":
            new, held = Identifier(source, name), Identifier("held", name)
            if name not in kept:
                return SQL("{} = {}").format(Identifier(name), new)
            empty = SQL("{} = case when nullif(btrim({}::text), '') is null then {} else {} end")
            return empty.format(Identifier(name), held, new, held)

        names = [self.options.key, *columns]
        return SQL(statement).format(  # one of the constants above
            table=Identifier(*self.options.table.split(".")),
            key=Identifier(self.options.key),
            once=Identifier(ONCE),
            columns=SQL(", ").join(Identifier(name) for name in names),
            sent=SQL(", ").join(Identifier("sent", name) for name in names),
            conflict=SQL(", ").join(assignment(name, "excluded") for name in columns),
            update=SQL(", ").join(assignment(name, "sent") for name in columns),
        )

    def _make(self, mode: str, con: "psycopg.Connection[Any]") -> None:
        """Create the table that the options describe, once."""
        if self._is_made:
            return
        from psycopg.sql import SQL, Identifier

        types = {self.options.key: "text", **self.options.columns}
        unique = self.options.key
        if mode == "append":
            types, unique = types | {ONCE: "text"}, ONCE
        columns = SQL(", ").join(
            SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in types.items()
        )
        made = SQL("create table if not exists {} ({}, primary key ({}))")
        con.execute(made.format(Identifier(*self.options.table.split(".")), columns, Identifier(unique)))
        self._is_made = True

    def _connection(self) -> "psycopg.Connection[Any]":
        import psycopg

        if self._con is None or self._con.closed:
            limit = int(self.options.timeout_seconds * 1000)
            self._con = psycopg.connect(
                self.options.url,
                autocommit=True,
                connect_timeout=max(2, int(self.options.timeout_seconds)),
                options=f"-c statement_timeout={limit} -c lock_timeout={limit}",
                application_name="cdp",
            )
        return self._con

    def _drop_connection(self, state: str) -> None:
        if self._con is not None and not state.startswith("40"):
            self._con.close()
            self._con = None

    def _refused(self, operations: Sequence[Operation], error: Any, state: str) -> list[Result]:
        values = [value for op in operations for value in (*op.row.values(), op.destination_key)]
        said = redact(f"{state} {error.diag.message_primary or ''}", self.options.url, values)
        misconfigured = state.startswith(MISCONFIGURED)
        if misconfigured:
            self._is_made = not self.options.columns
            self._stopped = said
        is_whole = len(operations) > 1 and not misconfigured
        return [Result(op.key, ok=False, reason=said, is_whole=is_whole) for op in operations]

    def _wait(self, attempt: int, told: str) -> bool:
        pause = backoff(attempt)
        if pause > self._patience:
            self._stopped = f"gave up after {self.options.retry_seconds:g} s of retries: {told}"
            return False
        self._patience -= pause
        if self.stop and self.stop.reason:
            return False
        (self.stop.sleep if self.stop else time.sleep)(pause)
        return True


KIND = Kind(
    options=PostgresOptions,
    modes=("upsert", "update_only", "create_only", "mirror", "append"),
    open_rows=PostgresTable,
    fills_empty=True,
)
