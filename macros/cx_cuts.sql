{#- The cuts of cx_scores: columns of `feedback`, and the customer's RFM segment. A cut has rows for the values that are known. -#}
{% macro cx_dimensions() -%}
    {{ return(['survey', 'touchpoint', 'channel', 'language', 'source', 'brand', 'segment']) }}
{%- endmacro %}

{#- Rows of a CTE once for each cut they belong to, `all` and those of cdp.yml (`further`, with the attributes' names) included. -#}
{% macro cx_by_dimension(rows, columns, dimensions, further=none) -%}
    select
        {{ columns | join(',\n        ') }},
        'all' as dimension,
        'all' as dimension_value
    from {{ rows }}
    {%- for dimension in dimensions %}
    union all
    select
        {{ columns | join(',\n        ') }},
        '{{ dimension }}' as dimension,
        {{ dimension }} as dimension_value
    from {{ rows }}
    where {{ dimension }} is not null
    {%- endfor %}
    {%- if further %}
    union all
    select
        {{ columns | join(',\n        ') }},
        {{ further }}.dimension,
        {{ attribute_named('attributes', further ~ '.dimension') }} as dimension_value
    from {{ rows }}
    cross join {{ further }}
    where {{ attribute_named('attributes', further ~ '.dimension') }} is not null
    {%- endif %}
{%- endmacro %}

{#- Rows of a CTE once for each period their day lies in; a row without a day is in `all` only. -#}
{% macro cx_by_period(rows, columns, day, periods=['year', 'quarter', 'month', 'week']) -%}
    select
        {{ columns | join(',\n        ') }},
        'all' as period,
        cast(null as date) as period_start
    from {{ rows }}
    {%- for period in periods %}
    union all
    select
        {{ columns | join(',\n        ') }},
        '{{ period }}' as period,
        {{ cx_period_start(period, day) }} as period_start
    from {{ rows }}
    where {{ day }} is not null
    {%- endfor %}
{%- endmacro %}

{#- Value of an attribute whose name is a column; null where it has none or an empty one. -#}
{% macro attribute_named(column, name) -%} {{ return(adapter.dispatch('attribute_named')(column, name)) }} {%- endmacro %}
{% macro duckdb__attribute_named(column, name) -%}
    {{ return("nullif(json_extract_string(" ~ column ~ ", '$.' || " ~ name ~ "), '')") }}
{%- endmacro %}
{% macro default__attribute_named(column, name) -%}
    {{ return("nullif(get_json_object(" ~ column ~ ", '$.' || " ~ name ~ "), '')") }}
{%- endmacro %}
