"""Probable links between contacts: from the reviewed model file to the tables that the identity models read.

A build works in three parts. Staging first; then `refresh` scores new and changed contacts against all others; identity takes
pairs at or above the merge threshold as links, weaker than any exact one; when components are known, `fuzzy_judge` looks at all
records of each and cuts links that hold by themselves but not in the company of the others.

What is stored is replaced in one transaction per step, and is a function of the contacts and the model file: a killed build does
it again. Until a build is marked `identity.fuzzy_touched` names contacts whose pairs have changed, `identity.fuzzy_former` links
that are gone.
"""

import hashlib
import math
from dataclasses import dataclass

import duckdb

from cli import fuzzy, fuzzy_model
from cli.config import Company
from cli.fuzzy_model import CONTACTS

TABLES = (
    "create schema if not exists identity",
    "create table if not exists identity.fuzzy_state (model varchar, merge_from double, review_from double)",
    "create table if not exists identity.fuzzy_pairs (record_a varchar, record_b varchar, match_weight double,"
    " email_weight double, phone_weight double, weights map(varchar, double))",
    "create table if not exists identity.fuzzy_cuts (record_a varchar, record_b varchar)",
    "create table if not exists identity.fuzzy_groups (node_id varchar, exact_group varchar)",
    "create table if not exists identity.fuzzy_touched (node_id varchar)",
    "create table if not exists identity.fuzzy_former (record_a varchar, record_b varchar, reason varchar)",
)
# The parts of a build, as dbt selections: what scoring needs, and what judging needs.
STAGED = ("+stg_contacts", "+touched_nodes")
CONNECTED = ("+node_components",)


@dataclass(frozen=True)
class Refreshed:
    """What a refresh found: the model it used, if any, and a line for the user when there is something to say."""

    model: fuzzy.Model | None
    merge_from: float
    told: str | None


def ensure(con: duckdb.DuckDBPyConnection) -> None:
    """Create the tables where they are missing."""
    for statement in TABLES:
        con.execute(statement)


def clear(con: duckdb.DuckDBPyConnection) -> None:
    """Forget every probable link: there can be none (any more). The rules changed with that, so the build is a full one."""
    if not holds(con, "identity.fuzzy_state"):
        return
    con.begin()
    _remember(con, "identity.fuzzy_pairs", "probable links are switched off")
    for table in ("fuzzy_state", "fuzzy_pairs", "fuzzy_cuts", "fuzzy_groups", "fuzzy_touched"):
        con.execute(f"delete from identity.{table}")
    con.execute("drop table if exists identity.fuzzy_blocks")
    con.commit()


def refresh(company: Company, con: duckdb.DuckDBPyConnection, full: bool) -> Refreshed:
    """Bring the scored pairs up to the staged contacts; a first run without a model file trains one and writes it.

    Raises ModelError when the model file is not one of this version.
    """
    con.execute(CONTACTS)
    model, told = fuzzy_model.of_run(company, con)
    if model is None or model.refused_because:
        _replace(con, None, math.inf, math.inf, everything=True)
        return Refreshed(None, math.inf, told)
    settings = company.file.identity.fuzzy
    merge_from, review_from = fuzzy.thresholds(model, settings.merge_at, settings.review_at)
    mark = hashlib.sha256(model.to_text().encode()).hexdigest()
    state = con.execute("select model, review_from from identity.fuzzy_state").fetchone()
    everything = full or state != (mark, review_from)
    con.execute("""
        create or replace temp table fuzzy_new as
        select record_id from fuzzy_contacts semi join staging.touched_nodes on record_id = touched_nodes.node_id
    """)
    if everything or holds(con, "staging.touched_nodes"):
        _score(con, model, review_from, everything)
        _replace(con, mark, merge_from, review_from, everything)
    return Refreshed(model, merge_from, told)


def holds(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Has the table a row?"""
    return con.execute(f"select 1 from {table} limit 1").fetchone() is not None


def _score(con: duckdb.DuckDBPyConnection, model: fuzzy.Model, review_from: float, everything: bool) -> None:
    """Score into working tables; what holds is replaced afterwards, at once."""
    con.execute("drop table if exists identity.fuzzy_blocks_next")
    known = con.execute(
        "select 1 from information_schema.tables where table_schema = 'identity' and table_name = 'fuzzy_blocks'"
    ).fetchone()
    if known and not everything:
        con.execute("create table identity.fuzzy_blocks_next as from identity.fuzzy_blocks")
    # a hair below, so that rounding drops no pair that the weight itself lets in
    keep_from = 1 / (1 + 2 ** -max(review_from - 0.001, -50.0))
    fuzzy.score(
        con,
        "fuzzy_contacts",
        model,
        into="identity.fuzzy_scored",
        new_ids=None if everything else "fuzzy_new",
        skipped="identity.fuzzy_blocks_next",
        keep_from=keep_from,
    )
    weights = ", ".join(f"'{one.name}': w_{one.name}" for one in model.comparisons)
    given = {one.name for one in model.comparisons}
    con.execute(f"""
        create or replace temp table fuzzy_found as
        select
            record_a, record_b, match_weight,
            {"w_email" if "email" in given else "0.0"} as email_weight,
            {"w_phone" if "phone" in given else "0.0"} as phone_weight,
            map {{{weights}, 'relatives': w_relatives}} as weights,
        from identity.fuzzy_scored where match_weight >= {review_from!r}
    """)
    rescored = "select record_id from fuzzy_contacts" if everything else "from identity.fuzzy_scored_rescored"
    con.execute(f"create or replace temp table fuzzy_rescored as {rescored}")


def _replace(
    con: duckdb.DuckDBPyConnection, mark: str | None, merge_from: float, review_from: float, everything: bool
) -> None:
    """Put the pairs found in place of those of the rescored and of vanished contacts; whose pairs differ is touched."""
    if mark is None:
        con.execute("create or replace temp table fuzzy_found as from identity.fuzzy_pairs limit 0")
    gone = "true" if everything else (
        "record_a in (from fuzzy_rescored) or record_b in (from fuzzy_rescored)"
        " or record_a not in (select record_id from fuzzy_contacts)"
        " or record_b not in (select record_id from fuzzy_contacts)"
    )  # fmt: skip
    con.begin()
    con.execute(f"create or replace temp table fuzzy_gone as from identity.fuzzy_pairs where {gone}")
    con.execute("""
        insert into identity.fuzzy_touched
        with changed as (
            (select record_a, record_b, match_weight from fuzzy_gone
            except select record_a, record_b, match_weight from fuzzy_found)
            union all
            (select record_a, record_b, match_weight from fuzzy_found
            except select record_a, record_b, match_weight from fuzzy_gone)
        )
        select record_a from changed union select record_b from changed
    """)
    still = (
        f"select (record_a, record_b) from fuzzy_found where match_weight >= cast('{merge_from}' as double)"
    )
    reason = "the rules changed" if everything else "a record changed"
    _remember(con, "fuzzy_gone", reason, f"and (record_a, record_b) not in ({still})")
    con.execute(f"delete from identity.fuzzy_pairs where {gone}")
    con.execute("insert into identity.fuzzy_pairs from fuzzy_found order by record_a, record_b")
    con.execute("delete from identity.fuzzy_state")
    if mark is not None:
        con.execute("insert into identity.fuzzy_state values (?, ?, ?)", [mark, merge_from, review_from])
        con.execute("drop table if exists identity.fuzzy_blocks")
        con.execute("alter table identity.fuzzy_blocks_next rename to fuzzy_blocks")
        con.execute("drop table if exists identity.fuzzy_scored")
        con.execute("drop table if exists identity.fuzzy_scored_rescored")
    con.commit()


def _remember(con: duckdb.DuckDBPyConnection, pairs: str, reason: str, also: str = "") -> None:
    """Pairs that the last build linked and that are none any more: what parted people says so until a build is marked."""
    con.execute(
        f"""insert into identity.fuzzy_former
            select pairs.record_a, pairs.record_b, ? from {pairs} as pairs cross join identity.fuzzy_state as state
            where pairs.match_weight >= state.merge_from {also}""",
        [reason],
    )
