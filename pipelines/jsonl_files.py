"""JSON lines -> rows: in one stream where every line is an object; else line by line, each at its own number.

The names in a file are known only when it was read to its end. A large one is sampled, and read as maps in one pass that
watches for names the sample did not hold; should one turn up, the file is read through for its names, and then again.
"""

import json
import re
from collections.abc import Collection

import duckdb

from pipelines import delivered, lines
from pipelines.delivered import MAX_LINE_BYTES
from pipelines.rows import NOTHING, Layout, line_as_kept, literal, quote
from pipelines.specs import FileRef, TableSpec

SAMPLED_FROM = 64 << 20
SAMPLES = 16
SAMPLE_BYTES = 256 << 10
_NAMED_BY_US = re.compile(r"^x?(_cdp_|_dlt_)|__\d+$", re.I)


def names_of(con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec) -> tuple[list[str], bool]:
    """Top-level keys of a file of JSON lines, and whether every line, none of them blank, is an object."""
    if delivered.is_utf8(table):
        counting = delivered.begin_fingerprint(file)
        try:
            found = con.execute(
                f"""select keys, count(*), bool_and(is_object) from (
                    select json_keys(json) as keys, starts_with(json, '{{') as is_object
                    from read_ndjson_objects({literal(str(file.path))}, maximum_object_size = {MAX_LINE_BYTES})
                ) group by keys"""
            ).fetchall()
        except duckdb.InvalidInputException:
            found = []
        names = sorted({str(key) for keys, *_ in found for key in keys})
        rows, objects = sum(int(row[1]) for row in found), all(row[2] for row in found)
        # Two columns that differ by case only, or one without a name, cannot be asked of `read_json`.
        askable = len({name.lower() for name in names} - {""}) == len(names) > 0
        seen = counting.result()
        # DuckDB takes lines up to twice the size it is told.
        if askable and objects and rows == seen.lines and seen.longest < MAX_LINE_BYTES - 1:
            return names, not any("\0" in name for name in names)
    lines.read_lines(con, file, table)
    found = con.execute(
        "select distinct unnest(json_keys(text)) from lines where json_kind = 'OBJECT' order by 1"
    ).fetchall()
    return [row[0] for row in found], False


def sample(file: FileRef, table: TableSpec, known: Collection[str]) -> list[str] | None:
    """Top-level keys met at some places of a large file, and those that raw knows of earlier files.

    None when the file is small, zipped, or not what `watched` can read.
    """
    if file.size < SAMPLED_FROM or file.path.name.endswith(".gz") or not delivered.is_utf8(table):
        return None
    names: set[str] = set()
    try:
        with file.path.open("rb") as handle:
            for number in range(SAMPLES):
                handle.seek(file.size // SAMPLES * number)
                block = handle.read(SAMPLE_BYTES).split(b"\n")
                # The first and the last are cut; the file's own first line is whole.
                for line in block[1 if number else 0 : -1]:
                    names.update(dict(json.loads(line)))
    except (ValueError, TypeError, RecursionError):
        return None
    askable = len({name.lower() for name in names} - {""}) == len(names) > 0
    met = {name.lower() for name in names}
    # A column that we named (`Email__2`) is not what a file calls it.
    names |= {one for one in known if one.lower() not in met and not _NAMED_BY_US.search(one)}
    return sorted(names) if met and askable and not any("\0" in name for name in names) else None


def watched(file: FileRef, found: Layout) -> str:
    """SQL of the rows of a file whose names were sampled, in their order. It fails at an object with another name."""
    known = ", ".join(literal(name) for name in (*found.names, *found.left_out))
    kept = ", ".join(f"object[{literal(name)}] as {quote(raw)}" for name, raw in found.names.items())
    return f"""select {kept or NOTHING} from read_json({literal(str(file.path))}, format = 'newline_delimited', records = false,
        columns = {{object: 'MAP(VARCHAR, VARCHAR)'}}, maximum_object_size = {MAX_LINE_BYTES})
        where case when object is null or len(list_filter(map_keys(object), lambda name: name not in ({known}))) > 0
            then error('a name that the sample did not hold') else true end"""


def plain(file: FileRef, found: Layout) -> str:
    """SQL of the rows of a file of objects, in their order."""
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in found.names)
    kept = ", ".join(f"{quote(name)} as {quote(raw)}" for name, raw in found.names.items())
    return f"""select {kept or NOTHING} from read_json({literal(str(file.path))},
        format = 'newline_delimited', records = true, columns = {{{columns}}},
        maximum_object_size = {MAX_LINE_BYTES})"""


def careful(found: Layout) -> str:
    """SQL of the rows and broken lines of a file that was split into lines, each with its position."""
    pointers = ", ".join(literal("/" + name.replace("~", "~0").replace("/", "~1")) for name in found.names)
    # `read_json` prints a number that is no whole one through double: 0.00001 is 1e-05 there.
    values = ", ".join(
        f"""case when t[{number}] = 'DOUBLE' and regexp_matches(v[{number}], '[.eE]')
            then try_cast(v[{number}] as double)::varchar else v[{number}] end as {quote(raw)}"""
        for number, raw in enumerate(found.names.values(), start=1)
    )
    taken = f"case when json_kind = 'OBJECT' then json_extract_string(text, [{pointers}]) end"
    types = f"case when json_kind = 'OBJECT' then json_type(text, [{pointers}]) end"
    return f"""
        select {values + "," if values else ""} n as _cdp_position,
            case when problem is not null then 'broken line: ' || problem
                when json_kind is null then 'broken JSON' when json_kind <> 'OBJECT'
                then 'the line is not a JSON object' end as _cdp_error,
            case when json_kind is distinct from 'OBJECT' then {line_as_kept(found, "line")} end as _cdp_raw
        from (select n, line, text, problem, json_kind, {taken if pointers else "null"} as v,
            {types if pointers else "null"} as t from lines)
    """
