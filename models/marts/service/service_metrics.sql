-- Grain: one row per period, period_start, channel and priority, from a cell's first ticket to as_of, quiet periods too.
-- Quantiles are whole microseconds: how they are interpolated differs in the last digit between engines.
-- Each fact counts in the period in which it happened (reporting timezone): an opening, a first reply, a solution.
{% set periods = ['day', 'week', 'month'] %}
with

facts as (
    select * from {{ ref('int_service__facts') }}
),

tickets as (
    select * from {{ ref('tickets') }}
),

clock as (
    select {{ local_date('as_of') }} as today from {{ ref('run_clock') }}
),

-- what a source never says of any ticket, it cannot say: null, not zero
sources as (
    select
        source,
        max(case when first_reply_at is not null then 1 else 0 end) as says_reply,
        max(case when reopens is not null then 1 else 0 end) as says_reopen
    from tickets
    group by source
),

by_channel as (
    select
        *,
        'all' as channel_cut
    from facts
    union all
    select
        *,
        channel as channel_cut
    from facts
    where channel is not null
),

cut as (
    select
        *,
        'all' as priority_cut
    from by_channel
    union all
    select
        *,
        priority as priority_cut
    from by_channel
    where priority is not null
),

by_period as (
    select
        cut.*,
        'all' as period,
        cast(null as date) as period_start
    from cut
    {% for period in periods %}
    union all
    select
        cut.*,
        '{{ period }}' as period,
        {{ cx_period_start(period, 'cut.happened_on') }} as period_start
    from cut
    {% endfor %}
),

counted as (
    select
        by_period.period,
        by_period.period_start,
        by_period.channel_cut,
        by_period.priority_cut,
        count(*) filter (where by_period.fact = 'opened') as opened,
        count(*) filter (where by_period.fact = 'solved') as solved,
        count(*) filter (where by_period.fact = 'reopened') as reopened,
        sum(by_period.change) as change,
        count(*) filter (where by_period.fact = 'replied') as replies,
        sum(case when by_period.fact = 'replied' then by_period.micros end) as reply_micros,
        {{ quantile_of("case when by_period.fact = 'replied' then by_period.micros end", 0.5) }} as reply_median,
        {{ quantile_of("case when by_period.fact = 'replied' then by_period.micros end", 0.9) }} as reply_p90,
        count(*) filter (where by_period.fact = 'resolved') as resolutions,
        sum(case when by_period.fact = 'resolved' then by_period.micros end) as resolution_micros,
        {{ quantile_of("case when by_period.fact = 'resolved' then by_period.micros end", 0.5) }} as resolution_median,
        {{ quantile_of("case when by_period.fact = 'resolved' then by_period.micros end", 0.9) }} as resolution_p90
    from by_period
    group by by_period.period, by_period.period_start, by_period.channel_cut, by_period.priority_cut
),

cells as (
    select
        cut.channel_cut,
        cut.priority_cut,
        min(cut.happened_on) as first_on,
        greatest(max(cut.happened_on), max(clock.today)) as last_on,
        max(sources.says_reply) as says_reply,
        max(sources.says_reopen) as says_reopen
    from cut
    inner join sources on cut.source = sources.source
    cross join clock
    group by cut.channel_cut, cut.priority_cut
),

spine as (
    select
        channel_cut,
        priority_cut,
        says_reply,
        says_reopen,
        'all' as period,
        cast(null as date) as period_start
    from cells
    {% for period in periods %}
    union all
    select
        channel_cut,
        priority_cut,
        says_reply,
        says_reopen,
        '{{ period }}' as period,
        {{ period_series(cx_period_start(period, 'first_on'), cx_period_start(period, 'last_on'), period) }}
            as period_start
    from cells
    {% endfor %}
),

final as (
    select
        spine.period || '/' || coalesce(cast(spine.period_start as {{ sql_type('string') }}), '')
        || '/' || spine.channel_cut || '/' || spine.priority_cut as metric_id,
        spine.period,
        spine.period_start,
        spine.channel_cut as channel,
        spine.priority_cut as priority,
        coalesce(counted.opened, 0) as opened,
        coalesce(counted.solved, 0) as solved,
        case when spine.says_reopen = 1 then coalesce(counted.reopened, 0) end as reopened,
        cast(
            sum(coalesce(counted.change, 0)) over (
                partition by spine.period, spine.channel_cut, spine.priority_cut
                order by spine.period_start rows between unbounded preceding and current row
            ) as bigint
        ) as backlog,
        case when spine.says_reply = 1 then coalesce(counted.replies, 0) end as first_reply_n,
        cast(round(counted.reply_median) as double) / 60000000 as first_reply_median_minutes,
        cast(round(counted.reply_p90) as double) / 60000000 as first_reply_p90_minutes,
        cast(counted.reply_micros as double) / counted.replies / 60000000 as first_reply_mean_minutes,
        coalesce(counted.resolutions, 0) as resolution_n,
        cast(round(counted.resolution_median) as double) / 60000000 as resolution_median_minutes,
        cast(round(counted.resolution_p90) as double) / 60000000 as resolution_p90_minutes,
        cast(counted.resolution_micros as double) / counted.resolutions / 60000000 as resolution_mean_minutes
    from spine
    left join counted
        on
            spine.period = counted.period
            and coalesce(spine.period_start, date '1970-01-01') = coalesce(counted.period_start, date '1970-01-01')
            and spine.channel_cut = counted.channel_cut
            and spine.priority_cut = counted.priority_cut
)

select * from final
