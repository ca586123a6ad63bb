select
    v.*,
    c.region_id
from {{ ref('stg_visits') }} as v
join {{ ref('stg_customers') }} as c using (customer_id)
