"""SQL of the generated staging models of one source table (see docs/architecture.md, Staging).

raw_<source>.<table> -> rows_<source>__<table> (each raw row judged once) -> stg_<source>__<table> (current versions)

Only text is produced here; `cli/generate.py` decides what is written where. Engine-specific SQL stays in macros.
"""

import re
from dataclasses import dataclass, field

from cli.config import Company
from cli.config_sources import ColumnMap, Source, Table
from cli.entities import Column, Entity, entities

# The moment each entity speaks of: first and last sight of an identifier are taken from it.
TIME_COLUMNS = {
    "contact": "created_at",
    "order": "ordered_at",
    "order_line": "ordered_at",
    "refund": "refunded_at",
    "event": "occurred_at",
    "ticket": "opened_at",
    "interaction": "occurred_at",
    "response": "responded_at",
    "invitation": "sent_at",
    "message": "occurred_at",
    "consent": "occurred_at",
    "deal": "created_at",
    "subscription": "started_at",
    "post": "posted_at",
    "stage_change": "changed_at",
}


@dataclass(frozen=True)
class StagedColumn:
    """One column of the staged table: its SQL over the raw row, and the check that can reject the row."""

    name: str
    kind: str
    sql_type: str
    expression: str
    delivered: str | None = None
    problem: str | None = None
    description: str = ""
    pii: bool = False
    identifier: str | None = None


@dataclass(frozen=True)
class StagedTable:
    """Everything the templates need to know of one source table."""

    source: Source
    table: Table
    entity: Entity
    columns: list[StagedColumn]
    attributes: list[StagedColumn]
    key: list[str]
    identifier_columns: list[StagedColumn] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """`<source>__<table>`."""
        return f"{self.source.name}__{self.table.name}"

    @property
    def attribute_pairs(self) -> str:
        """The attributes as Jinja pairs: name, SQL over the raw row."""
        return ", ".join(f"['{column.name}', '{_jinja(column.expression)}']" for column in self.attributes)

    @property
    def is_long_survey(self) -> bool:
        """Is each row one answer, so that a score which cannot be rejects the row?"""
        return self.entity.name == "response" and {"question", "answer"} <= set(self.table.columns)

    @property
    def immutable(self) -> bool:
        """First delivery stands: immutable entities, and tables without a key."""
        return self.entity.immutable or not self.key


def staged_table(company: Company, source: Source, table: Table) -> StagedTable:
    """Work out columns, normalisers and checks of one table."""
    entity = entities()[table.entity]
    maker = _Columns(company, source, table, entity)
    return StagedTable(
        source, table, entity, maker.canonical(), maker.attributes(), table.key, maker.identifiers()
    )


class _Columns:
    def __init__(self, company: Company, source: Source, table: Table, entity: Entity) -> None:
        self.company, self.source, self.table, self.entity = company, source, table, entity
        self.timezone = table.timezone or source.timezone or "UTC"
        self.region = table.region or source.region or ""
        # only csv leaves open what a dot means; databases, parquet and JSON write numbers in one way
        self.decimal = table.decimal or source.decimal or ("" if is_csv(source, table) else "typed")
        self.person_identifiers = [
            name for name, one in company.file.identity.identifiers.items() if one.kind == "person"
        ]

    def canonical(self) -> list[StagedColumn]:
        """All canonical columns of the entity, then the identifiers it does not have by itself."""
        columns = [self._column(column) for column in self.entity.columns.values()]
        for name in self.person_identifiers:
            if name not in self.entity.columns:
                kind = name if name in ("email", "phone") else "string"
                columns.append(self._column(Column(name, kind, False, f"Identifier `{name}`")))
        return columns

    def identifiers(self) -> list[StagedColumn]:
        """One column per mapped identifier value; a list of source columns gives several of one type."""
        found = []
        for name in self.person_identifiers:
            spec = self.table.columns.get(name)
            if spec is None:
                continue
            kind = name if name in ("email", "phone") else "string"
            for number, raw in enumerate(self._raws(spec), start=1):
                label = name if number == 1 else f"{name}__{number}"
                value = self._value(raw, kind, None)
                found.append(StagedColumn(label, kind, "string", value, identifier=name, pii=True))
        return found

    def attributes(self) -> list[StagedColumn]:
        """Mapped columns that are neither canonical nor identifiers."""
        known = set(self.entity.columns) | set(self.company.file.identity.identifiers)
        out = []
        for name, spec in self.table.columns.items():
            if name not in known:
                pii = not (isinstance(spec, ColumnMap) and spec.pii is False)
                out.append(StagedColumn(name, "string", "string", self._coalesce(self._raws(spec)), pii=pii))
        return out

    def _column(self, column: Column) -> StagedColumn:
        spec = self.table.columns.get(column.name)
        pii = column.kind in ("email", "phone", "name", "text")
        if isinstance(spec, ColumnMap) and spec.pii is not None:
            pii = spec.pii
        identifier = column.name if column.name in self.person_identifiers else None
        when = self._required_when(column)
        default = self._default(column.name)
        if spec is None:
            if column.kind == "currency":
                default = f"{{{{ {self._row_currency()} }}}}"
            expression = default or "null"
            return StagedColumn(
                column.name,
                column.kind,
                column.sql_type,
                expression,
                description=column.description,
                pii=pii,
                identifier=identifier,
                problem=f"case when {expression} is null{when} then 'no {column.name}' end"
                if column.required or when
                else None,
            )
        pattern = spec.format if isinstance(spec, ColumnMap) else None
        raws = self._raws(spec)
        texts = self._coalesce([f"{{{{ clean_text('{_jinja(raw)}') }}}}" for raw in raws])
        value = self._coalesce([self._value(raw, column.kind, pattern) for raw in raws])
        read = value
        if default:
            value = f"coalesce({value}, {default})"
        checks = []
        if column.required or when:
            checks.append(f"when {texts} is null{when} then 'no {column.name}'")
        if column.kind in ("date", "timestamp", "int", "double", "boolean", "currency"):
            word = "unknown" if column.kind == "currency" else "unreadable"
            checks.append(
                f"when {texts} is not null and {read} is null then '{word} {column.kind} in {column.name}'"
            )
        if column.kind == "money":
            checks += self._money_checks(column.name, self._coalesce(raws), texts, value)
        problem = f"case {' '.join(checks)} end" if checks else None
        return StagedColumn(
            column.name,
            column.kind,
            column.sql_type,
            value,
            texts,
            problem,
            column.description,
            pii,
            identifier,
        )

    def _money_checks(self, name: str, raw: str, texts: str, value: str) -> list[str]:
        """What makes an amount unusable: unreadable, two readings, another currency beside it than the row's."""
        told = f"ambiguous money in {name}: one sign before three digits; declare `decimal` for the source"
        return [
            f"when {texts} is not null and {value} is null and {{{{ is_ambiguous_money('{_jinja(raw)}') }}}} then '{told}'",
            f"when {texts} is not null and {value} is null then 'unreadable money in {name}'",
            f"when {{{{ is_other_currency('{_jinja(raw)}', {self._row_currency()}) }}}}"
            f" then 'another currency in {name} than the row has'",
        ]

    def _row_currency(self) -> str:
        """The currency that the row's amounts are in, as a Jinja expression: its column, what stands beside the first amount, ours."""
        columns = self.table.columns
        default = f"'{_jinja(_text(self._home_currency()))}'"
        if "currency" not in self.entity.columns:
            return default
        if "currency" in columns:
            listed = ", ".join(f"'{_jinja(raw)}'" for raw in self._raws(columns["currency"]))
            return f"row_currency([{listed}], {default})"
        amounts = [n for n, one in self.entity.columns.items() if one.kind == "money" and n in columns]
        beside = self._coalesce(self._raws(columns[amounts[0]])) if amounts else ""
        return f"row_currency([], {default}, '{_jinja(beside)}')"

    def _home_currency(self) -> str:
        return self.table.currency or self.source.currency or self.company.file.reporting.currency

    def _required_when(self, column: Column) -> str:
        """` and <other column> = <value>`, for a column that only some rows cannot do without."""
        if column.required_when is None:
            return ""
        other, value = column.required_when
        return f" and {self._column(self.entity.columns[other]).expression} = {_text(value)}"

    def _default(self, name: str) -> str | None:
        if name == "currency":
            return plain(_text(self._home_currency()))
        for option in ("touchpoint", "channel"):
            value = getattr(self.table, option) or getattr(self.source, option)
            if name == option and value:
                return plain(_text(str(value).lower()))
        return None

    def _raws(self, spec: str | list[str] | ColumnMap) -> list[str]:
        if isinstance(spec, ColumnMap):
            return [self._raw(spec.column)] if spec.column is not None else [_text(spec.value or "")]
        return [self._raw(name) for name in ([spec] if isinstance(spec, str) else spec)]

    def _raw(self, name: str) -> str:
        top, _, rest = name.partition(".")
        if rest and is_json_lines(self.source, self.table):
            # A JSON pointer: unlike a JSON path it can name keys that hold quotes.
            steps = [part.replace("~", "~0").replace("/", "~1") for part in rest.split(".")]
            return f"json_extract_string({_quote(top)}, {_text('/' + '/'.join(steps))})"
        return _quote(name)

    def _value(self, raw: str, kind: str, pattern: str | None) -> str:
        arg = _jinja(raw)
        if kind == "phone":
            return f"{{{{ normalize_phone('{arg}', '{self.region}') }}}}"
        if kind == "timestamp":
            form = f"'{_jinja(pattern)}'" if pattern else "none"
            return f"{{{{ parse_timestamp('{arg}', '{self.timezone}', {form}) }}}}"
        if kind == "date":
            form = f"'{_jinja(pattern)}'" if pattern else "none"
            return f"{{{{ parse_date('{arg}', {form}) }}}}"
        if kind == "money":
            return f"{{{{ parse_money('{arg}', '{self.decimal}') }}}}"
        if kind == "currency":
            return f"{{{{ normalize_currency('{arg}', '{_jinja(_text(self._home_currency()))}') }}}}"
        macro = {
            "email": "normalize_email",
            "code": "normalize_code",
            "int": "parse_int",
            "double": "parse_double",
            "boolean": "parse_boolean",
        }.get(kind, "clean_text")
        return f"{{{{ {macro}('{arg}') }}}}"

    @staticmethod
    def _coalesce(parts: list[str]) -> str:
        return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def is_json_lines(source: Source, table: Table) -> bool:
    """Do dots in source column names walk into nested objects?"""
    return source.connector in ("segment", "rest") or (table.path or "").removesuffix(".gz").endswith(
        ".jsonl"
    )


def is_csv(source: Source, table: Table) -> bool:
    """Are the table's numbers text that somebody's program or hand has formatted?"""
    path = (table.path or "").removesuffix(".gz")
    return source.connector == "files" and not path.endswith((".jsonl", ".parquet"))


def top_level(source: Source, table: Table) -> list[str]:
    """Raw columns a table's mapping needs, without nested paths."""
    names: list[str] = [
        *table.key,
        *(n for n in (table.updated_at, table.deleted_at) if n),
        *table.questions.values(),
    ]
    for spec in table.columns.values():
        if isinstance(spec, ColumnMap):
            names += [spec.column] if spec.column is not None else []
        else:
            names += [spec] if isinstance(spec, str) else spec
    if is_json_lines(source, table):
        names = [name.partition(".")[0] for name in names]
    return list(dict.fromkeys(names))


def rows_model(staged: StagedTable, reads: str) -> str:
    """`rows_<source>__<table>`: every raw row typed, keyed and judged once."""
    source, table = staged.source, staged.table
    typed = [f"{column.expression} as {column.name}" for column in staged.columns]
    typed += [
        f"{column.delivered} as {column.name}_delivered"
        for column in staged.columns
        if column.kind in ("email", "phone") and column.delivered
    ]
    typed += [
        f"{column.expression} as {column.name}" for column in staged.identifier_columns if "__" in column.name
    ]
    typed += [f"{plain(_quote(raw))} as answer_{question}" for question, raw in table.questions.items()]
    typed.append(f"{{{{ attributes_json([{staged.attribute_pairs}]) }}}} as attributes")
    problems = [column.problem for column in staged.columns if column.problem]
    if staged.key:
        parts = [f"{{{{ clean_text('{_jinja(_quote(name))}') }}}}" for name in staged.key]
        key = " || '|' || ".join(parts)
        told = plain(_text(f"no key: {', '.join(staged.key)} is empty"))
        problems.insert(0, f"case when {key} is null then {told} end")
    else:
        # Repeats inside one file are kept, the same rows in a later file are duplicates (design: keyless tables).
        key = (
            "_cdp_hash || '#' || row_number() over "
            "(partition by _cdp_load_seq, _cdp_file, _cdp_hash order by _cdp_position)"
        )
    updated = _jinja(_quote(table.updated_at)) if table.updated_at else None
    zone = table.timezone or source.timezone or "UTC"
    updated_at = f"{{{{ parse_timestamp('{updated}', '{zone}') }}}}" if updated else "cast(null as timestamp)"
    if table.updated_at:
        text = f"{{{{ clean_text('{updated}') }}}}"
        problems.append(
            f"case when {text} is not null and {updated_at} is null then 'unreadable timestamp in updated_at' end"
        )
    deleted = f"{{{{ is_deletion('{_jinja(_quote(table.deleted_at))}') }}}}" if table.deleted_at else "false"
    if table.deletions == "compare":
        deleted = "coalesce(_cdp_deleted = 'true', false)"
    reason = ", ".join(["_cdp_error", *problems])
    held = _held_sql(staged)
    answers = judged_answers(staged)
    # Of a long export the answer may reject the row: then its text is kept until that is known.
    text = "coalesce(_cdp_raw, {{ row_as_json('delivered') }})"
    row_text = text if answers else f"case when row_reason is not null then {text} end"
    indent = ",\n        "
    return f"""{{{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='load_id',
    touched_sql="select load_id from staging.work_loads where source = '{source.name}'",
) }}}}
-- Grain: one row per physical row (file, position) of a load of raw_{source.name}.{table.name}; generated by cdp.
with

delivered as (
    select *
    from {reads}
    where _dlt_load_id in (select load_id from {{{{ ref('work_loads') }}}} where source = '{source.name}')
    -- a crash between commit and dlt's bookkeeping can write a package twice: one physical row is one row
    qualify row_number() over (partition by _dlt_load_id, _cdp_file, _cdp_position order by _cdp_hash) = 1
),

{"read_rows" if answers else "typed"} as (
    select
        _dlt_load_id as load_id,
        _cdp_load_seq as load_seq,
        _cdp_file as file,
        _cdp_position as position,
        _cdp_hash as row_hash,
        {key} as record_key,
        {updated_at} as updated_at,
        {deleted} as is_deleted,
        coalesce({reason}) as {"read_reason" if answers else "row_reason"},
        {row_text} as row_text,
        {indent.join(typed)}
    from delivered
),

{answers}{held}

select
    typed.load_id,
    typed.load_seq,
    typed.file,
    typed.position,
    typed.row_hash,
    typed.record_key,
    '{source.name}.{table.name}:' || typed.record_key as record_id,
    typed.updated_at,
    typed.is_deleted,
    case
        when typed.row_reason is not null then 'quarantined'
        when {"held.held_hash is not null" if staged.immutable else "held.held_hash = typed.row_hash"} then 'duplicate'
        else 'loaded'
    end as row_status,
    typed.row_reason,
    {"case when typed.row_reason is not null then typed.row_text end as row_text" if answers else "typed.row_text"},
    {_listed(staged)}
    typed.attributes
from typed
left join held
    on typed.load_id = held.load_id and typed.file = held.file and typed.position = held.position
"""


def _held_sql(staged: StagedTable) -> str:
    """The version each usable row follows: among all earlier deliveries of its key the current one."""
    order = "load_seq, file, position"
    if staged.immutable:
        held = f"first_value(row_hash) over (partition by record_key order by {order} rows between unbounded preceding and 1 preceding)"
    elif staged.table.updated_at:
        held = (
            "{{ max_by('row_hash', version_order()) }}"
            f" over (partition by record_key order by {order} rows between unbounded preceding and 1 preceding)"
        )
    else:
        held = f"lag(row_hash) over (partition by record_key order by {order})"
    return f"""history as (
    select load_id, load_seq, file, position, row_hash, record_key, updated_at, true as is_new
    from typed
    where row_reason is null
    {{% if is_incremental() %}}
    union all
    select load_id, load_seq, file, position, row_hash, record_key, updated_at, false as is_new
    from {{{{ this }}}}
    where
        row_status = 'loaded'
        and load_id not in (select load_id from {{{{ ref('work_loads') }}}})
        and record_key in (select record_key from typed)
    {{% endif %}}
),

held as (
    select load_id, file, position, held_hash
    from (
        select
            load_id, file, position, is_new,
            {held} as held_hash
        from history
    ) as followed
    where is_new
)"""


def judged_answers(staged: StagedTable) -> str:
    """CTEs that reject a row of a long survey export whose answer cannot be a score; nothing for other tables.

    There the row is the answer. In a wide row only the answer is rejected: `stg_answers` does that.
    """
    if not staged.is_long_survey:
        return ""
    return """questions as (
    select question_key, question, survey, scale_min, scale_max from {{ ref('config_questions') }}
),

missing_codes as (
    select distinct question_key, code from {{ ref('config_missing_codes') }}
),

asked as (
    select
        read_rows.*,
        -- `survey.question` of cdp.yml goes before a plain `question`
        coalesce(own.question_key, plain.question_key) as asked_key,
        coalesce(own.scale_min, plain.scale_min) as asked_min,
        coalesce(own.scale_max, plain.scale_max) as asked_max,
        {{ parse_double('read_rows.answer') }} as asked_number
    from read_rows
    left join questions as own on read_rows.question = own.question and read_rows.survey = own.survey
    left join questions as plain on read_rows.question = plain.question and plain.survey is null
),

typed as (
    select
        asked.*,
        case
            when asked.read_reason is not null then asked.read_reason
            when asked.asked_key is null or asked.answer is null or missing_codes.code is not null then null
            when asked.asked_number is null then 'answer is not a number'
            when asked.asked_number < asked.asked_min or asked.asked_number > asked.asked_max
                then 'answer outside the scale'
            when asked.asked_number <> floor(asked.asked_number) then 'answer is not a whole number'
        end as row_reason
    from asked
    left join missing_codes
        on asked.asked_key = missing_codes.question_key and lower(asked.answer) = missing_codes.code
),

"""


def _listed(staged: StagedTable) -> str:
    lines = [
        f"cast(typed.{column.name} as {{{{ sql_type('{column.sql_type}') }}}}) as {column.name},"
        for column in staged.columns
    ]
    lines += [
        f"typed.{c.name}_delivered," for c in staged.columns if c.kind in ("email", "phone") and c.delivered
    ]
    lines += [f"typed.{c.name}," for c in staged.identifier_columns if "__" in c.name]
    lines += [f"typed.answer_{question}," for question in staged.table.questions]
    return "\n    ".join(lines)


def current_model(staged: StagedTable) -> str:
    """`stg_<source>__<table>`: the current version of each key, with its identity node."""
    source, table = staged.source, staged.table
    names = [column.name for column in staged.columns]
    names += [f"{c.name}_delivered" for c in staged.columns if c.kind in ("email", "phone") and c.delivered]
    names += [c.name for c in staged.identifier_columns if "__" in c.name]
    names += [f"answer_{question}" for question in table.questions]
    indent = ",\n    "
    rows = f"rows_{staged.slug}"
    touched = (
        f"select record_key from staging.{rows} where load_id in (select load_id from staging.work_loads)"
    )
    listed = indent.join([*names, *(one.name for one in staged.entity.normalised), "attributes"])
    if staged.immutable:
        config, only_touched, current = "materialized='view'", "", "not is_deleted"
    else:
        config = (
            "materialized='incremental', incremental_strategy='replace_touched', touch_column='record_key',\n"
            f'    touched_sql="{touched}",'
        )
        only_touched = "\n    {% if is_incremental() %}and record_key in (" + touched + "){% endif %}"
        current = "version_rank = 1 and not is_deleted"
    ranked = (
        "row_number() over (\n            partition by record_key\n"
        "            order by updated_at desc nulls last, load_seq desc, file desc, position desc\n        ) as version_rank"
    )
    return f"""{{{{ config(
    {config}
) }}}}
-- Grain: one row per key of raw_{source.name}.{table.name} with a loaded, undeleted version; generated by cdp.
with

versions as (
    select
        *{"," if not staged.immutable else ""}
        {ranked if not staged.immutable else ""}
    from {{{{ ref('{rows}') }}}}
    where row_status = 'loaded'{only_touched}
){_normal_steps(staged, current)}

select
    record_id,
    record_key,
    '{source.name}' as source,
    '{table.name}' as source_table,
    cast({_text_or_null(table.brand or source.brand)} as varchar) as brand,
    cast({_text_or_null(table.region or source.region)} as varchar) as phone_region,
    {node_sql(staged)} as node_id,
    updated_at as record_updated_at,
    load_seq,
    {listed}
from {_last_step(staged)}
where {current}
"""


def _last_step(staged: StagedTable) -> str:
    top = max((one.level for one in staged.entity.normalised), default=0)
    return f"normal_{top}" if top else "versions"


def _normal_steps(staged: StagedTable, current: str) -> str:
    """The steps that add columns to compare by to current versions; what reads other such columns comes in a later step."""
    region = staged.table.region or staged.source.region or ""
    steps, below = "", "versions"
    for level in sorted({one.level for one in staged.entity.normalised}):
        calls = [one for one in staged.entity.normalised if one.level == level]
        listed = ",\n        ".join(
            ["*", *(f"{{{{ {one.call.format(region=region)} }}}} as {one.name}" for one in calls)]
        )
        steps += f",\n\nnormal_{level} as (\n    select\n        {listed}\n    from {below}\n    where {current}\n)"
        below = f"normal_{level}"
    return steps


def node_sql(staged: StagedTable) -> str:
    """The identity node of a row: itself for people, else one per distinct identifier tuple, null without one."""
    if staged.entity.profile:
        return "record_id"
    if not staged.identifier_columns:
        return "cast(null as varchar)"
    parts = [f"'{c.name}=' || {c.name}" for c in staged.identifier_columns]
    any_value = f"coalesce({', '.join(c.name for c in staged.identifier_columns)})"
    joined = f"concat_ws(chr(31), {', '.join(parts)})"
    return f"case when {any_value} is not null then '{staged.source.name}.{staged.table.name}~' || md5({joined}) end"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _text_or_null(value: str | None) -> str:
    return plain(_text(value)) if value else "null"


def plain(sql: str) -> str:
    """SQL that dbt must take as it is: what opens a Jinja tag in somebody's column name is only text."""
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", sql)


def _jinja(value: str | None) -> str:
    """Inside a single-quoted Jinja string."""
    return (value or "").replace("\\", "\\\\").replace("'", "\\'")
