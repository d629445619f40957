{#- Values inside JSON text, and times as numbers: what presets need to read a vendor's objects. -#}

{#- One value of an object, null where the text is none: a field may hold a number or the whole object it numbers. -#}
{% macro json_value(column, path) -%} {{ return(adapter.dispatch('json_value')(column, path)) }} {%- endmacro %}
{% macro duckdb__json_value(column, path) -%}
    {{ return('json_extract_string(try_cast(' ~ column ~ " as json), '$." ~ path ~ "')") }}
{%- endmacro %}
{% macro default__json_value(column, path) -%} {{ return('get_json_object(' ~ column ~ ", '$." ~ path ~ "')") }} {%- endmacro %}

{#- The sum of the amounts at a JSON path with wildcards, as text: `$[*].price`. '0' where there are none; null when one
    of them is no number, so that staging quarantines the row rather than take in a part. -#}
{% macro json_sum(column, path) -%} {{ return(adapter.dispatch('json_sum')(column, path)) }} {%- endmacro %}
{% macro duckdb__json_sum(column, path) -%}
    {%- set texts = 'coalesce(json_extract_string(try_cast(' ~ column ~ " as json), '" ~ path ~ "'), [])" -%}
    {{ return(
        'case when len(' ~ texts ~ ') = len(list_filter(try_cast(' ~ texts ~ ' as decimal(18, 2)[]), lambda one: one is not null))'
        ~ ' then coalesce(list_sum(try_cast(' ~ texts ~ ' as decimal(18, 2)[])), 0) end'
    ) }}
{%- endmacro %}
{% macro default__json_sum(column, path) -%}
    {{ return(
        'aggregate(from_json(get_json_object(' ~ column ~ ", '" ~ path ~ "'), 'array<decimal(18,2)>'), "
        ~ 'cast(0 as decimal(18,2)), (total, one) -> cast(total + one as decimal(18,2)))'
    ) }}
{%- endmacro %}

{#- The records of a JSON list in which these keys have these values, as JSON text; null where it is no list. -#}
{% macro json_where(column, wanted) -%} {{ return(adapter.dispatch('json_where')(column, wanted)) }} {%- endmacro %}
{% macro duckdb__json_where(column, wanted) -%}
    {%- set tests = [] -%}
    {%- for key, value in wanted.items() -%}
        {%- do tests.append("json_extract_string(one, '$." ~ key ~ "') = '" ~ value ~ "'") -%}
    {%- endfor -%}
    {{ return(
        'cast(to_json(list_filter(try_cast(try_cast(' ~ column ~ ' as json) as json[]), lambda one: '
        ~ tests | join(' and ') ~ ')) as varchar)'
    ) }}
{%- endmacro %}
{% macro default__json_where(column, wanted) -%}
    {%- set tests = [] -%}
    {%- for key, value in wanted.items() -%} {%- do tests.append("one['" ~ key ~ "'] = '" ~ value ~ "'") -%} {%- endfor -%}
    {{ return('to_json(filter(from_json(' ~ column ~ ", 'array<map<string, string>>'), one -> " ~ tests | join(' and ') ~ '))') }}
{%- endmacro %}

{#- One value out of a list of `{key, value}` records (GA4 writes its parameters so). -#}
{% macro json_keyed(column, key) -%} {{ return(adapter.dispatch('json_keyed')(column, key)) }} {%- endmacro %}
{% macro duckdb__json_keyed(column, key) -%}
    {{ return(
        'json_extract(try_cast(' ~ column ~ " as json), '$[*].value')[list_position(json_extract_string(try_cast("
        ~ column ~ " as json), '$[*].key'), '" ~ key ~ "')]"
    ) }}
{%- endmacro %}
{% macro default__json_keyed(column, key) -%}
    {{ return(
        'to_json(filter(from_json(' ~ column ~ ", 'array<struct<key string, value map<string, string>>>'), one -> one.key = '"
        ~ key ~ "')[0].value)"
    ) }}
{%- endmacro %}

{#- Text of a UTC timestamp given as a number of seconds (or milliseconds, microseconds) since 1970. What is no number, or none of
    a year from 1 to 9999, goes on as delivered: staging quarantines the row. -#}
{% macro epoch_text(column, per_second) -%}
    coalesce(
        case
            when {{ try_to(column, 'bigint') }} between {{ -62135596800 * per_second }} and {{ 253402300800 * per_second - 1 }}
                then {{ timestamp_of_micros(try_to(column, 'bigint') ~ ' * ' ~ (1000000 // per_second)) }}
        end,
        {{ column }}
    )
{%- endmacro %}
{% macro epoch_seconds(column) -%} {{ epoch_text(column, 1) }} {%- endmacro %}
{% macro epoch_millis(column) -%} {{ epoch_text(column, 1000) }} {%- endmacro %}
{% macro epoch_micros(column) -%} {{ epoch_text(column, 1000000) }} {%- endmacro %}

{% macro timestamp_of_micros(micros) -%} {{ return(adapter.dispatch('timestamp_of_micros')(micros)) }} {%- endmacro %}
{% macro duckdb__timestamp_of_micros(micros) -%} {{ return('cast(make_timestamp(' ~ micros ~ ') as varchar)') }} {%- endmacro %}
{% macro default__timestamp_of_micros(micros) -%} {{ return('cast(timestamp_micros(' ~ micros ~ ') as string)') }} {%- endmacro %}
