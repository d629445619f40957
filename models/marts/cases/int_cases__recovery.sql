{{ config(schema='customer') }}
-- Grain: one row per kind of trigger and customer: the first of that kind, and what came after its landmark.
-- Immortal time: who is contacted on day 9 has, by that, not left before day 9. So nothing before the landmark (the end of
-- `contact_within`) counts for anybody, and who belongs to which group is settled at the landmark and never again: a
-- contact that comes later leaves its customer among those nobody contacted.
with

members as (
    select
        *,
        row_number() over (partition by kind, customer_id order by occurred_at, trigger_id) as place
    from {{ ref('int_cases__members') }}
),

settings as (
    select * from {{ ref('config_cases') }}
),

clock as (
    select as_of from {{ ref('run_clock') }}
),

timed as (
    select
        members.*,
        {{ add_days('members.occurred_at', 'settings.contact_within_days') }} as landmark_at,
        {{ add_days('members.occurred_at', '-settings.follow_up_days') }} as before_at,
        least(
            {{ add_days('members.occurred_at', '(settings.contact_within_days + settings.follow_up_days)') }},
            clock.as_of
        ) as end_at,
        settings.follow_up_days
    from members
    cross join settings
    cross join clock
    where members.place = 1
),

followed as (
    select
        *,
        cast(floor({{ seconds_between('landmark_at', 'end_at') }} / 3600) as bigint) as follow_up_hours
    from timed
    where end_at > landmark_at
),

contacted as (
    select distinct
        followed.kind,
        followed.customer_id
    from followed
    inner join {{ ref('int_cases__contacts') }} as contacts on followed.case_id = contacts.case_id
    where contacts.occurred_at > followed.occurred_at and contacts.occurred_at <= followed.landmark_at
),

bought as (
    select
        followed.kind,
        followed.customer_id,
        count(*) filter (where orders.ordered_at <= followed.occurred_at) as orders_before,
        count(*) filter (where orders.ordered_at > followed.landmark_at) as orders_after
    from followed
    inner join {{ ref('orders') }} as orders
        on
            followed.customer_id = orders.customer_id
            and followed.before_at < orders.ordered_at
            and followed.end_at >= orders.ordered_at
    where orders.is_purchase
    group by followed.kind, followed.customer_id
),

answered as (
    select
        followed.kind,
        followed.customer_id,
        answers.oriented_score as score_after,
        row_number() over (
            partition by followed.kind, followed.customer_id order by answers.responded_at, answers.feedback_id
        ) as place
    from followed
    inner join {{ ref('feedback') }} as answers
        on
            followed.customer_id = answers.customer_id
            and followed.question = answers.question
            and followed.landmark_at < answers.responded_at
            and followed.end_at >= answers.responded_at
),

final as (
    select
        followed.kind as trigger_kind,
        followed.customer_id,
        followed.case_id,
        followed.question,
        followed.touchpoint,
        followed.landmark_at,
        followed.follow_up_days,
        followed.follow_up_hours,
        contacted.customer_id is not null as is_contacted,
        coalesce(bought.orders_before, 0) as orders_before,
        coalesce(bought.orders_after, 0) as orders_after,
        followed.oriented_score as score_before,
        answered.score_after
    from followed
    left join contacted on followed.kind = contacted.kind and followed.customer_id = contacted.customer_id
    left join bought on followed.kind = bought.kind and followed.customer_id = bought.customer_id
    left join answered
        on followed.kind = answered.kind and followed.customer_id = answered.customer_id and answered.place = 1
    where followed.follow_up_hours > 0
)

select * from final
