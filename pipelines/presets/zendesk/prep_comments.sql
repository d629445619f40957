-- Grain: one row per delivered comment, with the kind of interaction it is.
-- Reads: id, ticket_id, user_id, created, body, public, voice_comment
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'comments') }}
),

final as (
    select
        *,
        case
            when lower(voice_comment) = 'true' then 'call'
            when lower(public) = 'false' then 'note'
            else 'comment'
        end as comment_kind
    from source
)

select * from final
