{{ config(materialized='view', schema='customer') }}
-- Grain: one row: what the latest attempt at each law rests on, or why it was refused. That is the attempt of this week and these
-- settings: model_runs sees to it.
with

attempts as (
    select
        model,
        fit_seq,
        max(n) as n,
        max(refused_because) as refused_because
    from {{ ref('model_runs') }}
    where part = 'parameter'
    group by model, fit_seq
),

ranked as (
    select
        model,
        n,
        refused_because,
        row_number() over (partition by model order by fit_seq desc) as age
    from attempts
),

final as (
    select
        max(case when ranked.model = clock.model then ranked.n end) as orders_n,
        max(case when ranked.model = clock.model then ranked.refused_because end) as orders_refused,
        max(case when ranked.model = 'gamma_gamma' then ranked.refused_because end) as value_refused,
        max(case when ranked.model = 'exponential_gamma' then ranked.n end) as contract_n,
        max(case when ranked.model = 'exponential_gamma' then ranked.refused_because end) as contract_refused,
        max(case when ranked.model = 'subscription_revenue' then ranked.refused_because end) as renewal_refused
    from ranked
    cross join {{ ref('prediction_clock') }} as clock
    where ranked.age = 1
)

select * from final
