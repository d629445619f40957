"""Readers on files as the world delivers them: every row arrives, or the file is refused in words."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import jsonl_files, readers
from pipelines.errors import CdpError
from pipelines.specs import FileRef, TableSpec

Row = dict[str, Any]
OURS = (*readers.META, "_dlt_load_id")


@pytest.fixture(autouse=True)
def sample_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are sampled too."""
    monkeypatch.setattr(jsonl_files, "SAMPLED_FROM", 0)


def read(path: Path, encoding: str | None = None, delimiter: str | None = None) -> list[Row]:
    """All rows of a file in their order; read in one stream, read with care and, where its names can be sampled, as maps,
    they are the same.
    """
    stat = path.stat()
    file = FileRef(path, path.name, stat.st_size, stat.st_mtime_ns)
    table = TableSpec("t", path.name, (), encoding, delimiter)
    with duckdb.connect(config={"temp_directory": str(path.parent / "tmp")}) as con:
        found = readers.layout(con, file, table)
        rows = taken(con, file, table, found)
        assert rows == taken(con, file, table, replace(found, plain=False))
        sampled = readers.layout(con, file, table, exact=False)
        if sampled.sampled and found.plain:
            assert sampled.names == found.names
            assert rows == taken(con, file, table, sampled)
        elif sampled.sampled:
            with pytest.raises(readers.OtherNamesError):
                taken(con, file, table, sampled)
    return rows


def taken(
    con: duckdb.DuckDBPyConnection, file: FileRef, table: TableSpec, found: readers.Layout
) -> list[Row]:
    """The rows as the package holds them."""
    target = file.path.parent / "rows.parquet"
    columns = [*found.names.values(), *readers.META, "_dlt_load_id"]
    count = readers.write(con, file, table, found, columns, readers.Stamp(1, "7.5"), target, hashed=True)
    rows = pq.read_table(target).to_pylist()
    assert len(rows) == count
    return sorted(rows, key=lambda row: int(row["_cdp_position"]))


def written(folder: Path, name: str, data: bytes | str) -> Path:
    """A delivered file."""
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def short(rows: list[Row], column: str = "name") -> list[tuple[int, str | None, str | None]]:
    """Position, value and error of each row."""
    return [(row["_cdp_position"], row[column], row["_cdp_error"]) for row in rows]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("id,name\n1,Zoë\n2,b\n".encode(), None),
        ("\ufeffid,name\n1,Zoë\n2,b\n".encode(), None),
        ('\ufeff"id","name"\r\n1,Zoë\r\n2,b\r\n'.encode(), None),
        ("id,name\n1,Zoë\n2,b\n".encode("utf-16"), "utf-16"),
        ("id,name\n1,Zoë\n2,b\n".encode("latin-1"), "latin-1"),
        ("id,name\r1,Zoë\r2,b\r".encode(), None),
        ("id;name\n1;Zoë\n2;b".encode(), None),
        # line ends of two kinds: DuckDB alone refuses the whole file
        ("id,name\r\n1,Zoë\n2,b\r\n".encode(), None),
        ("id,name\n1,Zoë\r\n2,b\n".encode(), None),
    ],
)
def test_one_table_in_many_guises(tmp_path: Path, data: bytes, encoding: str | None) -> None:
    """Byte order marks, encodings, delimiters and line ends do not change what a file says."""
    rows = read(written(tmp_path, "a.csv", data), encoding)
    assert [(row["id"], row["name"], row["_cdp_error"]) for row in rows] == [
        ("1", "Zoë", None),
        ("2", "b", None),
    ]
    zipped = read(written(tmp_path, "a.csv.gz", gzip.compress(data)), encoding)
    assert [row["_cdp_hash"] for row in zipped] == [row["_cdp_hash"] for row in rows]


def test_broken_csv_lines_stand_at_their_own_position(tmp_path: Path) -> None:
    """Ragged lines, quotes out of place and bytes that are no characters reject their own line only."""
    data = b'id,name\n1,a\n2\n3,"x\ny"\n4,b,c\n5,caf\xe9\n6,"o"p\n7,\x00\n8,6" pipe\n'
    assert short(read(written(tmp_path, "a.csv", data))) == [
        (2, "a", None),
        (3, None, "broken csv line: missing columns"),
        (4, "x\ny", None),
        (5, None, "broken csv line: too many columns"),
        (6, None, "broken csv line: invalid encoding"),
        (7, None, "broken csv line: unquoted value"),
        (8, "\x00", None),
        (9, '6" pipe', None),
    ]


def test_a_line_broken_far_down_costs_itself_alone(tmp_path: Path) -> None:
    """The stream had begun to flow when it came: pyarrow then tells it in other words than at the first batch."""
    lines = [f"{number},name {number},{'x' * 60}" for number in range(30_000)]
    lines[29_000] += ",surplus"
    rows = read(written(tmp_path, "a.csv", "id,name,note\n" + "\n".join(lines) + "\n"))

    assert len(rows) == 30_000
    assert [row["_cdp_error"] for row in rows if row["_cdp_error"]] == ["broken csv line: too many columns"]
    assert rows[29_000]["_cdp_position"] == 29_002


def test_a_header_over_two_lines_costs_no_row(tmp_path: Path) -> None:
    """A quoted line break in a column name is part of the header."""
    rows = read(written(tmp_path, "a.csv", 'id,"na\nme"\n1,a\n2\n3,c\n'))
    assert short(rows, "na_me") == [
        (2, "a", None),
        (3, None, "broken csv line: missing columns"),
        (4, "c", None),
    ]


def test_an_open_quote_is_refused_before_it_swallows_the_file(tmp_path: Path) -> None:
    """DuckDB makes one broken row of everything after the quote, and keeps 10,000 characters of it."""
    rows = "".join(f"{number},name {number}\n" for number in range(3, 3000))
    with pytest.raises(CdpError, match=r"a\.csv: row 3: a quote is opened and not closed"):
        read(written(tmp_path, "a.csv", f'id,name\n1,a\n2,"open\n{rows}'))


def test_a_line_of_20_mb_rejects_itself_alone(tmp_path: Path) -> None:
    """One monster row is quarantined; its neighbours are loaded."""
    long = "x" * 20_000_000
    rows = read(written(tmp_path, "a.csv", f"id,name\n1,a\n2,{long}\n3,c\n"))
    assert [row["id"] for row in rows] == ["1", None, "3"]
    assert rows[1]["_cdp_error"] == "broken csv line: line size over maximum"
    lines = read(written(tmp_path, "a.jsonl", f'{{"id":1}}\n{{"id":"{long}"}}\n{{"id":3}}\n'))
    assert [row["id"] for row in lines] == ["1", None, "3"]
    assert lines[1]["_cdp_error"] == "broken line: longer than 16 MiB"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_a_gzip_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    """DuckDB reads what is there and says nothing: half a delivery would pass for a whole one."""
    body = "id,name\n" if "csv" in name else ""
    body += "".join(f"{n},{n * 7919}\n" if "csv" in name else f'{{"id":{n * 7919}}}\n' for n in range(5000))
    whole = gzip.compress(body.encode())
    assert len(read(written(tmp_path, f"whole-{name}", whole))) == 5000
    with pytest.raises(CdpError, match="ended before the end-of-stream marker"):
        read(written(tmp_path, name, whole[: len(whole) // 2]))
    with pytest.raises(CdpError, match="cannot be read"):
        read(written(tmp_path, f"bad-{name}", whole[:3000] + b"\xff" * 50 + whole[3050:]))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.csv", b"", "the file is empty, not even a header"),
        ("a.csv", b"\n1,a\n", "line 1 is blank; the header must stand there"),
        ("a.csv", "id,name\n1,a\n".encode("utf-16"), "line 1 is not text in UTF-8"),
        ("a.csv", b"id,caf\xe9\n1,a\n", "line 1 is not text in UTF-8"),
        ("a.csv", b"id," + b"x" * 200_000 + b"\n1,a\n", "field larger than field limit"),
        ("a.csv.gz", b"id,name\n1,a\n", "Not a gzipped file"),
        ("a.parquet", b"", "too small to be a Parquet file"),
        ("a.parquet", b"PAR1garbagePAR1", "cannot be read as parquet"),
        ("a.xlsx", b"PK", "cannot tell its format by its name"),
    ],
)
def test_what_is_no_table_is_refused_with_its_name(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    """What, where and what to do; never the file's content."""
    with pytest.raises(CdpError, match=reason) as refused:
        read(written(tmp_path, name, data))
    assert name in str(refused.value)
    assert refused.value.hint


def test_headers_that_fight_over_names(tmp_path: Path) -> None:
    """Case twins, repeats, our own prefixes, quotes, SQL and Jinja: each column has a name of its own."""
    header = '"a""b",a__2,a,a,A,"x\'); drop table y;--",{{ 1/0 }},100%,_cdp_file,,password'
    names = next(csv.reader(io.StringIO(header)))
    rows = read(
        written(tmp_path, "a.csv", header + "\n" + ",".join(str(n) for n in range(len(names))) + "\n")
    )
    values = [value for key, value in rows[0].items() if key not in OURS]
    # all but the password, which is never read
    assert sorted(values, key=int) == [str(n) for n in range(len(names) - 1)]
    assert rows[0]["x_cdp_file"] == "8"
    assert rows[0]["_cdp_file"] == "a.csv"


def test_json_lines_of_every_kind(tmp_path: Path) -> None:
    """Each line that is not blank is one row; what is no object says why."""
    data = (
        b"\xef\xbb\xbf"
        + b'{"a":1}\r\n{"a":\n\n[1]\nnull\n{"a":"caf\xe9"}\n{"a":"x\x01y"}\n{"a":'
        + (b"[" * 3000 + b"]" * 3000)
        + b'}\n{"a":"last"}'
    )
    rows = read(written(tmp_path, "a.jsonl", data))
    assert [(row["_cdp_position"], row["_cdp_error"]) for row in rows] == [
        (1, None),
        (2, "broken JSON"),
        (4, "the line is not a JSON object"),
        (5, "the line is not a JSON object"),
        (6, "broken line: invalid characters"),
        (7, "broken JSON"),
        (8, None),
        (9, None),
    ]
    assert (rows[0]["a"], rows[-1]["a"]) == ("1", "last")


def test_json_keys_of_every_kind(tmp_path: Path) -> None:
    """Slashes, quotes, tildes, wildcards, brackets, unicode, case twins and the empty key."""
    keys = ["a/b", "c~d", 'e"f', "é", "it's", "", "$.x", "g.h", "A/B", "*", "i[0]"]
    line = (
        "{"
        + ", ".join(f'{json.dumps(key, ensure_ascii=False)}: "{number}"' for number, key in enumerate(keys))
        + "}"
    )
    (row,) = read(written(tmp_path, "a.jsonl", line + "\n"))
    values = [value for key, value in row.items() if key not in OURS]
    assert sorted(values, key=int) == [str(number) for number in range(len(keys))]


def test_json_lines_in_a_declared_encoding(tmp_path: Path) -> None:
    """`encoding` counts for JSON lines too."""
    (row,) = read(written(tmp_path, "a.jsonl", '{"a":"Zoë"}\n'.encode("latin-1")), "latin-1")
    assert row["a"] == "Zoë"


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"id": pa.array([], pa.int64())}),
        pa.table({"file_row_number": [7, 8], "id": [1, 2]}),
        pa.table({'it\'s "q" {{x}}': [1], "": [2]}),
        pa.table({"Email": [7], "email": [8]}),
        pa.table({"s": [{"x": 1}], "l": [[1, 2]], "b": [b"\xff\x00"]}),
    ],
)
def test_parquet_of_every_kind(tmp_path: Path, table: pa.Table) -> None:
    """Empty, nested, with twins and with a column named like DuckDB's own row number."""
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    rows = read(path)
    assert [row["_cdp_position"] for row in rows] == list(range(1, table.num_rows + 1))
    assert all(None not in [v for k, v in row.items() if k not in OURS] for row in rows)


cell = st.text(alphabet=st.sampled_from('ab ,;"\n\té{%'), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cell, cell), max_size=8), line_end=st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_wrote_is_read(tmp_path: Path, rows: list[tuple[str, str]], line_end: str) -> None:
    """Any table of text comes back cell by cell (an empty cell is null)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "name"), *rows])
    found = read(written(tmp_path, "a.csv", text.getvalue()), delimiter=",")
    assert [(row["id"] or "", row["name"] or "", row["_cdp_error"]) for row in found] == [
        (*row, None) for row in rows
    ]


@pytest.mark.parametrize(
    "data",
    [
        '{"a": 1.10, "b": 1E5, "c": {"x": [1, 2.50], "y": null}, "d": "caf\\u00e9\\n\\/"}\n{"a": null}\n{"d": ""}\n',
        '{"a": 12345678901234567890123, "b": [], "c": {}, "d": true}\r\n{}\r\n',
        '{"a": {"k": 1, "k": 2}}\n',
        '{"a": 1}\n \t\n\n',
        '{"a": "x\\u0000y"}\n{"a": "null"}',
    ],
)
def test_a_good_file_is_read_in_one_stream(
    tmp_path: Path, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream is taken, and its rows are those of careful reading (`read` compares them)."""
    streamed: list[int] = []
    stream = readers._stream

    def counting(*arguments: Any) -> int:
        streamed.append(stream(*arguments))
        return streamed[-1]

    monkeypatch.setattr(readers, "_stream", counting)
    for name, content in (("a.jsonl", data.encode()), ("a.jsonl.gz", gzip.compress(data.encode()))):
        streamed.clear()
        rows = read(written(tmp_path, name, content))
        assert set(streamed) == {len(rows)}


@pytest.mark.parametrize(
    "data",
    [
        '{"a": 1}\n\n{"a": 2}\n',
        '{"a": 1}\nnull\n',
        '{"a": 1}\n[1]\n',
        '{"A": 1, "a": 2}\n',
        '{"a": 1}\n{"a": 2, "a": 3}\n',
        '{"a": 1}\n{"a\\u0000": 2}\n',
        '\ufeff{"a": 1}\n',
        '{"a": 1}\x0c\n\t\n{"a": 2}\n',
    ],
)
def test_what_a_stream_would_misread_is_read_with_care(tmp_path: Path, data: str) -> None:
    """Blank lines shift positions, `null` passes for a row, twins collide: each line keeps its place."""
    rows = read(written(tmp_path, "a.jsonl", data))
    lines = [number for number, line in enumerate(data.split("\n"), start=1) if line.strip()]
    assert [row["_cdp_position"] for row in rows] == lines


def test_names_that_a_sample_missed_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One object in a large file has a name more: the file is not taken without it."""
    monkeypatch.setattr(jsonl_files, "SAMPLE_BYTES", 200)
    lines = [f'{{"a": {n}}}' for n in range(20_000)]
    lines[7_777] = '{"a": 7777, "rare": "x", "password": "y"}'
    path = written(tmp_path, "a.jsonl", "\n".join(lines) + "\n")
    file, table = FileRef(path, path.name, path.stat().st_size, 1), TableSpec("t", path.name, ())
    with duckdb.connect() as con:
        found = readers.layout(con, file, table, exact=False)
        assert found.sampled
        assert set(found.names) == {"a"}
        with pytest.raises(readers.OtherNamesError):
            taken(con, file, table, found)
        wider = readers.layout(con, file, table, {"a", "rare", "b__2", "_cdp_hash"}, exact=False)
        assert set(wider.names) == {"a", "rare"}
        exact = readers.layout(con, file, table)
        assert set(exact.names) == {"a", "rare"}
        rows = taken(con, file, table, exact)
    assert [row["_cdp_position"] for row in rows if row["rare"]] == [7_778]


def test_a_large_file_keeps_its_order(tmp_path: Path) -> None:
    """Several of DuckDB's buffers, read by several threads: row n stands on line n, and progress is told on the way."""
    path = tmp_path / "a.jsonl"
    count = 250_000
    filler = "x" * 300
    path.write_text(
        "".join(f'{{"a": {n}, "b": "{filler}"}}\n' for n in range(1, count + 1)), encoding="utf-8"
    )
    file, table = FileRef(path, path.name, path.stat().st_size, 1), TableSpec("t", path.name, ())
    told: list[int] = []
    with duckdb.connect() as con:
        found = readers.layout(con, file, table, exact=False)
        assert found.sampled
        columns = [*found.names.values(), *readers.META, "_dlt_load_id"]
        target = tmp_path / "rows.parquet"
        assert (
            readers.write(con, file, table, found, columns, readers.Stamp(1, "7.5"), target, told.append)
            == count
        )
        wrong = con.execute(f"select count(*) from '{target}' where a <> _cdp_position::varchar").fetchall()
    assert wrong == [(0,)]
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == count


NUMBERS = (
    "0.00001", "100000000000000000000.5", "12345678901234567.891", "1.10", "1e5", "-0.0", "18446744073709551615",
    "123456789012345678901234567890", '{"x": 0.00001, "y": 1.10}', "[1.50, 1e5]", '"1.10"', "true", "null",
)  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_reads_alike_both_ways(tmp_path: Path, number: str) -> None:
    """A row whose file has a broken line elsewhere is the row it was: else it would count twice."""
    row = f'{{"id": 1, "n": {number}}}\n'
    [plain] = read(written(tmp_path, "a.jsonl", row))
    [careful, _] = read(written(tmp_path, "b.jsonl", row + "{broken\n"))

    assert plain["n"] == careful["n"]
    assert plain["_cdp_hash"] == careful["_cdp_hash"]


def test_names_are_in_raw_what_dlt_makes_of_them(tmp_path: Path) -> None:
    """Quotes and line breaks in a name; two that become one stay two columns."""
    data = '"Date d\'achat","E\nMail","a""b",a_b\n2026-01-01,a@x.io,1,2\n'
    [row] = read(written(tmp_path, "a.csv", data))

    assert {name: row[name] for name in ("Date d_achat", "E_Mail", "a_b", "a_b__2")} == {
        "Date d_achat": "2026-01-01",
        "E_Mail": "a@x.io",
        "a_b": "2",
        "a_b__2": "1",
    }


@pytest.mark.parametrize("header", ['id,"Size" (cm),email', 'id, "Size" (cm),email', 'id,"Size,email'])
def test_a_malformed_header_is_refused_before_it_swallows_the_file(tmp_path: Path, header: str) -> None:
    """DuckDB would take all lines, or all up to the next quote, for one header."""
    path = written(tmp_path, "a.csv", header + '\n1,4,a@x.io\n2,"5",b@x.io\n')
    with pytest.raises(CdpError, match=r"a\.csv: the header in line 1 cannot be told"):
        read(path)


@pytest.mark.parametrize(
    "header", ['"id" ,size,email', 'id,size,"email" ', 'id,Si"ze,email', "id,size,email\r"]
)
@pytest.mark.parametrize("encoding", [None, "utf-16"])
def test_a_header_that_can_be_read_is(tmp_path: Path, header: str, encoding: str | None) -> None:
    """With rows below it and alone."""
    line_end = "\r\n" if header.endswith("\r") else "\n"
    data = header.rstrip("\r") + line_end
    with_rows = data + f"1,4,a@x.io{line_end}2,5,b@x.io{line_end}"

    assert len(read(written(tmp_path, "a.csv", with_rows.encode(encoding or "utf-8")), encoding)) == 2
    assert read(written(tmp_path, "b.csv", data.encode(encoding or "utf-8")), encoding) == []


@pytest.mark.parametrize(
    "name",
    [
        "api-key",
        "api key",
        "clientSecret",
        "userPassword",
        "password1",
        "Passwort",
        "refresh_token",
        "APIKey",
    ],
)
def test_what_looks_like_a_credential_is_never_read(tmp_path: Path, name: str) -> None:
    """Not in its column, and not in the text of a broken line."""
    rows = read(written(tmp_path, "a.csv", f"id,{name},note\n1,S3CRET,x\n2,S3CRET\n"))
    rows += read(
        written(tmp_path, "a.jsonl", f'{{"id": 1, "{name}": "S3CRET"}}\n{{"id": 2, "{name}": "S3CRET"\n')
    )

    assert len(rows) == 4
    assert "S3CRET" not in str(rows)


@pytest.mark.parametrize(
    "name", ["token", "tokens_left", "secretary", "push_token_type", "keyword", "passport"]
)
def test_what_only_sounds_like_a_credential_is_read(name: str) -> None:
    """A column that opens nothing is kept."""
    assert not readers.is_credential(name)
