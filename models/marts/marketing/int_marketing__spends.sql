{{ config(schema='customer') }}
-- Grain: one row per record of spend: the channel it paid for as attribution calls it, and its worth in the reporting
-- currency at the rate of its day. No rate, no number.
with

spends as (
    select * from {{ ref('stg_spends') }}
),

words as (
    select
        word,
        meaning
    from {{ ref('config_web_words') }}
    where kind = 'spend_channel'
),

rated as (
    select
        spends.*,
        words.meaning,
        cast(
            case
                when coalesce(spends.currency, {{ reporting_currency() }}) = {{ reporting_currency() }} then 1
                else rates.rate
            end as decimal(20, 12)
        ) as rate
    from spends
    left join words on spends.channel = words.word
    left join {{ ref('reporting_rates') }} as rates
        on spends.currency = rates.currency and spends.spent_on = rates.day
),

final as (
    select
        record_id,
        source,
        spent_on,
        cast(date_trunc('month', spent_on) as date) as month_start,
        coalesce(meaning, channel, 'unassigned') as channel,
        campaign_id,
        variant,
        currency,
        amount,
        rate,
        cast(amount * rate as decimal(18, 2)) as cost
    from rated
)

select * from final
