{#- UTC of a wall time in a zone that stands in a column; the way back of `local_time_in`. -#}
{% macro utc_of_local(expression, zone) -%} {{ return(adapter.dispatch('utc_of_local')(expression, zone)) }} {%- endmacro %}
{% macro duckdb__utc_of_local(expression, zone) -%}
    {{ return("timezone('UTC', timezone(" ~ zone ~ ', ' ~ expression ~ '))') }}
{%- endmacro %}
{% macro default__utc_of_local(expression, zone) -%} {{ return('to_utc_timestamp(' ~ expression ~ ', ' ~ zone ~ ')') }} {%- endmacro %}

{#- Seconds since the local midnight. -#}
{% macro second_of_day(local) -%}
    (extract(hour from {{ local }}) * 3600 + extract(minute from {{ local }}) * 60 + floor(extract(second from {{ local }})))
{%- endmacro %}

{#- Does a moment lie in the quiet hours of a zone? They may go over midnight; the end is not quiet any more. -#}
{% macro is_quiet(moment, zone, quiet_from, quiet_to) -%}
    {%- set second = second_of_day(local_time_in(moment, zone)) -%}
    case
        when {{ quiet_from }} < {{ quiet_to }} then {{ second }} >= {{ quiet_from }} and {{ second }} < {{ quiet_to }}
        else {{ quiet_from }} > {{ quiet_to }} and ({{ second }} >= {{ quiet_from }} or {{ second }} < {{ quiet_to }})
    end
{%- endmacro %}

{#- The moment itself, or the end of the quiet hours it lies in. -#}
{% macro after_quiet(moment, zone, quiet_from, quiet_to) -%}
    {%- set local = local_time_in(moment, zone) -%}
    case
        when {{ is_quiet(moment, zone, quiet_from, quiet_to) }}
            then {{ utc_of_local(
                plus_seconds(
                    "date_trunc('day', " ~ local ~ ')',
                    'case when ' ~ quiet_from ~ ' > ' ~ quiet_to ~ ' and ' ~ second_of_day(local) ~ ' >= ' ~ quiet_from
                    ~ ' then 86400 else 0 end + ' ~ quiet_to,
                ),
                zone,
            ) }}
        else {{ moment }}
    end
{%- endmacro %}

{#- Seconds of the day of the first or second clock time in a text such as `21:00-08:00`; null where it is none. -#}
{% macro quiet_second(hours, place) -%}
    {%- set clock = '([01]?[0-9]|2[0-3]):?([0-5][0-9])?' -%}
    {%- set pattern = '^ *' ~ clock ~ ' *(-|to) *' ~ clock ~ ' *$' -%}
    {%- set first = 1 if place == 'from' else 4 -%}
    ({{ try_to("nullif(regexp_extract(" ~ hours ~ ", '" ~ pattern ~ "', " ~ first ~ "), '')", 'int') }} * 3600
    + coalesce({{ try_to("nullif(regexp_extract(" ~ hours ~ ", '" ~ pattern ~ "', " ~ (first + 1) ~ "), '')", 'int') }}, 0) * 60)
{%- endmacro %}

{#- The memory of entries as earlier builds left it; no rows where there was none. -#}
{% macro trigger_memory() -%}
    {%- set before = previous('activation', 'trigger_entries') -%}
    {%- set columns = {
        'entry_id': 'string', 'trigger_name': 'string', 'kind': 'string', 'step_no': 'int', 'step': 'string',
        'customer_id': 'string', 'subject_id': 'string', 'subject_at': 'timestamp', 'waits_from': 'timestamp',
        'parent_entry_id': 'string', 'code': 'string', 'discount_percent': 'int', 'products': 'string',
        'amount': 'decimal(18, 2)', 'order_id': 'string', 'ticket_id': 'string', 'brand': 'string', 'channel': 'string',
        'survey': 'string', 'touchpoint': 'string', 'answers_in': 'string', 'entered_at': 'timestamp',
        'entry_seq': 'bigint', 'run_id': 'string',
    } -%}
    select
        {%- for name, type in columns.items() %}
        {{ name if before else 'cast(null as ' ~ sql_type(type) ~ ') as ' ~ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    {%- if before %}
    from {{ before }}
    {%- else %}
    where false
    {%- endif %}
{%- endmacro %}
