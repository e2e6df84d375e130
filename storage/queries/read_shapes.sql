-- Parameter: ids.
SELECT h.id, h.operation, h.service_tier FROM _genai.shape h WHERE h.id = ANY(%s::bigint[])
