{{ config(materialized='ephemeral') }}
-- Grain: one row per decision of people about identity that the last finished build took in, and record it speaks of.
{% set decided = previous('identity', 'held_overrides') %}
select
    effect,
    override_id,
    record_key,
    other_key
from {{ decided if decided else source('identity_memory', 'override_effects') }}
{% if not decided %}
where false
{% endif %}
