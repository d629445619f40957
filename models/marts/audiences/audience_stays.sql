-- Grain: one row per audience, profile and stay, from an entry to the exit that ended it; people are followed through merges.
-- The draw of a person is that of the first id under which they entered: it is a hash of that id, so it needs no memory but the history,
-- and of several ids the smallest draw holds: who was held out stays so.
with

history as (
    select * from {{ ref('audience_history') }}
),

redirects as (
    select * from {{ ref('customer_redirects') }}
),

people as (
    select
        history.audience,
        history.customer_id as entered_as,
        coalesce(redirects.new_customer_id, history.customer_id) as customer_id,
        history.event,
        history.changed_at,
        history.history_seq,
        history.holdout_share,
        case when history.event = 'entered' then 1 else -1 end as step,
        {{ uniform_draw("salts.salt || '|' || history.audience || '|' || history.customer_id") }} as draw
    from history
    cross join {{ source('ops', 'identity_salt') }} as salts
    left join redirects on history.customer_id = redirects.old_customer_id
),

-- how many of the person's ids are in after each change; entries of one build before its exits
counted as (
    select
        *,
        sum(step) over (
            partition by audience, customer_id
            order by history_seq, step desc, entered_as
            rows between unbounded preceding and current row
        ) as places
    from people
),

-- a stay begins where the first place is taken and ends where the last one is given up
bounds as (
    select
        *,
        sum(case when step = 1 and places = 1 then 1 else 0 end) over (
            partition by audience, customer_id
            order by history_seq, step desc, entered_as
            rows between unbounded preceding and current row
        ) as stay_no
    from counted
),

draws as (
    select
        audience,
        customer_id,
        min(draw) as draw,
        max(draw) as highest_draw
    from people
    group by audience, customer_id
),

stays as (
    select
        audience,
        customer_id,
        stay_no,
        min(case when step = 1 and places = 1 then changed_at end) as entered_at,
        max(case when step = 1 and places = 1 then holdout_share end) as holdout_share,
        max(case when step = -1 and places = 0 then changed_at end) as left_at,
        max(case when step = -1 and places = 0 then 1 else 0 end) = 1 as is_over
    from bounds
    group by audience, customer_id, stay_no
),

final as (
    select
        stays.audience,
        stays.customer_id,
        cast(stays.stay_no as bigint) as stay_no,
        stays.entered_at,
        stays.left_at,
        not stays.is_over as is_member,
        cast(coalesce(stays.holdout_share, 0) as double) as holdout_share,
        cast(draws.draw as double) as draw,
        draws.draw < coalesce(stays.holdout_share, 0) as is_holdout,
        -- one of the ids was held out and another was not, before they were known to be one person
        draws.draw < coalesce(stays.holdout_share, 0) and draws.highest_draw >= coalesce(stays.holdout_share, 0)
            as is_mixed
    from stays
    inner join draws on stays.audience = draws.audience and stays.customer_id = draws.customer_id
)

select * from final
