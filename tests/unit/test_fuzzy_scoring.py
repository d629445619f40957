"""Scores: a function of two records and the file; incremental equals full; components are judged by their content."""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from cli.fuzzy import Model, cut_weak_bridges, score, thresholds
from cli.fuzzy.bridges import agree
from tests.fuzzy_records import company, trained


def pairs_of(con: duckdb.DuckDBPyConnection, name: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = con.execute(f"select * from {name}").fetchall()
    assert all(row[0] < row[1] for row in rows)
    assert len({row[:2] for row in rows}) == len(rows)
    return {row[:2]: row[2:] for row in rows}


def full(con: duckdb.DuckDBPyConnection, model: Model) -> dict[tuple[str, str], tuple[Any, ...]]:
    score(con, "records", model, into="whole")
    return pairs_of(con, "whole")


def batches(con: duckdb.DuckDBPyConnection, seed: int) -> Iterable[list[str]]:
    ids = [row[0] for row in con.execute("select record_id from records order by record_id").fetchall()]
    random.Random(seed).shuffle(ids)
    cuts = sorted(random.Random(seed + 1).sample(range(1, len(ids)), 2))
    return [ids[a:b] for a, b in zip([0, *cuts], [*cuts, len(ids)], strict=True)]


@pytest.mark.parametrize(("seed", "cap"), [(1, 1000), (3, 6)])
def test_incremental_scores_equal_full_ones(seed: int, cap: int) -> None:
    """Also when blocks cross the cap on the way: their members are scored again, and stored pairs replaced."""
    con, _ = company()
    model = replace(trained(), block_cap=cap)
    expected = full(con, model)
    con.execute("create table held as select * from whole limit 0")
    con.execute("create table arrived (record_id varchar)")
    for batch in batches(con, seed):
        con.execute("create or replace table fresh as select unnest(?::varchar[]) as record_id", [batch])
        con.execute("insert into arrived from fresh")
        con.execute("create or replace view now as select * from records semi join arrived using (record_id)")
        done = score(con, "now", model, into="part", new_ids="fresh", skipped="skipped")
        con.execute("""
            delete from held where record_a in (from part_rescored) or record_b in (from part_rescored)
        """)
        con.execute("insert into held from part")
        assert done.rescored is not None
        assert done.rescored >= len(batch)

    assert pairs_of(con, "held") == expected
    blocks = con.execute("select count(*) from skipped").fetchone()
    assert blocks is not None
    assert (blocks[0] > 0) == (cap < 1000)


def test_a_pair_does_not_depend_on_other_rows() -> None:
    """Frequencies come from the file: half the records give the same scores for their pairs."""
    con, _ = company()
    whole = full(con, trained())
    con.execute("create table half as select * from records where hash(record_id) % 2 = 0")
    score(con, "half", trained(), into="part")
    part = pairs_of(con, "part")

    there = {row[0] for row in con.execute("select record_id from half").fetchall()}
    assert part
    assert part == {pair: row for pair, row in whole.items() if set(pair) <= there}


def test_weights_of_the_comparisons_add_up() -> None:
    con, _ = company()
    score(con, "records", trained(), into="whole")
    model = trained()
    parts = " + ".join(f"w_{c.name}" for c in model.comparisons)
    row = con.execute(f"""
        select max(abs(match_weight - (log2({model.match_share} / {1 - model.match_share}) + {parts} + w_relatives))),
            max(abs(match_probability - 1 / (1 + pow(2, -match_weight)))), max(w_relatives)
        from whole
    """).fetchone()

    assert row is not None
    assert row[0] < 1e-9
    assert row[1] < 1e-9
    assert row[2] <= 0.01  # doubt only ever lowers


def test_nothing_is_left_in_the_warehouse() -> None:
    """Comparable names are personal data: they live in memory only, and the connection is as it was."""
    con, _ = company()
    full(con, trained())
    tables = {row[0] for row in con.execute("select table_name from duckdb_tables()").fetchall()}
    views = con.execute("select count(*) from duckdb_views() where not internal").fetchone()

    assert tables == {"records", "whole"}
    assert views == (0,)
    assert con.execute("select current_database(), current_schema()").fetchone() == ("memory", "main")
    assert con.execute(
        "select count(*) from duckdb_databases() where database_name = 'cdp_fuzzy'"
    ).fetchone() == (0,)


def test_two_people_joined_by_one_link_are_parted() -> None:
    """Ninety-nine pairs speak against it: components over all links would make them one."""
    one, other = list(range(10)), list(range(10, 20))
    pairs = [(a, b, 9.0) for group in (one, other) for i, a in enumerate(group) for b in group[i + 1 :]]
    pairs += [(a, b, 8.0 if (a, b) == (0, 10) else -4.0) for a in one for b in other]

    assert agree([*one, *other], pairs) == [one, other]
    assert agree([*one, *other], random.Random(1).sample(pairs, len(pairs))) == [one, other]
    bound = agree([*one, *other], pairs, [(3, 17)])
    assert any({3, 17} <= set(group) for group in bound)


def test_a_record_with_gaps_stays_with_its_person() -> None:
    """Silence of some pairs is not evidence against the others."""
    pairs = [(0, 1, 9.0), (0, 2, 6.0), (1, 2, -1.0)]

    assert agree([0, 1, 2], pairs) == [[0, 1, 2]]


def test_bridges_are_cut_alike_in_any_order_and_raise_precision() -> None:
    con, truth = company()
    score(con, "records", trained(), into="whole")
    merge, review = thresholds(trained(), 0.97, 0.80)
    assert review <= merge
    con.execute(
        "create table links as select record_a, record_b from whole where match_weight >= ? order by 1, 2",
        [review],
    )
    cut = cut_weak_bridges(con, "records", "links", trained(), into="judged", at=merge)
    judged = con.execute("select record_a, record_b, kept, cluster from judged order by all").fetchall()
    con.execute(
        "create table turned as select record_b as record_a, record_a as record_b from links order by hash(record_a)"
    )
    cut_weak_bridges(con, "records", "turned", trained(), into="again", at=merge)

    assert con.execute("select * from again order by all").fetchall() == judged
    assert cut == sum(not row[2] for row in judged) > 0
    right_kept = [truth[a] == truth[b] for a, b, kept, _ in judged if kept]
    right_cut = [truth[a] == truth[b] for a, b, kept, _ in judged if not kept]
    assert sum(right_kept) / len(right_kept) > sum(right_cut) / len(right_cut)


def test_held_links_are_never_cut() -> None:
    con, _ = company()
    score(con, "records", trained(), into="whole")
    merge, _ = thresholds(trained(), 0.97, 0.80)
    con.execute("create table links as select record_a, record_b from whole where match_weight >= -2")
    cut_weak_bridges(con, "records", "links", trained(), into="judged", at=merge)
    con.execute("create table held as select record_a, record_b from judged where not kept")
    cut_weak_bridges(con, "records", "links", trained(), into="again", at=merge, held="held")

    assert con.execute("select count(*) from held").fetchone() != (0,)
    assert con.execute(
        "select count(*) from again semi join held using (record_a, record_b) where not kept"
    ).fetchone() == (0,)
