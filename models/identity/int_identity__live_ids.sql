{{ config(materialized='view') }}
-- Grain: one row per customer_id whose seed record exists: the id that stands for the cluster it is in.
with

seeds as (
    {{ present_seeds() }}
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
)

select
    seeds.customer_id,
    owners.customer_id as winner_id
from seeds
inner join owners on seeds.seed_record = owners.node_id
