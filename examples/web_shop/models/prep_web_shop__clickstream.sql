-- Grain: one row per delivered event, with the unique number the file itself does not have.
{{ config(materialized='view', schema='staging') }}

with

source as (
    select
        *,
        {{ row_hash(source('raw_web_shop', 'clickstream')) }} as content_hash
    from {{ source('raw_web_shop', 'clickstream') }}
),

-- 30 events repeat another exactly and both happened, so repeats are counted inside one delivery of a file;
-- the same rows in a later delivery get the same numbers and are duplicates. dense_rank, not row_number:
-- a line that a crash wrote twice keeps its position and must stay one event.
final as (
    select
        *,
        content_hash || '-' || cast(
            dense_rank() over (
                partition by _cdp_load_seq, _cdp_file, content_hash
                order by _cdp_position
            ) as varchar
        ) as message_id
    from source
)

select * from final
