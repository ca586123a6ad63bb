select
    r.refund_id,
    i.order_id,
    i.product_id,
    i.customer_id,
    i.store_id,
    i.region_id,
    r.refunded_at,
    r.amount,
    r.reason
from {{ ref('stg_refunds') }} as r
join {{ ref('order_items') }} as i using (order_item_id)
