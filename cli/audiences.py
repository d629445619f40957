"""Audiences as they stand in the warehouse: sizes and guards, who came and went, whom they share.

Data flow: marts.audience_guards, audience_stays, audience_members -> plain dictionaries; no person is named.
"""

from typing import Any

import duckdb

from cli import warehouse
from cli.errors import CdpError, UsageError

LATELY_DAYS = 30
CHANGES = 10

_LIST = """
select
    guards.audience, guards.members, guards.held_out,
    case when sizes.run_id = clock.run_id then sizes.entered else 0 end as entered,
    case when sizes.run_id = clock.run_id then sizes.departed else 0 end as departed,
    guards.changed_at, guards.guard, guards.severity, guards.change_share,
    guards.min_members, guards.max_members, guards.max_change, guards.holdout_share
from marts.audience_guards as guards
left join marts.audience_sizes as sizes on sizes.audience = guards.audience
cross join staging.run_clock as clock
qualify row_number() over (partition by guards.audience order by sizes.size_seq desc) = 1
order by guards.audience
"""
_LATELY = f"""
select
    count(*) filter (where entered_at > clock.as_of - interval {LATELY_DAYS} day) as entered,
    count(*) filter (where left_at > clock.as_of - interval {LATELY_DAYS} day) as departed,
    cast(median(date_diff('day', entered_at, coalesce(left_at, clock.as_of))) as double) as median_days_in
from marts.audience_stays cross join staging.run_clock as clock where audience = ?
"""
_CHANGES = """
select measured_at, members, entered, departed, guard from marts.audience_sizes
where audience = ? order by size_seq desc limit ?
"""
_OVERLAP = """
with mine as (select customer_id from marts.audience_members where audience = $name),
others as (
    select
        others.audience, count(*) as members, count(mine.customer_id) as shared
    from marts.audience_members as others
    left join mine on others.customer_id = mine.customer_id
    where others.audience <> $name group by others.audience
)
select
    others.audience, others.members, others.shared,
    others.shared / (select count(*) from mine) as share_of_this, others.shared / others.members as share_of_other,
    -- how often both meet, by how often they would if one had nothing to do with the other
    others.shared * (select count(*) from marts.customer_360)
        / ((select count(*) from mine) * cast(others.members as double)) as lift
from others order by shared desc, audience
"""
_UPLIFT = "select * exclude (audience) from marts.audience_uplift where audience = ?"


def listed(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Every audience: members, those held out, change since the run before, guard.

    Raises CdpError when no build has made them.
    """
    if not warehouse.has_table(con, "marts", "audience_guards"):
        raise CdpError("there are no audiences yet: the warehouse has no marts", hint="build them: `cdp run`")
    return rows(con, _LIST, [])


def shown(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """One audience: its line of the list, changes lately, overlap with the others, what its holdout says.

    Shares are of 1; `lift` above 1 means that the two meet more often than chance.

    Raises UsageError that lists the audiences when there is none of that name.
    """
    everything = {str(row["audience"]): row for row in listed(con)}
    if name not in everything:
        raise UsageError(
            f"there is no audience `{name}`",
            hint=f"audiences: {', '.join(everything) or 'none; write models/audiences/<name>.sql'}",
        )
    uplift = rows(con, _UPLIFT, [name])
    return {
        **everything[name],
        "lately": {"days": LATELY_DAYS, **rows(con, _LATELY, [name])[0]},
        "changes": rows(con, _CHANGES, [name, CHANGES]),
        "overlap": rows(con, _OVERLAP, {"name": name}),
        "uplift": uplift[0] if uplift else None,
    }


def rows(con: duckdb.DuckDBPyConnection, sql: str, values: Any) -> list[dict[str, Any]]:
    """A query's rows by column name."""
    cursor = con.execute(sql, values)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
