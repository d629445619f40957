{{ config(materialized='view') }}
-- Grain: one row per pair of contacts that a probable link joins: to be linked, and not cut in the company of their other records.
select
    links.record_a,
    links.record_b,
    links.weights,
    links.match_weight,
    links.match_probability
from {{ ref('int_identity__fuzzy_links') }} as links
left join {{ source('identity_fuzzy', 'fuzzy_cuts') }} as cuts
    on links.record_a = cuts.record_a and links.record_b = cuts.record_b
where links.is_link and cuts.record_a is null
