{#- What the golden record decides at once: single fields, and groups of fields that are always of one record. The groups a
    company declares reach us as CDP_FIELD_GROUPS (`work=company,job_title;...`): they decide columns, so they must be known
    before a query runs. Each unit: name, fields, and the field without which it is only a part (none: any value is whole). -#}
{% macro golden_units() -%}
    {%- set units = [
        {'name': 'email', 'fields': ['email'], 'needs': none},
        {'name': 'phone', 'fields': ['phone'], 'needs': none},
        {'name': 'name', 'fields': ['first_name', 'last_name', 'full_name'], 'needs': 'full_name'},
        {'name': 'address', 'fields': ['street', 'city', 'region', 'postal_code', 'country'], 'needs': 'street'},
    ] -%}
    {%- set grouped = [] -%}
    {%- for group in env_var('CDP_FIELD_GROUPS', '').split(';') if '=' in group -%}
        {%- set fields = group.split('=')[1].split(',') -%}
        {%- do units.append({'name': group.split('=')[0], 'fields': fields, 'needs': none}) -%}
        {%- do grouped.extend(fields) -%}
    {%- endfor -%}
    {%- for field in ['birth_date', 'gender', 'company', 'job_title', 'language'] if field not in grouped -%}
        {%- do units.append({'name': field, 'fields': [field], 'needs': none}) -%}
    {%- endfor -%}
    {#- what else the company wants decided: extra columns of its contacts, rows of golden_fields and no column of ours -#}
    {%- for name in env_var('CDP_FIELD_ATTRIBUTES', '').split(',') if name -%}
        {%- do units.append({'name': name, 'fields': [name], 'needs': none, 'is_attribute': true}) -%}
    {%- endfor -%}
    {{ return(units) }}
{%- endmacro %}

{#- A unit's fields as one text, null when all are; fields of a group are parted by a sign that no text holds. -#}
{% macro packed(unit, relation) -%}
    {%- set texts = [] -%}
    {%- for field in unit.fields -%}
        {%- set column = relation ~ '.' ~ field -%}
        {%- if field == 'birth_date' -%}
            {%- do texts.append('cast(' ~ column ~ ' as ' ~ sql_type('string') ~ ')') -%}
        {%- elif unit.is_attribute -%} {%- do texts.append(attribute(relation ~ '.attributes', field)) -%}
        {%- elif field == 'full_name' -%}
            {%- do texts.append('coalesce(' ~ column ~ ', ' ~ relation ~ '.first_name || \' \' || ' ~ relation ~ '.last_name)') -%}
        {%- else -%} {%- do texts.append(column) -%} {%- endif -%}
    {%- endfor -%}
    {%- if texts | length == 1 -%} {{ texts[0] }}
    {%- else -%}
        case
            when coalesce({{ texts | join(', ') }}) is not null
                then {% for text in texts %}coalesce({{ text }}, ''){{ ' || chr(31) || ' if not loop.last }}{% endfor %}
        end
    {%- endif -%}
{%- endmacro %}

{#- One field out of a packed unit. -#}
{% macro unpacked(unit, field, value) -%}
    {%- if unit.fields | length == 1 -%} {{ value }}
    {%- else -%} nullif(split_part({{ value }}, chr(31), {{ unit.fields.index(field) + 1 }}), '') {%- endif -%}
{%- endmacro %}

{#- A packed value as people read it: the whole name, the parts of an address with commas. -#}
{% macro readable(field, value) -%}
    case
        when {{ field }} = 'name'
            then coalesce(
                nullif(split_part({{ value }}, chr(31), 3), ''),
                nullif(split_part({{ value }}, chr(31), 1), ''),
                nullif(split_part({{ value }}, chr(31), 2), '')
            )
        when strpos({{ value }}, chr(31)) > 0
            then {{ regexp_replace_all(regexp_replace_all(value, '^\x1f+|\x1f+$', ''), '\x1f+', ', ') }}
        else {{ value }}
    end
{%- endmacro %}

{#- Whether the field without which a group is only a part is there. -#}
{% macro is_whole_value(field, value) -%}
    case
        {%- for unit in golden_units() if unit.needs %}
        when {{ field }} = '{{ unit.name }}' then {{ unpacked(unit, unit.needs, value) }} is not null
        {%- endfor %}
        else true
    end
{%- endmacro %}

{#- How much a value tells: filled fields first, then letters. -#}
{% macro completeness(field, value) -%}
    length({{ value }})
    {%- for unit in golden_units() if unit.fields | length > 1 %}
    + case
        when {{ field }} = '{{ unit.name }}'
            then
                {%- for one in unit.fields %}
                case when split_part({{ value }}, chr(31), {{ loop.index }}) <> '' then 100000 else 0 end
                {{- ' +' if not loop.last }}
                {%- endfor %}
        else 0
    end
    {%- endfor %}
{%- endmacro %}

{#- Given and family name out of a packed name, where it tells them or is written in words. -#}
{% macro packed_given(value) -%}
    lower(coalesce(nullif(split_part({{ value }}, chr(31), 1), ''), split_part(split_part({{ value }}, chr(31), 3), ' ', 1)))
{%- endmacro %}
{% macro packed_family(value) -%}
    lower(coalesce(
        nullif(split_part({{ value }}, chr(31), 2), ''), {{ regexp_find("split_part(" ~ value ~ ", chr(31), 3)", '[^ ]+$') }}
    ))
{%- endmacro %}

{#- The order in which the votes of a field stand; the first wins. Every step has the name that `decided_by` gives it, so that
    this is the whole rule: see docs/golden_record.md. Each step is an expression of which the smaller comes first. -#}
{% macro vote_steps() -%}
    {{ return([
        ('told by the person', 'tier', ''),
        ('verified', 'case when is_verified then 0 else 1 end', ''),
        ('whole', 'case when is_whole then 0 else 1 end', ''),
        ('most_frequent', "case when strategy = 'most_frequent' then -agreeing else 0 end", ''),
        ('most_complete', "case when strategy = 'most_complete' then -completeness else 0 end", ''),
        ('source_priority', "case when strategy = 'source_priority' then place else 0 end", ''),
        ('most mentions', '-mentions', ''),
        ('most_recent', 'known_at', ' desc nulls last'),
        ('latest delivery', 'case when known_at is null then -load_seq else 0 end', ''),
        ('source order', 'place', ''),
        ('record id', 'coalesce(record_id, node_id)', ''),
    ]) }}
{%- endmacro %}

{% macro vote_order() -%}
    {% for name, step, direction in vote_steps() %}{{ step }}{{ direction }}, {% endfor %}value
{%- endmacro %}

{#- What a value tells, where the rule of its field asks for it. -#}
{% macro completeness_asked(relation) -%}
    case
        when {{ relation }}.strategy = 'most_complete'
            then {{ completeness(relation ~ '.field', relation ~ '.value') }}
    end
{%- endmacro %}

{#- The first vote by `vote_steps` among those of one value, smallest first: how often it is told and whether it is whole is the
    same of all of them. -#}
{% macro first_of_equal_votes() -%}
    {%- set steps = [] -%}
    {%- for name, step, direction in vote_steps() if name not in ('whole', 'most_frequent') -%}
        {%- do steps.append(latest_first(step) if direction else step) -%}
    {%- endfor -%}
    {{ return(ordered_values(steps + ['value'])) }}
{%- endmacro %}

{#- CTEs up to `ranked` over the CTE `candidates`: one row per candidate with its `standing` (1 is first) among those of equal
    `keys` (the field is one of them). Sources that say the same count once each. What says less of the same is not whole beside
    what says more: `A. Huber` beside `Anna Huber`, a street alone beside that street with its city; beside other names or
    streets it is a value like any. -#}
{% macro rank_votes(keys) -%}
    {%- set initial = '^[a-zà-ɏα-ωа-я][.]?( |$)' -%}
agreed as (
    select
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        value_key,
        count(distinct source) as agreeing
    from candidates
    where strategy = 'most_frequent'
    group by {{ keys | join(', ') }}, value_key
),

fuller as (
    select
        *,
        case
            when field = 'name' then {{ packed_family('value') }} || '|' || substr({{ packed_given('value') }}, 1, 1)
            else lower(split_part(value, chr(31), 1))
        end as short_key,
        case
            when field = 'name' then {{ matches(packed_given('value'), initial) }}
            else split_part(value, chr(31), 2) || split_part(value, chr(31), 3) || split_part(value, chr(31), 4) = ''
        end as is_short
    from candidates
    where field in ('name', 'address') and {{ is_whole_value('field', 'value') }}
),

long_ones as (
    select distinct
        {% for key in keys %}
        {{ key }},
        {% endfor %}
        short_key
    from fuller
    where not is_short
),

short_ones as (
    select distinct
        {% for key in keys %}
        fuller.{{ key }},
        {% endfor %}
        fuller.value_key
    from fuller
    inner join long_ones
        on
            fuller.short_key = long_ones.short_key
            {% for key in keys %}
            and fuller.{{ key }} = long_ones.{{ key }}
            {% endfor %}
    where fuller.is_short
),

measured as (
    select
        candidates.*,
        agreed.agreeing,
        {{ is_whole_value('candidates.field', 'candidates.value') }} and short_ones.value_key is null as is_whole,
        {{ completeness_asked('candidates') }} as completeness
    from candidates
    left join agreed
        on
            candidates.value_key = agreed.value_key
            {% for key in keys %}
            and candidates.{{ key }} = agreed.{{ key }}
            {% endfor %}
    left join short_ones
        on
            candidates.value_key = short_ones.value_key
            {% for key in keys %}
            and candidates.{{ key }} = short_ones.{{ key }}
            {% endfor %}
),

ranked as (
    select
        *,
        row_number() over (
            partition by {{ keys | join(', ') }}
            order by {{ vote_order() }}
        ) as standing
    from measured
)
{%- endmacro %}

{#- Whether a vote may win today. -#}
{% macro may_win() -%}
    (is_current and never_because is null and bounced_at is null and withdrawn_at is null)
{%- endmacro %}

{#- Touched customers of the golden record; all of them in a full build. -#}
{% macro is_touched_golden(column) -%}
    {%- set touched = ref('touched_golden') -%}
    {%- if flags.FULL_REFRESH -%} true {%- else -%} {{ column }} in (select touch_key from {{ touched }}) {%- endif -%}
{%- endmacro %}

{#- What stands in exports.written_fields for a value: the ledger keeps no payload. -#}
{% macro written_hash(field, value) -%} md5({{ field }} || '|' || lower({{ readable(field, value) }})) {%- endmacro %}
