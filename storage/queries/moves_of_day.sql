-- Counted calls of a span that stand under another tenant than the assignments say, where no span named one.
-- Parameters: first, end; users, from_times, tenants.
SELECT (extract(epoch FROM m.time) * 1000000)::bigint - 946684800000000, uuid_send(m.call_key),
    r.environment, r.data_mode, i.tenant_id, coalesce(a.tenant_id, 'unknown'), coalesce(m.cost_pico_usd, 0)
FROM _genai.model_call m
JOIN _genai.identity i ON i.id = m.identity_id
JOIN _genai.series r ON r.id = m.series_id
LEFT JOIN (
    SELECT o.user_id, o.tenant_id, o.from_time,
        lead(o.from_time, 1, 'infinity') OVER (PARTITION BY o.user_id ORDER BY o.from_time) AS end_time
    FROM unnest(%(users)s::text[], %(from_times)s::timestamptz[], %(tenants)s::text[])
        AS o (user_id, from_time, tenant_id)
) AS a ON a.user_id = i.user_id AND m.time >= a.from_time AND m.time < a.end_time
WHERE m.time >= %(first)s AND m.time < %(end)s
  AND m.merged_into IS NULL AND i.user_id <> '__erased__'
  AND i.tenant_id <> coalesce(a.tenant_id, 'unknown')
  AND (i.tenant_id = 'unknown' OR m.shape_id IN (
      SELECT h.id FROM _genai.shape h JOIN _genai.reading d ON d.id = h.reading_id
      WHERE d.sources @> '[["tenant_id", "<identities.yaml>"]]'))
ORDER BY m.time, m.call_key
