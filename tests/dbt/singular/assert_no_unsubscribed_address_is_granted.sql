-- Fails for a mail address that holds a grant for a purpose although it unsubscribed after that grant was given, or in
-- the same moment: ties deny.
select
    consents.purpose,
    consents.consent_record_id
from {{ ref('consents') }} as consents
inner join {{ ref('config_purposes') }} as purposes
    on consents.purpose = purposes.purpose and consents.channel = purposes.channel
inner join {{ ref('stg_messages') }} as messages
    on consents.contact_point = messages.email and messages.kind = 'unsubscribed' and messages.channel = 'email'
where
    consents.channel = 'email'
    and consents.state = 'granted'
    and (messages.occurred_at is null or messages.occurred_at >= consents.obtained_at)
