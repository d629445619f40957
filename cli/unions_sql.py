"""SQL of the generated models that gather all source tables: entity unions, identifiers, counts, config."""

from collections.abc import Sequence

from cli.config import CdpFile, Identifier
from cli.config_sources import Source
from cli.entities import Entity
from cli.staging_sql import StagedTable, plain

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
QUESTION_COLUMNS = (
    ("question", "string"),
    ("survey", "string"),
    ("metric", "string"),
    ("scale_min", "int"),
    ("scale_max", "int"),
    ("satisfied_from", "int"),
    ("easy_from", "int"),
    ("high_is", "string"),
    ("kind", "string"),
    ("touchpoint", "string"),
)


def _typed_null(sql_type: str) -> str:
    return f"cast(null as {{{{ sql_type('{sql_type}') }}}})"


def _empty(columns: Sequence[tuple[str, str]]) -> str:
    listed = ",\n    ".join(f"{_typed_null(sql_type)} as {name}" for name, sql_type in columns)
    return f"select\n    {listed}\nwhere false"


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
            else f"{_typed_null(sql_type)} as {name}"
            for name, sql_type in columns
        ]
        parts.append("select\n    " + ",\n    ".join(listed) + f"\nfrom {{{{ ref('stg_{one.slug}') }}}}")
    body = "\nunion all\n".join(parts) or _empty(columns)
    return f"{{{{ config(materialized='view') }}}}\n-- Grain: one row per record of entity {entity.name}.\n{body}\n"


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
    body = "\nunion all\n".join(parts) or _empty(columns)
    return (
        "{{ config(\n    materialized='incremental',\n    incremental_strategy='replace_touched',\n    touch_column='node_id',\n"
        "    touched_sql='select node_id from staging.touched_nodes',\n) }}\n"
        "-- Grain: one row per node, identifier type and value column of a source table.\n"
        "-- depends_on: {{ ref('touched_nodes') }}\n"
        f"{body}\n"
    )


def answers_model(staged: list[StagedTable]) -> str:
    """`stg_answers`: one row per answered question, wide or long, with the score read by cx.questions."""
    parts = []
    for one in staged:
        if one.entity.name != "response":
            continue
        for question in one.table.questions:
            parts.append(
                f"select record_id, source, survey, '{question}' as question, {{{{ clean_text('answer_{question}') }}}} as raw_answer\n"
                f"from {{{{ ref('stg_{one.slug}') }}}}\nwhere {{{{ clean_text('answer_{question}') }}}} is not null"
            )
        if "question" in one.table.columns:
            parts.append(
                "select record_id, source, survey, question, answer as raw_answer\n"
                f"from {{{{ ref('stg_{one.slug}') }}}}\nwhere question is not null and answer is not null"
            )
    empty = _empty(
        (
            ("record_id", "string"),
            ("source", "string"),
            ("survey", "string"),
            ("question", "string"),
            ("raw_answer", "string"),
        )
    )
    body = "\nunion all\n".join(parts) or empty
    return f"""{{{{ config(materialized='view') }}}}
-- Grain: one row per response record and question with an answer (wide exports unpivoted, long ones as they are).
with

delivered as (
{body}
),

-- `survey.question` of cdp.yml goes before a plain `question`
answers as (
    select
        delivered.*,
        coalesce(own.question_key, plain.question_key) as question_key
    from delivered
    left join {{{{ ref('config_questions') }}}} as own
        on delivered.question = own.question and delivered.survey = own.survey
    left join {{{{ ref('config_questions') }}}} as plain
        on delivered.question = plain.question and plain.survey is null
),

read as (
    select
        answers.record_id || '#' || answers.question as answer_id,
        answers.record_id,
        answers.source,
        answers.survey,
        answers.question,
        answers.question_key,
        answers.raw_answer,
        {{{{ parse_double('answers.raw_answer') }}}} as number,
        questions.scale_min,
        questions.scale_max,
        missing.code is not null as is_missing
    from answers
    left join {{{{ ref('config_questions') }}}} as questions
        on answers.question_key = questions.question_key
    left join {{{{ ref('config_missing_codes') }}}} as missing
        on
            questions.question_key = missing.question_key
            and lower(answers.raw_answer) = missing.code
),

judged as (
    select
        *,
        case
            -- an answer to a question that cdp.yml does not score, a comment for example
            when is_missing or question_key is null then null
            when number is null then 'not a number'
            when number < scale_min or number > scale_max then 'outside the scale'
            when number <> floor(number) then 'not a whole number'
        end as reason
    from read
)

select
    answer_id,
    record_id,
    source,
    survey,
    question,
    question_key,
    raw_answer,
    cast(case when reason is null and question_key is not null and not is_missing then number end as integer) as score,
    is_missing,
    reason
from judged
"""


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
    body = "\nunion all\n".join(parts) or _empty(
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


def quarantine_answers_model() -> str:
    """`quarantine.answers`: answers that cannot be used, their row staying loaded."""
    return (
        "{{ config(materialized='view', schema='quarantine', alias='answers') }}\n"
        "-- Grain: one row per rejected answer.\n"
        "select record_id, source, survey, question, raw_answer as raw, reason\n"
        "from {{ ref('stg_answers') }}\nwhere reason is not null\n"
    )


def config_models(file: CdpFile) -> dict[str, str]:
    """The parts of cdp.yml that models read: questions, missing codes, purposes, identifiers."""
    questions, codes = [], []
    for key, one in file.cx.questions.items():
        survey, _, name = key.rpartition(".")
        questions.append(
            (
                key,
                name,
                survey or None,
                one.metric,
                one.scale[0],
                one.scale[1],
                one.satisfied_from,
                one.easy_from,
                one.high_is,
                one.kind,
                one.touchpoint,
            )
        )
        codes += [(key, str(code).lower()) for code in one.missing]
    purposes = [(name, one.basis, one.channel, one.expires_after_days) for name, one in file.purposes.items()]
    identifiers = [
        (name, one.kind, one.scope, priority, one.max_profiles, one.max_per_customer, one.window_days)
        for priority, (name, one) in enumerate(file.identity.identifiers.items(), start=1)
    ]
    return {
        "config_questions": _values(
            (("question_key", "string"), *QUESTION_COLUMNS), questions, "survey question"
        ),
        "config_missing_codes": _values(
            (("question_key", "string"), ("code", "string")), codes, "question and code that means no answer"
        ),
        "config_purposes": _values(
            (
                ("purpose", "string"),
                ("basis", "string"),
                ("channel", "string"),
                ("expires_after_days", "int"),
            ),
            purposes,
            "purpose",
        ),
        "config_identifiers": _values(
            (
                ("identifier_type", "string"),
                ("kind", "string"),
                ("scope", "string"),
                ("priority", "int"),
                ("max_profiles", "int"),
                ("max_per_customer", "int"),
                ("window_days", "int"),
            ),
            identifiers,
            "identifier type",
        ),
    }


def _values(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]], grain: str) -> str:
    def one(row: Sequence[object]) -> str:
        cells = (
            f"cast({_literal(value)} as {{{{ sql_type('{sql_type}') }}}}) as {name}"
            for (name, sql_type), value in zip(columns, row, strict=True)
        )
        return "select " + ", ".join(cells)

    body = "\nunion all\n".join(one(row) for row in rows) or _empty(columns)
    return f"{{{{ config(materialized='view') }}}}\n-- Grain: one row per {grain} of cdp.yml.\n{body}\n"


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return str(value)
    return plain("'" + str(value).replace("'", "''") + "'")
