-- Grain: one row per decision by hand and record whose effect this build took in; tells the next build which of them ended.
-- depends_on: {{ ref('split_causes') }}
select
    effect,
    override_id,
    record_key,
    other_key
from {{ source('identity_memory', 'override_effects') }}
where effect in ('joined', 'pinned')
