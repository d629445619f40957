{{ config(materialized='view') }}
-- Grain: one row per pair of contacts that are probably one person: to be linked (`is_link`), or to be looked at. Agreement on an
-- email or phone that may not identify anybody is no evidence. A pinned record belongs to whom somebody said.
with

thresholds as (
    select
        merge_from,
        review_from
    from {{ source('identity_fuzzy', 'fuzzy_state') }}
),

pairs as (
    select *
    from {{ source('identity_fuzzy', 'fuzzy_pairs') }}
    where
        record_a not in (
            select record_key from {{ source('identity_memory', 'override_effects') }} where effect = 'pinned'
        )
        and record_b not in (
            select record_key from {{ source('identity_memory', 'override_effects') }} where effect = 'pinned'
        )
),

refused as (
    select
        pairs.record_a,
        pairs.record_b,
        max(case when judged.identifier_type = 'email' then pairs.email_weight else 0 end) as email_weight,
        max(case when judged.identifier_type = 'phone' then pairs.phone_weight else 0 end) as phone_weight
    from pairs
    inner join {{ ref('node_values') }} as ours on pairs.record_a = ours.node_id
    inner join {{ ref('node_values') }} as theirs
        on pairs.record_b = theirs.node_id and ours.value_key = theirs.value_key
    inner join {{ ref('identifier_values') }} as judged on ours.value_key = judged.value_key
    where judged.refused_because is not null and judged.identifier_type in ('email', 'phone')
    group by pairs.record_a, pairs.record_b
),

weighed as (
    select
        pairs.record_a,
        pairs.record_b,
        pairs.weights,
        pairs.match_weight
        - greatest(coalesce(refused.email_weight, 0), 0)
        - greatest(coalesce(refused.phone_weight, 0), 0) as match_weight
    from pairs
    left join refused on pairs.record_a = refused.record_a and pairs.record_b = refused.record_b
)

select
    weighed.record_a,
    weighed.record_b,
    weighed.weights,
    weighed.match_weight,
    1 / (1 + power(2.0, -weighed.match_weight)) as match_probability,
    weighed.match_weight >= thresholds.merge_from as is_link
from weighed
cross join thresholds
where weighed.match_weight >= thresholds.review_from
