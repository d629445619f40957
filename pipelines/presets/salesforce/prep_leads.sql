-- Grain: one row per delivered lead, with the contact it became where it was converted.
-- Reads: Id, ConvertedContactId, Email, MobilePhone, Phone, FirstName, LastName, Street, City, State, PostalCode, Country, Company, Title, CreatedDate, SystemModstamp, IsDeleted, LeadSource, Status, HasOptedOutOfEmail, DoNotCall
{{ config(materialized='view', schema='staging') }}

with

source as (
    select * from {{ source('raw_{source}', 'leads') }}
),

final as (
    select
        *,
        -- one person, one number: with both, every converted lead would contradict the rule of one user_id
        coalesce({{ clean_text('"ConvertedContactId"') }}, "Id") as person_id
    from source
)

select * from final
