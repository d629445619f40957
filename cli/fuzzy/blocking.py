"""Which pairs are looked at: rules of equal keys, chosen at training, kept in the model file.

A rule is a set of key names; two records meet when all keys of a rule are equal. Tight rules come first; loose ones (a
name alone, a date alone) are taken only while the pairs they add stay in proportion to the records, so small data are
searched almost exhaustively and large data are not. A block over the cap is skipped and reported: it
would cost its square, and a value that thousands share says nothing about two of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from cli.fuzzy.prepare import PREPARED
from cli.fuzzy.scratch import SCHEMA

PAIRS = f"{SCHEMA}.pairs"
BLOCKS = f"{SCHEMA}.blocks"
CAP = 1000  # records in a block
PER_RECORD = 15  # pairs per record that all rules may add up to
PER_RULE = 4  # and one rule
AT_LEAST = 600_000  # pairs that are cheap whatever the number of records

# Key -> expression over the prepared table; null keeps a record out of the rule.
KEYS: dict[str, str] = {
    "email": "email",
    "email_user": "case when strlen(email_user) >= 4 then email_user end",
    "phone": "phone",
    "national_id": "national_id",
    "given": "given_key",
    "given_sound": "given_sound",
    "family": "family_key",
    "family_sound": "family_sound",
    "initial": "substr(given, 1, 1)",
    "both_names": "least(given_sound, family_sound) || ' ' || greatest(given_sound, family_sound)",
    "birth": "birth",
    "birth_year": "birth_year",
    "birth_day_month": "case when birth_month < birth_day then birth_month || birth_day else birth_day || birth_month end",
    "year_month": "birth_year || birth_month",
    "year_day": "birth_year || birth_day",
    "postal_code": "postal_code",
    "street": "street",
    "city": "city",
    "family_start": "substr(family, 1, 3)",
    "given_start": "substr(given, 1, 3)",
}

# Tight to loose; the order decides what is affordable, not what a pair scores.
RULES: tuple[tuple[str, ...], ...] = (
    ("national_id",),
    ("email",),
    ("phone",),
    ("email_user",),
    ("both_names", "birth_year"),
    ("family_sound", "birth"),
    ("given_sound", "birth"),
    ("both_names", "birth_day_month"),
    ("family", "postal_code", "initial"),
    ("given", "postal_code", "family_start"),
    ("street", "given_start"),
    ("given", "family"),
    ("family", "year_month"),
    ("family", "year_day"),
    ("family", "birth_day_month"),
    ("given", "year_month"),
    ("given", "year_day"),
    ("given", "birth_day_month"),
    ("birth", "postal_code"),
    ("birth", "city"),
    ("street", "postal_code"),
    ("both_names",),
    ("street", "family_start"),
    ("birth", "initial"),
    ("birth",),
    ("postal_code", "given_sound"),
    ("postal_code", "family_sound"),
    ("city", "given", "family_start"),
    ("family", "given_start"),
    ("given", "family_start"),
    ("street",),
    ("family", "city"),
    ("given", "city"),
    ("family_sound", "birth_year"),
    ("given_sound", "birth_year"),
    ("birth_day_month",),
    ("year_month",),
    ("family",),
    ("family_sound",),
    ("given",),
    ("given_sound",),
    ("postal_code",),
    ("year_day",),
    ("family_start",),
    ("given_start",),
)


@dataclass(frozen=True)
class Rule:
    """A rule, and how many pairs of the training data it looks at."""

    keys: tuple[str, ...]
    pairs: int

    @property
    def name(self) -> str:
        """As shown: `family + birth`."""
        return " + ".join(self.keys)


def key_sql(keys: Sequence[str]) -> str:
    """One number per record and rule, cheaper to join than text; null when a part is missing."""
    text = " || chr(31) || ".join(f"({KEYS[key]})" for key in keys)
    return f"case when ({text}) is not null then hash({text}) end"


def choose(con: duckdb.DuckDBPyConnection) -> list[Rule]:
    """The rules that these records can afford, in order."""
    counted = con.execute("select count(*) from " + PREPARED).fetchone()
    assert counted is not None
    budget, each = max(AT_LEAST, PER_RECORD * counted[0]), max(AT_LEAST, PER_RULE * counted[0])
    spent, chosen = 0, []
    for keys in RULES:
        row = con.execute(f"""
            select coalesce(sum(n * (n - 1) // 2), 0)::bigint from (
                select count(*) as n from {PREPARED} where ({key_sql(keys)}) is not null group by {key_sql(keys)}
            ) where n <= {CAP}
        """).fetchone()
        pairs = int(row[0]) if row else 0
        if pairs and pairs <= each and spent + pairs <= budget:
            spent += pairs
            chosen.append(Rule(keys, pairs))
    return chosen


def key_blocks(con: duckdb.DuckDBPyConnection, rules: Sequence[Sequence[str]], cap: int) -> None:
    """Write `blocks` (rule, key, size) of blocks over the cap, and the keyed records without them."""
    columns = ", ".join(f"{key_sql(keys)} as key_{i}" for i, keys in enumerate(rules))
    con.execute(
        f"create or replace table {SCHEMA}.keyed as select row_id, record_id, {columns} from {PREPARED}"
    )
    con.execute(f"create or replace table {BLOCKS} (rule varchar, key_hash varchar, size bigint)")
    for i, keys in enumerate(rules):
        name = " + ".join(keys)
        con.execute(f"""
            insert into {BLOCKS}
            select '{name}', cast(key_{i} as varchar), count(*) from {SCHEMA}.keyed
            where key_{i} is not null group by key_{i} having count(*) > {cap}
        """)
        skipped = f"(select key_hash from {BLOCKS} where rule = '{name}')"
        if con.execute(f"select 1 from {skipped} limit 1").fetchone():
            con.execute(
                f"update {SCHEMA}.keyed set key_{i} = null where cast(key_{i} as varchar) in {skipped}"
            )


def pair_up(
    con: duckdb.DuckDBPyConnection, rules: Sequence[Sequence[str]], *, only_new: bool = False
) -> None:
    """Write each candidate pair once, smaller row first; with `only_new`, those that touch `new_rows`."""
    keyed = f"{SCHEMA}.keyed"
    left = f"(select * from {keyed} semi join {SCHEMA}.new_rows using (row_id))" if only_new else keyed
    # a new record may stand on either side of its pairs, so both orders are met and put right
    order = "a.row_id <> b.row_id" if only_new else "a.row_id < b.row_id"
    parts = [
        f"select least(a.row_id, b.row_id) as l, greatest(a.row_id, b.row_id) as r"
        f" from {left} as a inner join {keyed} as b on a.key_{i} = b.key_{i} where {order}"
        for i in range(len(rules))
    ]
    con.execute(f"create or replace table {PAIRS} as " + " union ".join(parts))
