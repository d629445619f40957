"""SQL of the generated models that gather all source tables: entity unions, identifiers, work, quarantine, counts."""

from collections.abc import Sequence

from cli.config import Identifier
from cli.config_sources import Source
from cli.entities import Entity
from cli.sql_text import empty, text_or_null, typed_null
from cli.staged import StagedTable

COMMON = (
    ("record_id", "string"),
    ("record_key", "string"),
    ("source", "string"),
    ("source_table", "string"),
    ("brand", "string"),
    ("phone_region", "string"),
    ("node_id", "string"),
    ("record_updated_at", "timestamp"),
    ("load_seq", "bigint"),
)


def entity_columns(entity: Entity, identifiers: dict[str, Identifier]) -> list[tuple[str, str]]:
    """Name and type of every column of `stg_<plural>`."""
    columns = [*COMMON, *((c.name, c.sql_type) for c in entity.columns.values())]
    names = {name for name, _ in columns}
    columns += [
        (name, "string") for name, one in identifiers.items() if one.kind == "person" and name not in names
    ]
    columns += [(f"{kind}_delivered", "string") for kind in ("email", "phone") if kind in entity.columns]
    columns += [(one.name, "string") for one in entity.normalised]
    return [*columns, ("attributes", "string")]


def union_model(entity: Entity, staged: list[StagedTable], identifiers: dict[str, Identifier]) -> str:
    """`stg_<plural>`: all tables that feed the entity, with all its columns; no rows without a table."""
    columns = entity_columns(entity, identifiers)
    parts = []
    for one in staged:
        delivered = {
            f"{c.name}_delivered" for c in one.columns if c.delivered and c.kind in ("email", "phone")
        }
        listed = [
            name
            if not name.endswith("_delivered") or name in delivered
            else f"{typed_null(sql_type)} as {name}"
            for name, sql_type in columns
        ]
        parts.append("select\n    " + ",\n    ".join(listed) + f"\nfrom {{{{ ref('stg_{one.slug}') }}}}")
    body = "\nunion all\n".join(parts) or empty(columns)
    return f"{{{{ config(materialized='view') }}}}\n-- Grain: one row per record of entity {entity.name}.\n{body}\n"


VERSIONS = (
    ("record_id", "string"),
    ("source", "string"),
    ("source_table", "string"),
    ("brand", "string"),
    ("updated_at", "timestamp"),
    ("load_seq", "bigint"),
    ("file", "string"),
    ("position", "bigint"),
    ("is_deleted", "boolean"),
)


def versions_model(entity: Entity, staged: list[StagedTable]) -> str:
    """`stg_<entity>_versions`: every delivered version of each record that differs from the one it followed."""
    columns = [
        *VERSIONS,
        *((c.name, c.sql_type) for c in entity.columns.values()),
        ("attributes", "string"),
    ]
    parts = []
    for one in staged:
        told = {
            "source": f"'{one.source.name}'",
            "source_table": f"'{one.table.name}'",
            "brand": f"cast({text_or_null(one.table.brand or one.source.brand)} as varchar)",
        }
        listed = [f"{told[name]} as {name}" if name in told else name for name, _ in columns]
        parts.append(
            "select\n    "
            + ",\n    ".join(listed)
            + f"\nfrom {{{{ ref('rows_{one.slug}') }}}}\nwhere row_status = 'loaded'"
        )
    body = "\nunion all\n".join(parts) or empty(columns)
    return (
        "{{ config(materialized='view') }}\n"
        f"-- Grain: one row per delivered version of a record of entity {entity.name}.\n{body}\n"
    )


def identifiers_model(staged: list[StagedTable], time_columns: dict[str, str]) -> str:
    """`stg_identifiers`: which identity node carries which value, over all entities."""
    columns = (
        ("node_id", "string"),
        ("source", "string"),
        ("source_table", "string"),
        ("entity", "string"),
        ("brand", "string"),
        ("is_profile", "boolean"),
        ("identifier_type", "string"),
        ("identifier_value", "string"),
        ("canonical_value", "string"),
        ("first_seen_at", "timestamp"),
        ("last_seen_at", "timestamp"),
        ("records", "bigint"),
    )
    parts = []
    for one in staged:
        moment = time_columns.get(one.entity.name)
        seen = moment if moment else "cast(null as timestamp)"
        profile = "true" if one.entity.profile else "false"
        if one.entity.name == "event":
            profile = (
                "bool_or(type = 'identify' and coalesce(email, phone, first_name, last_name) is not null)"
            )
        for column in one.identifier_columns:
            # two literal addresses may be one mailbox: said beside, never used to link
            canonical = (
                f"{{{{ canonical_email('{column.name}') }}}}" if column.kind == "email" else column.name
            )
            parts.append(
                "select\n"
                f"    node_id, source, source_table, '{one.entity.name}' as entity, brand, {profile} as is_profile,\n"
                f"    '{column.identifier}' as identifier_type, {column.name} as identifier_value,\n"
                f"    {canonical} as canonical_value,\n"
                f"    min({seen}) as first_seen_at, max({seen}) as last_seen_at, count(*) as records\n"
                f"from {{{{ ref('stg_{one.slug}') }}}}\n"
                f"where {column.name} is not null"
                "{% if is_incremental() %} and node_id in (select node_id from {{ ref('touched_nodes') }}){% endif %}\n"
                f"group by node_id, source, source_table, brand, {column.name}"
            )
    body = "\nunion all\n".join(parts) or empty(columns)
    return (
        "{{ config(\n    materialized='incremental',\n    incremental_strategy='replace_touched',\n    touch_column='node_id',\n"
        "    touched_sql='select node_id from staging.touched_nodes',\n) }}\n"
        "-- Grain: one row per node, identifier type and value column of a source table.\n"
        "-- depends_on: {{ ref('touched_nodes') }}\n"
        f"{body}\n"
    )


def unread_identifiers_model(staged: list[StagedTable]) -> str:
    """`stg_unread_identifiers`: what was delivered as an address or number and is none."""
    columns = (
        ("record_id", "string"),
        ("node_id", "string"),
        ("source", "string"),
        ("brand", "string"),
        ("is_profile", "boolean"),
        ("identifier_type", "string"),
        ("delivered_value", "string"),
    )
    touched = (
        "select record_id from staging.stg_rows where load_id in (select load_id from staging.work_loads)"
    )
    parts = [
        f"select\n    record_id, node_id, source, brand, {'true' if one.entity.profile else 'false'} as is_profile,\n"
        f"    '{kind}' as identifier_type, {text} as delivered_value\n"
        f"from {{{{ ref('stg_{one.slug}') }}}}\n"
        f"where {text} is not null{{% if is_incremental() %}} and record_id in ({touched}){{% endif %}}"
        for one in staged
        for kind, text in one.unread
    ]
    body = "\nunion all\n".join(parts) or empty(columns)
    return (
        "{{ config(\n    materialized='incremental',\n    incremental_strategy='replace_touched',\n    touch_column='record_id',\n"
        f'    touched_sql="{touched}",\n) }}}}\n'
        "-- Grain: one row per record and source column whose text is no value of its identifier type, though not empty.\n"
        "-- depends_on: {{ ref('stg_rows') }} {{ ref('work_loads') }}\n"
        f"{body}\n"
    )


def rows_union_model(staged: list[StagedTable]) -> str:
    """`stg_rows`: the judgement of every raw row over all tables, without payload."""
    parts = [
        f"select '{one.source.name}' as source, '{one.table.name}' as source_table, '{one.entity.name}' as entity,\n"
        "    load_id, load_seq, file, position, record_id, row_status as status, row_reason as reason\n"
        f"from {{{{ ref('rows_{one.slug}') }}}}"
        for one in staged
    ]
    return (
        "{{ config(materialized='view') }}\n-- Grain: one row per physical raw row.\n"
        + "\nunion all\n".join(parts)
        + "\n"
    )


def record_nodes_model(staged: list[StagedTable]) -> str:
    """`stg_record_nodes`: the identity node of every record of a table that can have one."""
    parts = [
        f"select record_id, node_id, {'false' if one.immutable else 'true'} as is_mutable\n"
        f"from {{{{ ref('stg_{one.slug}') }}}}"
        for one in staged
        if one.entity.profile or one.identifier_columns
    ]
    body = "\nunion all\n".join(parts) or empty(
        (("record_id", "string"), ("node_id", "string"), ("is_mutable", "boolean"))
    )
    return f"{{{{ config(materialized='view') }}}}\n-- Grain: one row per current record that can carry identifiers.\n{body}\n"


def work_loads_model(sources: Sequence[Source]) -> str:
    """`work_loads`: complete loads that the last finished build has not marked."""
    parts = [
        f"select distinct '{one.name}' as source, files._dlt_load_id as load_id, files._cdp_load_seq as load_seq\n"
        f"from {{{{ source('raw_{one.name}', '_cdp_files') }}}} as files\n"
        f"inner join {{{{ source('raw_{one.name}', '_dlt_loads') }}}} as loads\n"
        "    on files._dlt_load_id = loads.load_id and loads.status = 0"
        for one in sources
    ]
    body = "\nunion all\n".join(parts)
    return f"""{{{{ config(materialized='table') }}}}
-- Grain: one row per complete load that this build has to take in.
with

complete as (
{body}
)

select source, load_id, load_seq
from complete
{{% if not flags.FULL_REFRESH %}}
where load_id not in (select load_id from {{{{ source('ops', 'built_loads') }}}} where source = complete.source)
{{% endif %}}
"""


def deal_versions_model(staged: list[StagedTable]) -> str:
    """`stg_deal_versions`: every version of a deal that its source dated, for stages and close dates it had before."""
    parts = [
        f"select\n    record_id,\n    '{one.source.name}' as source,\n    stage,\n    closed_at,\n    updated_at,\n"
        f"    row_number() over (\n        partition by record_id order by updated_at, load_seq, file, position\n"
        f"    ) as version_no\nfrom {{{{ ref('rows_{one.slug}') }}}}\n"
        "where row_status = 'loaded' and not is_deleted and updated_at is not null"
        for one in staged
        if one.entity.name == "deal" and one.table.updated_at
    ]
    body = "\nunion all\n".join(parts) or empty(
        (
            ("record_id", "string"),
            ("source", "string"),
            ("stage", "string"),
            ("closed_at", "timestamp"),
            ("updated_at", "timestamp"),
            ("version_no", "bigint"),
        )
    )
    return f"{{{{ config(materialized='view') }}}}\n-- Grain: one row per dated version of a deal.\n{body}\n"
