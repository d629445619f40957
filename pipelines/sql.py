"""Connector `sql`: tables of any database SQLAlchemy reaches, through dlt's `sql_table` with Arrow batches.

Every value leaves the database typed and is written as text, as files deliver it; times with an offset in UTC.
Columns that look like credentials are not even selected.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipelines import cursors, readers
from pipelines.errors import CdpError
from pipelines.fetch import Fetched
from pipelines.readers import literal, quote
from pipelines.scratch import scratch
from pipelines.specs import FileRef, LoadSpec, Progress, SourceSpec, TableSpec, silent

CHUNK_ROWS = 50_000


def fetch(
    spec: LoadSpec,
    source: SourceSpec,
    client: Mapping[str, Any],
    starts: Mapping[str, str | None],
    progress: Progress = silent,
) -> dict[str, Fetched]:
    """Read every table of the source from its start on. Raises CdpError when the database or a table is not there."""
    from sqlalchemy.exc import SQLAlchemyError

    engine = _engine(spec, source, str(client["url"]))
    try:
        return {
            table.name: _table(
                spec, source, table, engine, client.get("schema"), starts[table.name], progress
            )
            for table in source.tables
        }
    except SQLAlchemyError as error:
        raise _told(source, error) from error
    finally:
        engine.dispose()


def look(spec: LoadSpec, source: SourceSpec, client: Mapping[str, Any], seconds: float) -> Exception | None:
    """Log in and see that the tables are there, reading no row; the driver's error when that cannot be done.

    Raises CdpError for an address that is none, and for a table that the database does not have.
    """
    from sqlalchemy import inspect
    from sqlalchemy.exc import SQLAlchemyError

    engine = _engine(spec, source, str(client["url"]), seconds)
    try:
        found = inspect(engine)
        for table in source.tables:
            if not found.has_table(table.table or table.name, client.get("schema")):
                raise CdpError(f"the database has no table {table.table or table.name}")
    except SQLAlchemyError as error:
        return error
    finally:
        engine.dispose()
    return None


def _engine(spec: LoadSpec, source: SourceSpec, url: str, seconds: float | None = None) -> Any:
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
            path = spec.root / parsed.database
            if not path.is_file():
                raise CdpError(
                    f"{source.name}: there is no database file {parsed.database}",
                    hint="put it there, or correct `url` in cdp.yml",
                )
            parsed = parsed.set(database=str(path))
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        timed = seconds is not None and parsed.get_backend_name() in ("postgresql", "mysql")
        return create_engine(
            parsed, connect_args={"connect_timeout": max(2, int(seconds or 0))} if timed else {}
        )
    except (SQLAlchemyError, ImportError) as error:
        # The message of SQLAlchemy may repeat the address with its password.
        raise CdpError(
            f"{source.name}: no database can be reached with this `url` ({type(error).__name__})",
            hint="write it as postgresql://user:${PASSWORD}@host/database or sqlite:///file.db, and install its driver",
        ) from error


def _table(
    spec: LoadSpec,
    source: SourceSpec,
    table: TableSpec,
    engine: Any,
    schema: str | None,
    start: str | None,
    progress: Progress,
) -> Fetched:
    path = spec.temp / f"{source.name}.{table.name}.fetched.parquet"
    label = f"sql:{table.table}"

    def told(seen: int) -> None:
        progress(source.name, table.name, label, seen)

    cursor = _write(
        spec,
        source,
        table,
        engine,
        schema,
        path,
        lambda query, found: _since(query, found, table, start),
        told=told,
    )
    keys = None
    if table.compares and table.cursor:
        keys = spec.temp / f"{source.name}.{table.name}.keys.parquet"
        _write(spec, source, table, engine, schema, keys, None, list(table.key))
    return Fetched(FileRef(path, label, path.stat().st_size, 0), cursor or start, keys)


def _since(query: Any, found: Any, table: TableSpec, start: str | None) -> Any:
    """Rows from the start on; rows whose cursor is empty are always asked for."""
    if table.cursor is None or start is None:
        return query
    column = found.c[table.cursor.path]
    value = cursors.typed(start, column.type.python_type)
    return query.where((column >= value) | column.is_(None))


def _write(
    spec: LoadSpec,
    source: SourceSpec,
    table: TableSpec,
    engine: Any,
    schema: str | None,
    path: Path,
    narrowed: Callable[[Any, Any], Any] | None,
    only: list[str] | None = None,
    told: readers.Told = lambda seen: None,
) -> str | None:
    """Write the table's rows as text into a parquet; returns the greatest cursor seen."""
    from dlt.sources.sql_database import sql_table
    from sqlalchemy import inspect

    columns = [str(one["name"]) for one in inspect(engine).get_columns(table.table or table.name, schema)]
    wanted = [name for name in columns if not readers.is_credential(name)]
    in_raw = {readers.raw_name(name): name for name in wanted}
    cursor = table.cursor.path if table.cursor else None
    missing = [name for name in table.key if name not in in_raw]
    missing += [cursor] if cursor and cursor not in wanted else []
    if missing:
        raise CdpError(
            f"{source.name}.{table.name}: table {table.table} has no column `{missing[0]}`; it has {', '.join(wanted)}",
            hint="correct `key` or `incremental.cursor_path` in cdp.yml",
        )
    wanted = [in_raw[name] for name in only] if only else wanted
    resource: Any = sql_table(
        engine,
        table=table.table or table.name,
        schema=schema,
        backend="pyarrow",
        chunk_size=CHUNK_ROWS,
        included_columns=wanted,
        reflection_level="full_with_precision",
        query_adapter_callback=narrowed,
    )
    greatest: Any = None
    seen = 0
    with scratch(spec) as con:
        con.execute(f"create table rows ({', '.join(f'{quote(name)} varchar' for name in wanted)})")
        texts = ", ".join(f"{quote(name)}::varchar" for name in wanted)
        for batch in resource:
            con.register("batch", batch)
            con.execute(f"insert into rows select {texts} from batch")
            con.unregister("batch")
            seen += batch.num_rows
            told(seen)
            if cursor and not only:
                greatest = cursors.greatest(
                    [greatest, *batch.column(cursor).drop_null().unique().to_pylist()]
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        con.execute(f"copy rows to {literal(str(path))} (format parquet)")
    return None if greatest is None else cursors.text_of(greatest)


def _told(source: SourceSpec, error: Any) -> CdpError:
    from sqlalchemy.exc import NoSuchTableError

    if isinstance(error, NoSuchTableError):
        return CdpError(
            f"{source.name}: the database has no table {error}",
            hint="correct `table` (and `schema`) in cdp.yml, or the rights of its user",
        )
    return CdpError(
        f"{source.name}: the database cannot be read ({type(error).__name__})",
        hint="look whether it runs, and whether the user in `url` may read; the next `cdp run` asks again",
    )
