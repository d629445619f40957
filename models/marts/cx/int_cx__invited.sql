{{ config(schema='customer') }}
-- Grain: one row per question, period, period_start, dimension and dimension_value with a delivered invitation.
-- Periods are those of the invitation, so that answers that come late count for the mails that asked for them.
{% set periods = ['year', 'quarter', 'month', 'week'] %}
{% set dimensions = ['survey', 'touchpoint', 'channel', 'source', 'brand'] %}
with

feedback as (
    select * from {{ ref('feedback') }}
),

delivered as (
    select
        *,
        {{ local_date('sent_at') }} as invited_on
    from {{ ref('stg_invitations') }}
    where delivered_at is not null
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

answered as (
    select distinct
        source,
        invitation_id,
        question
    from feedback
    where invitation_id is not null
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
        case when answered.invitation_id is null then 0 else 1 end as is_answered
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
    select
        *,
        'all' as dimension,
        'all' as dimension_value
    from invited
    {% for dimension in dimensions %}
    union all
    select
        *,
        '{{ dimension }}' as dimension,
        {{ dimension }} as dimension_value
    from invited
    where {{ dimension }} is not null
    {% endfor %}
),

by_period as (
    select
        *,
        'all' as period,
        cast(null as date) as period_start
    from by_dimension
    {% for period in periods %}
    union all
    select
        *,
        '{{ period }}' as period,
        {{ cx_period_start(period, 'invited_on') }} as period_start
    from by_dimension
    {% endfor %}
),

final as (
    select
        question,
        period,
        period_start,
        dimension,
        dimension_value,
        count(*) as invited,
        cast(sum(is_answered) as bigint) as answered
    from by_period
    group by question, period, period_start, dimension, dimension_value
)

select * from final
