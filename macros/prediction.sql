{#- Does the word a source uses for a subscription's state say that it is over? No word says no. -#}
{% macro is_ended_status(column) -%}
    (coalesce({{ column }}, 'active') in (
        'cancelled', 'canceled', 'ended', 'expired', 'terminated', 'inactive', 'incomplete_expired'
    ))
{%- endmacro %}

{#- Whether a subscription says something of how long they run: begun by `as_of`, and over at a time that is told, if it is over. -#}
{% macro is_counted_subscription(rows, as_of) -%}
    {{ rows }}.started_at <= {{ as_of }}
        and ({{ rows }}.ended_at is not null or not {{ is_ended_status(rows ~ '.status') }})
        and coalesce({{ rows }}.ended_at >= {{ rows }}.started_at, true)
{%- endmacro %}

{#- Months, or days, of a billing period as sources word it; null where the word is none of its kind. -#}
{% macro period_months(column) -%}
    case
        when {{ column }} in ('month', 'months', 'monthly') then 1
        when {{ column }} in ('quarter', 'quarters', 'quarterly') then 3
        when {{ column }} in ('half-year', 'half-yearly', 'semiannual', 'semi-annual', 'semiannually') then 6
        when {{ column }} in ('year', 'years', 'yearly', 'annual', 'annually') then 12
    end
{%- endmacro %}
{% macro period_days(column) -%}
    case
        when {{ column }} in ('day', 'days', 'daily') then 1
        when {{ column }} in ('week', 'weeks', 'weekly') then 7
        when {{ column }} in ('fortnight', 'fortnightly') then 14
    end
{%- endmacro %}

{#- Days from the date `after` to the first day after it that lies a whole number of periods after `start`. Counted from the start,
    so that who began on the 31st pays on the last day of a short month and on the 31st again. -#}
{% macro next_due_days(start, after, months, days) -%}
    {%- set passed = 'floor(' ~ months_apart(start, after) ~ ' / nullif(' ~ months ~ ', 0)) * ' ~ months -%}
    {%- set due = months_later(start, passed) -%}
    case
        when {{ days }} > 0
            then {{ days }} - mod({{ days_between(start, after) }}, nullif({{ days }}, 0))
        when {{ due }} > {{ after }} then {{ days_between(after, due) }}
        else {{ days_between(after, months_later(start, passed ~ ' + ' ~ months)) }}
    end
{%- endmacro %}

{#- The same day some months later, the last one of a shorter month; the number may be an expression. -#}
{% macro months_later(date, months) -%} {{ return(adapter.dispatch('months_later')(date, months)) }} {%- endmacro %}
{% macro duckdb__months_later(date, months) -%}
    {{ return('cast(' ~ date ~ ' + to_months(cast(' ~ months ~ ' as integer)) as date)') }}
{%- endmacro %}
{% macro default__months_later(date, months) -%} {{ return('add_months(' ~ date ~ ', cast(' ~ months ~ ' as int))') }} {%- endmacro %}
