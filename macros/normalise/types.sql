{#- Text to typed values. Unreadable gives null; staging then rejects the row where text was delivered. -#}

{#- Whole numbers only: a cast alone would round '1.5' to 2. -#}
{% macro parse_int(column) -%}
    {%- set number = try_to(clean_text(column), 'double') -%}
    case when {{ number }} = floor({{ number }}) then {{ try_to(clean_text(column), 'bigint') }} end
{%- endmacro %}
{#- Numbers have digits; 'NaN' and 'inf' have none, and one of them would spoil every sum it enters. -#}
{% macro parse_double(column) -%}
    case when {{ matches(column, '[0-9]') }} then {{ try_to(clean_text(column), 'double') }} end
{%- endmacro %}
{% macro parse_boolean(column) -%}
    case lower({{ clean_text(column) }})
        when 'true' then true when 't' then true when 'yes' then true when 'y' then true when '1' then true
        when 'false' then false when 'f' then false when 'no' then false when 'n' then false when '0' then false
    end
{%- endmacro %}

{#- A deletion mark: a time, or a word for yes. -#}
{% macro is_deletion(column) -%}
    (coalesce(lower({{ clean_text(column) }}), 'false') not in ('false', 'f', 'no', 'n', '0'))
{%- endmacro %}

{% macro parse_date(column, pattern=none) -%}
    {%- if pattern -%} cast({{ try_strptime(clean_text(column), pattern) }} as date)
    {%- else -%} case when {{ starts_with_year(clean_text(column)) }} then {{ try_to(clean_text(column), 'date') }} end
    {%- endif -%}
{%- endmacro %}

{#- Years 1 to 9999: a cast would also take 'infinity', 'epoch', years BC and 294246, which calendars cannot count with. -#}
{% macro starts_with_year(text) -%} {{ matches(text, '^0{0,3}[1-9][0-9]{0,3}[^0-9][^(]*$') }} {%- endmacro %}

{#- UTC. Text with an offset says its own zone; without one it is read in the source's declared zone. The two are cast
    apart: DuckDB drops the offset when it casts text to a timestamp without time zone. -#}
{% macro parse_timestamp(column, timezone='UTC', pattern=none) -%}
    {%- set text = clean_text(column) -%}
    {%- set wall = try_strptime(text, pattern) if pattern else try_to(text, 'timestamp') -%}
    {%- set instant = wall if pattern else try_instant(text) -%}
    case
        {%- if not pattern %}
        when not {{ starts_with_year(text) }} then null
        {%- endif %}
        when {{ matches(text, '^.*[0-9:]{5}.*(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)$') }} then {{ instant }}
        else {{ wall if timezone == 'UTC' else to_utc(wall, timezone) }}
    end
{%- endmacro %}
