-- Grain: one row per delivered campaign member: one person in one campaign.
-- Reads: Id, CampaignId, ContactId, LeadId, Status, HasResponded, FirstRespondedDate, CreatedDate, LastModifiedDate, SystemModstamp, IsDeleted
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'campaign_members') }}
),

final as (
    select
        *,
        -- a converted lead keeps its LeadId beside the contact it became
        coalesce({{ clean_text('"ContactId"') }}, {{ clean_text('"LeadId"') }}) as person_id,
        'campaign_' || "CampaignId" as attribute_name
    from source
)

select * from final
