{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false, schema='staging') }}
-- Grain: one row per customer_id of before, and id that has some of its records now: the link that held these and the others
-- together after the last finished build, and what became of it. What somebody decided goes first, then what a constraint kept
-- apart, then values by priority, then probable links. It grows over killed builds and is cleared when a build is marked; it runs
-- before the owners it compares with are replaced.
-- depends_on: {{ ref('affected_nodes') }} {{ ref('links_before') }} {{ ref('touched_values') }}
with

found as (
    select * from {{ ref('int_identity__lost_pairs') }}
    union all
    select * from {{ ref('int_identity__lost_values') }}
),

final as (
    select
        former_id,
        customer_id,
        cause,
        link_value,
        record_a,
        record_b,
        row_number() over (
            partition by former_id, customer_id order by strength_rank, cause, record_a, record_b, link_value
        ) as place
    from found
    where customer_id is not null
)

select
    former_id,
    customer_id,
    cause,
    link_value,
    record_a,
    record_b
from final
where place = 1
