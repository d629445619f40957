{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='old_customer_id',
    touched_sql=reassigned_ids(),
    schema='marts',
    on_schema_change='fail',
) }}
-- Grain: one row per absorbed customer_id: the id that stands for its people now.
-- depends_on: {{ ref('affected_nodes') }} {{ ref('registry') }}
with

seeds as (
    {{ present_seeds(only=is_incremental()) }}
),

owners as (
    select
        node_id,
        customer_id
    from {{ ref('node_customers') }}
),

final as (
    select
        seeds.customer_id as old_customer_id,
        owners.customer_id as new_customer_id
    from seeds
    inner join owners on seeds.seed_record = owners.node_id
    where seeds.customer_id <> owners.customer_id
)

select * from final
