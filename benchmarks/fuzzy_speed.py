"""Fuzzy stage against bare Splink: `python -m benchmarks.fuzzy_speed [--records 1000000]`.

The stage (`cli.fuzzy.score`: comparable forms, block caps, scoring, the table of pairs) and Splink alone on the same
comparable forms with the same settings (`bare_splink`), alternating, in one process. Contacts are simulated: names
by 1/rank, one in seven a mistyped copy.
"""

import argparse
import logging
import time
from pathlib import Path

import duckdb

from cli.fuzzy import Model, score, train
from cli.fuzzy.blocking import key_blocks
from cli.fuzzy.frequencies import term_table
from cli.fuzzy.prepare import PREPARED, prepare
from cli.fuzzy.score import KEEP_FROM, splink_settings
from cli.fuzzy.scratch import SCHEMA, inside, scratch

NAMES = Path(__file__).parent / "data" / "names_by_country.csv"


def make_contacts(con: duckdb.DuckDBPyConnection, records: int) -> None:
    """Write `contacts`: six sevenths distinct people, one seventh copies with an error."""
    con.execute(f"""
        create or replace table names as
        select part, lower(coalesce(nullif(roman, ''), native)) as name,
            row_number() over (partition by part order by md5(native)) as place
        from (select distinct part, native, roman from read_csv('{NAMES}', header = true, all_varchar = true))
    """)
    people = records * 6 // 7
    con.execute(f"""
        -- Grain: one row per contact
        create or replace table contacts as
        with sizes as (select part, count(*) as n from names group by part),
        drawn as (
            select i, if(i < {people}, i, hash(i, 'who') % {people}) as p from range({records}) as r (i)
        ),
        rolled as (
            -- by 1 / rank, near enough: rank = n ^ u
            select d.*,
                date '1940-01-01' + (hash(p, 'b') % 24000)::integer as born,
                cast(pow((select n from sizes where part = 'given'), (hash(p, 'g') % 100000) / 100000.0) as bigint) as g,
                cast(pow((select n from sizes where part = 'family'), (hash(p, 'f') % 100000) / 100000.0) as bigint) as f,
                if(i < {people}, 0, 1 + hash(i, 'e') % 6) as error
            from drawn as d
        )
        select 'c' || lpad(r.i::varchar, 8, '0') as record_id, 'crm' as source,
            if(error = 1, substr(g.name, 1, 1) || substr(g.name, 3), g.name) as first_name,
            if(error = 2, f.name || substr(f.name, -1), f.name) as last_name,
            if(error = 3, strftime(born, '%Y-%d-%m'), strftime(born, '%Y-%m-%d')) as birth_date,
            if(error = 4, null, 'u' || p || '@mail' || (hash(p, 'd') % 40) || '.example') as email,
            if(error = 5, null, '44' || (7000000000 + hash(p, 't') % 999999999)) as phone,
            (1 + hash(p, 'n') % 150) || ' ' || s.name || ' st' as street,
            'town ' || hash(if(error = 6, i, p), 'c') % 900 as city,
            (10000 + (hash(if(error = 6, i, p), 'c') % 900) * 9 + hash(p, 'z') % 9)::varchar as postal_code
        from rolled as r
        inner join names as g on g.part = 'given' and g.place = r.g
        inner join names as f on f.part = 'family' and f.place = r.f
        inner join names as s on s.part = 'family' and s.place = 1 + hash(r.p, 's') % 900
    """)


def bare_splink(con: duckdb.DuckDBPyConnection, model: Model) -> int:
    """Splink alone: block by the model's rules and predict; needs the prepared table, with keys as columns."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    with inside(con):
        api = DuckDBAPI(con)
        linker = Linker(api.register("with_keys"), splink_settings(model), validate_settings=False)
        for terms in model.terms:
            linker.table_management.register_term_frequency_lookup(
                api.register(f"tf_{terms.column}"), terms.column
            )
        scored = linker.inference.predict(threshold_match_probability=KEEP_FROM, warning_mode="never")
        row = con.execute(f"select count(*) from {scored.physical_name}").fetchone()
        return int(row[0]) if row else 0


def prepare_bare(con: duckdb.DuckDBPyConnection, records: str, model: Model) -> None:
    """Untimed: what bare Splink is given."""
    prepare(con, records)
    key_blocks(con, model.rules, model.block_cap)
    for terms in model.terms:
        term_table(con, terms, f"{SCHEMA}.tf_{terms.column}")
    con.execute(f"""
        create or replace table {SCHEMA}.with_keys as
        select p.*, k.* exclude (row_id, record_id) from {PREPARED} as p inner join {SCHEMA}.keyed as k using (row_id)
    """)


def main() -> None:
    """Print seconds of training, of the stage and of bare Splink."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    asked = parser.parse_args()
    con = duckdb.connect()
    make_contacts(con, asked.records)
    started = time.perf_counter()
    model = train(con, "contacts", as_of="2026-01-01T00:00:00Z")
    print(
        f"train: {time.perf_counter() - started:.1f} s, {len(model.rules)} rules,"
        f" about {model.expected_matches:.0f} matching pairs",
        flush=True,
    )
    for _ in range(2):
        started = time.perf_counter()
        done = score(con, "contacts", model, into="pairs")
        stage = time.perf_counter() - started
        with scratch(con):
            prepare_bare(con, "contacts", model)
            started = time.perf_counter()
            found = bare_splink(con, model)
            bare = time.perf_counter() - started
        print(
            f"stage {stage:.1f} s ({done.candidates} candidates, {done.pairs} pairs),"
            f" bare {bare:.1f} s ({found} pairs): {stage / bare:.2f}x",
            flush=True,
        )


if __name__ == "__main__":
    main()
