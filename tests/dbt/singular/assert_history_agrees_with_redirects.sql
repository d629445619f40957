{{ config(severity='warn') }}
-- Two routes to one answer: who stands for an id today, by the history of changes and by the present redirects.
-- An id whose people are all gone stays in the history only.
with

told as (
    {{ customers_as_of("timestamp '9999-12-31 00:00:00'") }}
),

present as (
    select
        customer_id,
        winner_id
    from {{ ref('int_identity__live_ids') }}
)

select
    present.customer_id,
    present.winner_id,
    told.stood_for_by
from present
left join told on present.customer_id = told.customer_id
where told.stood_for_by is null or told.stood_for_by <> present.winner_id
