{{ config(materialized='ephemeral') }}
-- Grain: one row per record that was pinned since the last finished build.
select
    record_key,
    override_id
from {{ source('identity_memory', 'override_effects') }}
where
    effect = 'pinned'
    and override_id not in (
        select held_before.override_id from {{ ref('int_identity__held_before') }} as held_before
        where held_before.effect = 'pinned'
    )
