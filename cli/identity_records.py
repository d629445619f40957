"""Who is meant: an address, a number, a customer_id or a record, resolved to record keys of identity.

Decisions about identity are stored by record key, so the words on the command line are looked up once, at entry.
"""

import re
from typing import Any

import duckdb

from cli import warehouse
from cli.errors import UsageError

_HINT = "give an email, a phone with country code (+84...), a customer_id or a record_id (source.table:key)"


# as many are named where a word means several
_NAMED = 5


def customer_of(con: duckdb.DuckDBPyConnection, who: str) -> str:
    """The one customer meant, absorbed ids followed. Raises UsageError when nobody, or more than one, is meant."""
    found = _customers(con, who)
    if not found:
        raise UsageError(f"nobody is known as `{who}`", hint=_HINT)
    if len(found) > 1:
        some = ", ".join(f"{customer} ({record})" for customer, record in found[:_NAMED])
        more = ", ..." if len(found) > _NAMED else ""
        raise UsageError(
            f"`{who}` is carried by {len(found)} customers{_why_not(con, who)}: {some}{more}",
            hint="name the customer_id or the record you mean",
        )
    return found[0][0]


def _why_not(con: duckdb.DuckDBPyConnection, who: str) -> str:
    """Why a value links nobody, where that is so."""
    if not warehouse.has_table(con, "marts", "identity_quarantine"):
        return ""
    row = con.execute(
        "select string_agg(distinct reason, ', ' order by reason) from marts.identity_quarantine"
        f" where {_IS_MEANT.format(value='value', type='type')}",
        _spelled(con, who),
    ).fetchone()
    return f" and links nobody ({row[0]})" if row and row[0] else ""


# An identifier as somebody types it: as staging spells it, in any case; a phone also as it is dialled inside any country.
_IS_MEANT = """(
    lower({value}) = lower($who)
    or {type} = 'email' and {value} = $email
    or {type} = 'phone' and list_contains($phones, {value})
    or {type} = 'phone' and $phone is not null
    and (
        {value} = $phone
        -- a calling code has one to three digits: anything longer in front is another number
        or starts_with($phone, '0') and ends_with({value}, substr($phone, 2)) and length({value}) - length($phone) between 1 and 3
    )
)"""
_PHONE = re.compile(r"\+?[\d\s().-]{8,}")


def _spelled(con: duckdb.DuckDBPyConnection, who: str) -> dict[str, Any]:
    """What was typed; what staging's normalisers make of it, as an address and as a phone of each region; as it is dialled."""
    from cli import macros

    regions = [("",)]
    if warehouse.has_table(con, "staging", "config_phone_regions"):
        regions += con.execute("select phone_region from staging.config_phone_regions").fetchall()
    phones = ", ".join(
        macros.sql("normalize_phone", "typed", region) for region in {one for (one,) in regions}
    )
    text, email = (macros.sql(name, "typed") for name in ("clean_text", "normalize_email"))
    row = con.execute(f"select {text}, {email}, [{phones}] from (select ? as typed)", [who]).fetchone()
    assert row is not None
    who, address, read = row
    who = who or ""
    dialled = re.sub(r"[\s().-]", "", who) if _PHONE.fullmatch(who) else None
    return {"who": who, "email": address, "phones": [one for one in read if one], "phone": dialled}


def first_record(con: duckdb.DuckDBPyConnection, who: str, customer: str) -> str:
    """The record that was named, or the smallest of the customer's that carry what was named, or their smallest."""
    row = con.execute(
        f"""
        select node_id
        from identity.node_customers as owners
        left join (
            select distinct node_id as carrier from identity.int_identity__identifiers
            where {_IS_MEANT.format(value="identifier_value", type="identifier_type")}
        ) as carriers on carriers.carrier = owners.node_id
        where owners.customer_id = $customer
        order by node_id = $who desc, carrier is not null desc, node_id
        limit 1
        """,
        _spelled(con, who) | {"customer": customer},
    ).fetchone()
    assert row is not None
    return str(row[0])


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
        f"""
        select distinct node_id from identity.int_identity__identifiers
        where {_IS_MEANT.format(value="identifier_value", type="identifier_type")}
        order by 1
        """,
        _spelled(con, who),
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
        f"""
        with named as (
            select customer_id, node_id
            from identity.node_customers
            where customer_id = $who or node_id = $who
            union all
            select owners.customer_id, owners.node_id
            from marts.customer_redirects as redirects
            inner join identity.node_customers as owners on redirects.new_customer_id = owners.customer_id
            where redirects.old_customer_id = $who
            union all
            select owners.customer_id, owners.node_id
            from (
                select distinct node_id from identity.int_identity__identifiers
                where {_IS_MEANT.format(value="identifier_value", type="identifier_type")}
            ) as carried
            inner join identity.node_customers as owners on carried.node_id = owners.node_id
        )
        select customer_id, min(node_id) from named group by customer_id order by 2
        """,
        _spelled(con, who),
    ).fetchall()
    return [(str(customer), str(record)) for customer, record in rows]
