"""The sets of `benchmarks.identity_accuracy`: records in our canonical columns, and who each record is.

Adapters rename and trim; they do not clean. `national_id` is FEBRL's `soc_sec_id`.
"""

from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.corruption import COLUMNS, people_records

Loaded = tuple[pa.Table, dict[str, str]]

_FEBRL = """
    select trim(rec_id) as record_id, source, nullif(trim(given_name), '') as first_name, nullif(trim(surname), '') as last_name,
        nullif(concat_ws(' ', nullif(trim(street_number), ''), nullif(trim(address_1), '')), '') as street,
        nullif(trim(suburb), '') as city, nullif(trim(postcode), '') as postal_code, nullif(trim(state), '') as region,
        nullif(trim(date_of_birth), '') as birth_date, nullif(trim(soc_sec_id), '') as national_id
    from ({0}) order by record_id
"""
_FILE = "select *, '{1}' as source from read_csv('{0}', all_varchar = true, header = true, normalize_names = true)"


def _read(sql: str) -> pa.Table:
    with duckdb.connect() as con:
        return con.execute(sql).to_arrow_table()


def febrl1(data: Path) -> Loaded:
    """1,000 records, 500 of them mistyped copies."""
    records = _read(_FEBRL.format(_FILE.format(data / "febrl" / "febrl1.csv", "febrl")))
    return records, {r: r.split("-")[1] for r in records["record_id"].to_pylist()}


def febrl4(data: Path) -> Loaded:
    """5,000 records and a mistyped copy of each in a second file; resolved as one pile, not as a link of two."""
    files = [_FILE.format(data / "febrl" / f"febrl4{side}.csv.gz", side) for side in "ab"]
    records = _read(_FEBRL.format(" union all by name ".join(files)))
    return records, {r: r.split("-")[1] for r in records["record_id"].to_pylist()}


def fake_1000(data: Path) -> Loaded:
    """1,000 records of 251 people, many gaps."""
    path = data / "fake_1000" / "fake_1000.csv"
    both = _read(f"""
        select unique_id as record_id, first_name, surname as last_name, dob as birth_date, city, email, "cluster" as person
        from read_csv('{path}', all_varchar = true)
    """)
    return both.drop_columns(["person"]), _truth(both)


def rldata500(data: Path) -> Loaded:
    """500 German names with birth dates, 50 of them copies."""
    path = data / "rldata500" / "rldata500.csv"
    both = _read(f"""
        select rec_no as record_id, concat_ws(' ', fname_c1, fname_c2) as first_name,
            concat_ws(' ', lname_c1, lname_c2) as last_name,
            "by" || '-' || lpad(bm, 2, '0') || '-' || lpad(bd, 2, '0') as birth_date, true_id as person
        from read_csv('{path}', all_varchar = true)
    """)
    return both.drop_columns(["person"]), _truth(both)


def restaurant(data: Path) -> Loaded:
    """864 restaurants of two guides: organisations, reported only."""
    path = data / "restaurant_fodors_zagat" / "restaurant.csv"
    both = _read(f"""
        select id as record_id, name as full_name, addr as street, city, phone, "class" as person
        from read_csv('{path}', all_varchar = true)
    """)
    return both.drop_columns(["person"]), _truth(both)


def _truth(both: pa.Table) -> dict[str, str]:
    return dict(zip(both["record_id"].to_pylist(), both["person"].to_pylist(), strict=True))


def corrupted(severity: str) -> Loaded:
    """Simulated people with known errors (benchmarks/corruption.py)."""
    rows, truth = people_records(severity)
    return pa.table(
        {column: pa.array([row[column] for row in rows], pa.string()) for column in COLUMNS}
    ), truth


SETS: dict[str, Callable[[Path], Loaded]] = {
    "febrl1": febrl1,
    "febrl4": febrl4,
    "fake_1000": fake_1000,
    "rldata500": rldata500,
    "corrupted light": lambda _: corrupted("light"),
    "corrupted medium": lambda _: corrupted("medium"),
    "corrupted heavy": lambda _: corrupted("heavy"),
    "restaurant": restaurant,
}
