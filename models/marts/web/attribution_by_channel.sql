-- Grain: one row per scope (all conversions, first ones), model, month and channel; rows of one scope and model add up.
{% set models = ['last_non_direct', 'first', 'linear'] %}
with

touches as (
    select
        *,
        {{ local_month('converted_at') }} as month_start
    from {{ ref('attribution') }}
),

scoped as (
    select
        'all' as scope,
        touches.*
    from touches
    union all
    select
        'first' as scope,
        touches.*
    from touches
    where is_first
),

totals as (
    select
        scope,
        month_start,
        count(*) as n
    from scoped
    where touch_no <= 1
    group by scope, month_start
),

summed as (
    {% for model in models %}
    select
        scope,
        '{{ model }}' as model,
        month_start,
        channel,
        sum({{ model }}_weight) as conversions,
        sum({{ model }}_revenue) as revenue,
        count({{ model }}_revenue) as amounts
    from scoped
    where {{ model }}_weight > 0
    group by scope, month_start, channel
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        summed.scope,
        summed.model,
        summed.month_start,
        summed.channel,
        cast(summed.conversions as decimal(28, 12)) as conversions,
        cast(case when summed.amounts > 0 then summed.revenue end as decimal(28, 2)) as revenue,
        totals.n as all_conversions,
        cast(summed.conversions as double) / totals.n as share,
        totals.n >= {{ var('min_sample') }} as enough_n
    from summed
    inner join totals on summed.scope = totals.scope and summed.month_start = totals.month_start
)

select * from final
