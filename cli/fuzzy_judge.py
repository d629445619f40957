"""Judging probable links in the company of all records of their component, between two parts of a build.

Components hold every link, also one that a single wrong pair makes between two people of ten records each. What exact links
and decisions join stays together; what only probability joins must fit the records of both sides.
"""

import duckdb

from cli import fuzzy
from cli.fuzzy_links import Refreshed, holds
from cli.fuzzy_model import CONTACTS
from cli.overrides import Groups


def judge(con: duckdb.DuckDBPyConnection, refreshed: Refreshed, full: bool) -> None:
    """Cut links that the other records of a component speak against, in the components worked out in this build."""
    affected = "true" if full else "node_id in (select node_id from staging.affected_nodes)"
    con.execute(CONTACTS)
    con.execute(f"""
        create or replace temp table fuzzy_members as
        with linked as (
            select distinct component from identity.node_components
            where {affected} and node_id in (select record_a from identity.int_identity__fuzzy_links where is_link)
        )
        select node_id, component from identity.node_components where component in (from linked)
    """)
    _exact_groups(con)
    con.execute(
        "create or replace table identity.fuzzy_judged (record_a varchar, record_b varchar, kept boolean)"
    )
    if refreshed.model is not None and holds(con, "fuzzy_members"):
        con.execute("""
            create or replace temp view fuzzy_in_question as
            from fuzzy_contacts where record_id in (select node_id from fuzzy_members)
        """)
        con.execute("""
            create or replace temp table fuzzy_joined as
            select record_a, record_b from identity.int_identity__fuzzy_links
            where is_link and record_a in (select node_id from fuzzy_members)
        """)
        fuzzy.cut_weak_bridges(
            con, "fuzzy_in_question", "fuzzy_joined", refreshed.model,
            into="identity.fuzzy_judged", at=refreshed.merge_from, held="fuzzy_held",
        )  # fmt: skip
    con.begin()
    con.execute(f"delete from identity.fuzzy_cuts where {affected.replace('node_id in', 'record_a in', 1)}")
    con.execute(
        "insert into identity.fuzzy_cuts select record_a, record_b from identity.fuzzy_judged where not kept order by all"
    )
    con.execute(f"delete from identity.fuzzy_groups where {affected}")
    con.execute("insert into identity.fuzzy_groups from fuzzy_grouped order by node_id")
    con.execute("drop table identity.fuzzy_judged")
    con.commit()


def _exact_groups(con: duckdb.DuckDBPyConnection) -> None:
    """Members that exact links and decisions join by themselves: `fuzzy_grouped`, and as links between contacts `fuzzy_held`."""
    edges = con.execute("""
        with carried as (
            select node_id, value_key from identity.int_identity__worked_values
            where is_linking and node_id in (select node_id from fuzzy_members)
        )
        select node_id, min(node_id) over (partition by value_key) from carried
        union all
        select record_key, other_key from identity.override_effects
        where effect = 'joined'
            and record_key in (select node_id from fuzzy_members) and other_key in (select node_id from fuzzy_members)
    """).fetchall()
    groups = Groups()
    for one, other in edges:
        groups.join(one, other)
    members = {str(row[0]) for row in con.execute("select node_id from fuzzy_members").fetchall()}
    units = groups.units(members)
    con.execute("create or replace temp table fuzzy_grouped (node_id varchar, exact_group varchar)")
    con.execute(
        "insert into fuzzy_grouped select unnest(?::varchar[]), unnest(?::varchar[])",
        [[node for node, _ in units], [unit for _, unit in units]],
    )
    con.execute("""
        create or replace temp table fuzzy_held as
        select first_contact as record_a, node_id as record_b
        from (
            select node_id, min(node_id) over (partition by exact_group) as first_contact
            from fuzzy_grouped where node_id in (select record_id from fuzzy_contacts)
        )
        where first_contact <> node_id
    """)
