-- Grain: one row per audience with a holdout: those it may be sent to against those held out, by the share that bought afterwards.
-- All who entered count, sent or not: consent, caps and addresses are missing in both arms alike, so the lots stay fair.
with

settings as (
    select
        campaigns.converts_days,
        clock.as_of
    from {{ ref('config_campaigns') }} as campaigns
    cross join {{ ref('run_clock') }} as clock
),

-- the first stay that had a holdout; who was in the other arm too, before a merge or a change of the share, says nothing
people as (
    select
        stays.audience,
        stays.customer_id,
        stays.entered_at,
        stays.is_holdout,
        row_number() over (partition by stays.audience, stays.customer_id order by stays.stay_no) as place
    from {{ ref('audience_stays') }} as stays
    cross join settings
    inner join {{ ref('config_audiences') }} as audiences on stays.audience = audiences.audience
    where
        stays.holdout_share > 0
        and not stays.is_mixed
        and stays.is_holdout = (stays.draw < audiences.holdout)
        and stays.entered_at + settings.converts_days * interval 1 day <= settings.as_of
),

bought as (
    select
        people.audience,
        people.customer_id,
        people.is_holdout,
        count(orders.order_key) > 0 as is_buyer
    from people
    cross join settings
    left join {{ ref('orders') }} as orders
        on
            people.customer_id = orders.customer_id
            and orders.is_purchase
            and people.entered_at < orders.ordered_at
            and people.entered_at + settings.converts_days * interval 1 day >= orders.ordered_at
    where people.place = 1
    group by people.audience, people.customer_id, people.is_holdout
),

arms as (
    select
        audience,
        count(*) filter (where not is_holdout) as n,
        count(*) filter (where not is_holdout and is_buyer) as buyers,
        count(*) filter (where is_holdout) as holdout_n,
        count(*) filter (where is_holdout and is_buyer) as holdout_buyers
    from bought
    group by audience
),

shares as (
    select
        *,
        {{ share_of('buyers', 'n') }} as share,
        {{ share_low('buyers', 'n') }} as low,
        {{ share_high('buyers', 'n') }} as high,
        {{ share_of('holdout_buyers', 'holdout_n') }} as holdout_share,
        {{ share_low('holdout_buyers', 'holdout_n') }} as holdout_low,
        {{ share_high('holdout_buyers', 'holdout_n') }} as holdout_high
    from arms
),

-- interval of a difference from the two of its parts (Newcombe 1998, method 10)
final as (
    select
        audience,
        cast(n as bigint) as n,
        cast(buyers as bigint) as buyers,
        cast(holdout_n as bigint) as holdout_n,
        cast(holdout_buyers as bigint) as holdout_buyers,
        cast(share as double) as share,
        cast(holdout_share as double) as holdout_share,
        cast(share - holdout_share as double) as uplift,
        cast(
            share - holdout_share
            - sqrt((share - low) * (share - low) + (holdout_high - holdout_share) * (holdout_high - holdout_share))
            as double
        ) as ci_low,
        cast(
            share - holdout_share
            + sqrt((high - share) * (high - share) + (holdout_share - holdout_low) * (holdout_share - holdout_low))
            as double
        ) as ci_high,
        n >= {{ var('min_sample') }} and holdout_n >= {{ var('min_sample') }} as enough_n
    from shares
)

select * from final
