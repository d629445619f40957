{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per response, former owner or new owner of an answer that its invitation gives to another person than before.
-- An invitation may come long after its answer, its customer be absorbed, our own be accepted, its link turn out to be passed on: all
-- of it is seen by comparing with the last build. It grows over killed builds and must run before that table is replaced.
{% set before = previous('customer', 'answer_owners') %}
with

answers as (
    select * from {{ ref('int_answers__by_invitation') }}
),

{% if is_incremental() and before %}
moved as (
    select
        coalesce(answers.record_id, former.record_id) as record_id,
        former.customer_id as old_id,
        answers.customer_id as new_id
    from answers
    full join {{ before }} as former on answers.record_id = former.record_id
    where former.customer_id is distinct from answers.customer_id
),

found as (
    select record_id as touch_key from moved
    union
    select old_id from moved
    union
    select new_id from moved
)
{% else %}
-- a full build replaces everything: nothing needs naming
found as (
    select record_id as touch_key from answers where false
)
{% endif %}

select touch_key
from found
where touch_key is not null
