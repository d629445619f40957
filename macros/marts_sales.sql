{#- Whether a deal in this stage is lost. Companies word it in cdp.yml (`sales.stages`); these are the words of CRM vendors. -#}
{% macro is_lost_stage(stage) -%}
    coalesce({{ stage }}, '') in (
        'lost', 'closedlost', 'closed lost', 'closed_lost', 'closed-lost', 'deal lost', 'abandoned', 'disqualified'
    )
{%- endmacro %}
{% macro is_won_stage(stage) -%}
    coalesce({{ stage }}, '') in ('won', 'closedwon', 'closed won', 'closed_won', 'closed-won', 'deal won')
{%- endmacro %}

{#- Start of the reporting day of a UTC timestamp, for whole days between two of them. -#}
{% macro midnight(expression) -%} cast({{ local_date(expression) }} as timestamp) {%- endmacro %}

{#- Whether a cohort of a month has had `days` after its end, so that all of it could show what it became. -#}
{% macro is_mature_cohort(month_start, days, as_of) -%}
    {{ month_start }} + interval 1 month + {{ days }} * interval 1 day <= {{ local_time(as_of) }}
{%- endmacro %}
