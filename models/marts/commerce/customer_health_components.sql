{{ config(schema='customer') }}
-- Grain: one row per moment (now, and health.horizon_days before) and customer with a purchase by then: health by component, 0-100.
-- A component is null where nothing is known: no answer of late, or a company without tickets or without web events.
with

settings as (
    select * from {{ ref('config_commerce') }}
),

rhythms as (
    select * from {{ ref('customer_rhythms') }}
),

moments as (
    select distinct
        rhythms.moment,
        rhythms.as_of,
        {{ time_before('rhythms.as_of', 'settings.health_score_window_days', 'days') }} as answers_from,
        {{ time_before('rhythms.as_of', 'settings.health_sessions_window_days', 'days') }} as sessions_from
    from rhythms
    cross join settings
),

answers as (
    select
        moments.moment,
        feedback.customer_id,
        feedback.metric,
        -- decimal: a mean must not depend on the order of its terms
        cast(
            100.0 * (feedback.oriented_score - questions.scale_min) / (questions.scale_max - questions.scale_min)
            as decimal(12, 8)
        ) as points,
        row_number() over (
            partition by moments.moment, feedback.customer_id, feedback.metric
            order by feedback.responded_at desc, feedback.feedback_id desc
        ) as age
    from {{ ref('feedback') }} as feedback
    inner join {{ ref('config_questions') }} as questions on feedback.question = questions.question_key
    inner join moments on feedback.responded_at <= moments.as_of and feedback.responded_at > moments.answers_from
    where feedback.customer_id is not null and feedback.metric in ('nps', 'csat', 'ces')
),

scores as (
    select
        moment,
        customer_id,
        avg(points) as points
    from answers
    where age = 1
    group by moment, customer_id
),

-- open at the moment: a ticket without the time it was solved is taken by its present word
tickets as (
    select
        moments.moment,
        tickets.customer_id,
        count(*) filter (
            where tickets.solved_at > moments.as_of or (tickets.solved_at is null and tickets.is_open)
        ) as open_tickets
    from {{ ref('tickets') }} as tickets
    inner join moments on tickets.opened_at <= moments.as_of
    where tickets.customer_id is not null
    group by moments.moment, tickets.customer_id
),

sessions as (
    select
        moments.moment,
        sessions.customer_id,
        count(*) filter (where sessions.started_at > moments.sessions_from) as sessions
    from {{ ref('sessions') }} as sessions
    inner join moments on sessions.started_at <= moments.as_of
    where sessions.customer_id is not null and not sessions.is_bot
    group by moments.moment, sessions.customer_id
),

-- whether the company has such data at all by then
with_tickets as (
    select distinct moment from tickets
),

with_sessions as (
    select distinct moment from sessions
),

counted as (
    select
        rhythms.moment,
        rhythms.customer_id,
        rhythms.as_of,
        settings.lifecycle_lost_after as lost_after,
        rhythms.days_since_last / rhythms.rhythm_days as overdue,
        scores.points as scores,
        case
            when with_tickets.moment is not null
                then cast(coalesce(tickets.open_tickets, 0) as double) / settings.health_tickets_zero_from
        end as tickets_share,
        case
            when with_sessions.moment is not null
                then cast(coalesce(sessions.sessions, 0) as double) / settings.health_sessions_full_from
        end as sessions_share
    from rhythms
    cross join settings
    left join with_tickets on rhythms.moment = with_tickets.moment
    left join with_sessions on rhythms.moment = with_sessions.moment
    left join scores on rhythms.moment = scores.moment and rhythms.customer_id = scores.customer_id
    left join tickets on rhythms.moment = tickets.moment and rhythms.customer_id = tickets.customer_id
    left join sessions on rhythms.moment = sessions.moment and rhythms.customer_id = sessions.customer_id
),

points as (
    select
        moment,
        customer_id,
        as_of,
        -- 100 within the rhythm, 0 where they count as lost; `least` and `greatest` would pass over a null
        case
            when overdue is not null then 100.0 * greatest(0, least(1, (lost_after - overdue) / (lost_after - 1)))
        end as recency,
        scores,
        case when tickets_share is not null then 100.0 * greatest(0, 1 - tickets_share) end as tickets,
        case when sessions_share is not null then 100.0 * least(1, sessions_share) end as sessions
    from counted
),

weighted as (
    select
        points.*,
        {% for part in ['recency', 'scores', 'tickets', 'sessions'] %}
        case when points.{{ part }} is null then 0 else settings.health_weight_{{ part }} end as {{ part }}_weight,
        {% endfor %}
        settings.health_weight_recency + settings.health_weight_scores
        + settings.health_weight_tickets + settings.health_weight_sessions as weight
    from points
    cross join settings
),

summed as (
    select
        *,
        recency_weight + scores_weight + tickets_weight + sessions_weight as known_weight,
        recency_weight * coalesce(recency, 0) + scores_weight * coalesce(scores, 0)
        + tickets_weight * coalesce(tickets, 0) + sessions_weight * coalesce(sessions, 0) as total
    from weighted
),

final as (
    select
        moment,
        customer_id,
        as_of,
        recency,
        scores,
        tickets,
        sessions,
        known_weight / weight as weight_known,
        case when known_weight > 0 then total / known_weight end as health
    from summed
)

select * from final
