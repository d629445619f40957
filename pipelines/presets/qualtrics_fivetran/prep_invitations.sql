-- Grain: one row per delivered pair of distribution and contact; survey and channel stand in the link only.
-- Reads: distribution_id, contact_id, sent_at, status, survey_link, _fivetran_synced
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'invitations') }}
),

final as (
    select
        *,
        distribution_id || '|' || contact_id as invitation,
        nullif(regexp_extract(survey_link, 'SV_[A-Za-z0-9]+'), '') as survey_of_link,
        nullif(regexp_extract(survey_link, '[?&]Q_CHL=([A-Za-z]+)', 1), '') as channel_of_link,
        -- arrived for certain; Pending, Skipped, Blocked, Failure and bounces did not, an unknown word says nothing
        case
            when
                status in (
                    'Success', 'Opened', 'Complaint', 'SurveyStarted', 'SurveyPartiallyFinished', 'SurveyFinished',
                    'SurveyScreenedOut', 'SessionExpired'
                )
                then sent_at
        end as delivered
    from source
)

select * from final
