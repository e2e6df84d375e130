-- The day's identity hours by person. Parameters: day.
INSERT INTO _genai.usage_person_day (
    bucket, identity_id, environment, data_mode, {calls..errors: #}, {input_tokens..output_tokens: #}, unpriced_calls,
    cost_pico_usd)
SELECT %(day)s, u.identity_id, s.environment, s.data_mode, {calls..errors: sum(u.#)},
    {input_tokens..output_tokens: sum(u.#)}, sum(u.unpriced_calls),
    coalesce(sum(u.input_cost_pico_usd), 0) + coalesce(sum(u.cache_read_cost_pico_usd), 0)
        + coalesce(sum(u.cache_write_cost_pico_usd), 0) + coalesce(sum(u.output_cost_pico_usd), 0)
        + coalesce(sum(u.other_cost_pico_usd), 0)
FROM _genai.usage_identity_hour u JOIN _genai.series s ON s.id = u.series_id
WHERE u.bucket >= %(day)s AND u.bucket < %(day)s::timestamptz + interval '24 hours'
GROUP BY u.identity_id, s.environment, s.data_mode
ORDER BY u.identity_id, s.environment, s.data_mode
