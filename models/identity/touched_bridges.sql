{{ config(materialized='incremental', incremental_strategy='append', schema='staging') }}
-- Grain: one row per customer whose links are tried anew: records or links of its own changed, it came among those with the most
-- contact records, or it left them. It grows over killed builds and is cleared when a build is marked; it runs before the table it
-- compares with is replaced.
-- depends_on: {{ ref('affected_nodes') }} {{ ref('node_customers') }}
{% set examined = previous('identity', 'int_identity__examined') %}
with

{% if is_incremental() and examined %}
known as (
    select distinct customer_id from {{ examined }}
),

found as (
    select customer_id from known
    where customer_id not in (select customer_id from {{ ref('int_identity__most_contacts') }})
    union
    select customer_id from {{ ref('int_identity__most_contacts') }}
    where customer_id not in (select customer_id from known)
    union
    select customer_id from {{ examined }} where {{ is_affected('node_id') }}
    union
    select customer_id from {{ ref('node_customers') }} where {{ is_affected('node_id') }}
)
{% else %}
-- a full build replaces everything: nothing needs naming
found as (
    select customer_id from {{ ref('int_identity__most_contacts') }} where false
)
{% endif %}

select customer_id
from found
