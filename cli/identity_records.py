"""Who is meant: an address, a number, a customer_id or a record, resolved to record keys of identity.

Decisions about identity are stored by record key, so the words on the command line are looked up once, at entry.
"""

import duckdb

from cli.errors import UsageError

_HINT = "give an email, a phone with country code (+84...), a customer_id or a record_id (source.table:key)"


def customer_of(con: duckdb.DuckDBPyConnection, who: str) -> str:
    """The one customer meant, absorbed ids followed. Raises UsageError when nobody, or more than one, is meant."""
    found = _customers(con, who)
    if not found:
        raise UsageError(f"nobody is known as `{who}`", hint=_HINT)
    if len(found) > 1:
        some = ", ".join(record for _, record in found[:3])
        raise UsageError(
            f"`{who}` is carried by {len(found)} customers", hint=f"name the record you mean, e.g. {some}"
        )
    return found[0][0]


def one_record(con: duckdb.DuckDBPyConnection, who: str) -> str:
    """One record that stands for who is meant: the record itself, or the one that the customer's id lives on."""
    if node := _node(con, who):
        return node
    customer = customer_of(con, who)
    row = con.execute(
        """
        select owners.node_id
        from identity.node_customers as owners
        left join identity.registry as seeds on owners.node_id = seeds.seed_record and owners.customer_id = seeds.customer_id
        where owners.customer_id = ?
        order by seeds.registry_seq desc nulls last, owners.node_id
        limit 1
        """,
        [customer],
    ).fetchone()
    assert row is not None
    return str(row[0])


def side_of_split(con: duckdb.DuckDBPyConnection, who: str) -> list[str]:
    """The records that one side of a split means: the record, the holders of the value, or all of a customer."""
    if node := _node(con, who):
        return [node]
    rows = con.execute(
        """
        select distinct node_id from identity.int_identity__identifiers where lower(identifier_value) = lower(trim(?))
        order by 1
        """,
        [who],
    ).fetchall()
    if not rows:
        customer = customer_of(con, who)
        rows = con.execute(
            "select node_id from identity.node_customers where customer_id = ? order by 1", [customer]
        ).fetchall()
    return [str(row[0]) for row in rows]


def _node(con: duckdb.DuckDBPyConnection, who: str) -> str | None:
    """The identity node of a record_id: of a person itself, of an order or event that of its identifiers."""
    row = con.execute(
        """
        select node_id from identity.node_customers where node_id = trim(?)
        union all
        select node_id from staging.stg_record_nodes where record_id = trim(?) and node_id is not null
        """,
        [who, who],
    ).fetchone()
    return str(row[0]) if row else None


def _customers(con: duckdb.DuckDBPyConnection, who: str) -> list[tuple[str, str]]:
    """Customers meant, each with its smallest record."""
    rows = con.execute(
        """
        with wanted as (select trim(?) as who),
        named as (
            select owners.customer_id, owners.node_id
            from identity.node_customers as owners cross join wanted
            where owners.customer_id = who
            union all
            select owners.customer_id, owners.node_id
            from marts.customer_redirects as redirects
            inner join identity.node_customers as owners on redirects.new_customer_id = owners.customer_id
            cross join wanted
            where redirects.old_customer_id = who
            union all
            select owners.customer_id, owners.node_id
            from identity.int_identity__identifiers as carried
            inner join identity.node_customers as owners on carried.node_id = owners.node_id
            cross join wanted
            where lower(carried.identifier_value) = lower(who)
        )
        select customer_id, min(node_id) from named group by customer_id order by 2
        """,
        [who],
    ).fetchall()
    return [(str(customer), str(record)) for customer, record in rows]
