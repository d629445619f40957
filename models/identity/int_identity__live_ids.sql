{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    touch_column='customer_id',
    touched_sql=reassigned_ids(),
) }}
-- Grain: one row per customer_id whose seed record exists: its cluster and the id that stands for that cluster.
with

seeds as (
    select
        customer_id,
        seed_record,
        minted_seq,
        row_number() over (partition by customer_id order by registry_seq desc) as age
    from {{ ref('registry') }}
    {% if is_incremental() %}
    where customer_id in ({{ reassigned_ids() }})
    {% endif %}
),

placed as (
    select
        seeds.customer_id,
        seeds.minted_seq,
        clusters.cluster
    from seeds
    inner join {{ ref('node_clusters') }} as clusters on seeds.seed_record = clusters.node_id
    where seeds.age = 1
),

ranked as (
    select
        customer_id,
        cluster,
        first_value(customer_id) over (partition by cluster order by minted_seq, customer_id) as winner_id
    from placed
)

select * from ranked
