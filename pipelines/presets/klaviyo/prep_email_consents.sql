-- Grain: one row per delivered profile and what it says of consent to email.
-- Reads: id, email, phone_number, created, updated, custom_consent, custom_consent_timestamp, custom_consent_method, custom_consent_form_id, custom_consent_form_version
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'email_consents') }}
),

-- the list of channels is JSON text or one word; without a time nobody can show when consent was given
judged as (
    select
        *,
        case
            when
                regexp_replace(lower(coalesce(custom_consent, '')), '[^a-z]+', ' ', 'g') in ('email', ' email ')
                or lower(custom_consent) like '%"email"%'
                then case when custom_consent_timestamp is not null then 'granted' end
        end as given
    from source
),

final as (
    select
        *,
        coalesce(given, 'unknown') as consent_state,
        -- a profile that no longer lists the channel says so when it was changed, and that ends an earlier grant
        case when given is not null then custom_consent_timestamp else coalesce(updated, created) end as consent_at,
        concat_ws('|', id, coalesce(given, 'unknown'), consent_at) as consent_key,
        nullif(concat_ws(' ', custom_consent_method, custom_consent_form_id), '') as consent_proof
    from judged
)

select * from final
