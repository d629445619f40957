{{ config(schema='customer') }}
-- Grain: one row per question, period, period_start, dimension and dimension_value with a delivered invitation.
-- Periods are those of the invitation, so that answers that come late count for the mails that asked for them. An
-- invitation is closed `response_window_days` after it was sent; an answer after that does not count.
{% set dimensions = ['survey', 'touchpoint', 'channel', 'source', 'brand'] %}
{% set counts = ['is_closed', 'is_answered'] %}
with

feedback as (
    select * from {{ ref('feedback') }}
),

settings as (
    select
        run_clock.as_of,
        config_cx.response_window_days
    from {{ ref('run_clock') }} as run_clock
    cross join {{ ref('config_cx') }} as config_cx
),

delivered as (
    select
        invitations.*,
        {{ local_date('invitations.sent_at') }} as invited_on,
        invitations.sent_at + settings.response_window_days * interval 1 day as closes_at,
        invitations.sent_at + settings.response_window_days * interval 1 day <= settings.as_of as is_closed
    from {{ ref('invitations') }} as invitations
    cross join settings
    where invitations.delivered_at is not null
),

questions as (
    select * from {{ ref('config_questions') }}
),

-- which survey asks which question is seen in its answers
asked as (
    select distinct
        question,
        coalesce(survey, '') as survey_name
    from feedback
),

-- an answer of no known time was given: it counts
answered as (
    select
        source,
        invitation_id,
        question,
        min(coalesce(responded_at, timestamp '1970-01-01')) as responded_at
    from feedback
    where invitation_id is not null
    group by source, invitation_id, question
),

invited as (
    select
        asked.question,
        delivered.source,
        delivered.brand,
        delivered.survey,
        coalesce(delivered.touchpoint, questions.touchpoint) as touchpoint,
        delivered.channel,
        delivered.invited_on,
        case when delivered.is_closed then 1 else 0 end as is_closed,
        case when delivered.is_closed and answered.responded_at <= delivered.closes_at then 1 else 0 end as is_answered
    from delivered
    inner join asked on coalesce(delivered.survey, '') = asked.survey_name
    inner join questions on asked.question = questions.question_key
    left join answered
        on
            delivered.source = answered.source
            and delivered.invitation_id = answered.invitation_id
            and asked.question = answered.question
),

by_dimension as (
    {{ cx_by_dimension('invited', ['question', 'invited_on'] + counts, dimensions) }}
),

by_period as (
    {{ cx_by_period('by_dimension', ['question', 'dimension', 'dimension_value'] + counts, 'invited_on') }}
),

final as (
    select
        question,
        period,
        period_start,
        dimension,
        dimension_value,
        cast(sum(is_closed) as bigint) as invited,
        cast(count(*) - sum(is_closed) as bigint) as open_invitations,
        cast(sum(is_answered) as bigint) as answered
    from by_period
    group by question, period, period_start, dimension, dimension_value
)

select * from final
