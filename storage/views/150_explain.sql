-- Why a call costs what it costs, recomputed from its row and its price alone (docs/changes.md): one row per part of the
-- bill. Nothing of processor/pricing.py is used, so that the two can be held against each other.

-- The parts of a bill. Fresh input is what was neither read from a cache nor written to one; where audio, images or
-- reasoning have a price of their own, their tokens leave fresh input or output, whichever includes them.
-- `booked_as` names the class of cost that holds the part; by class the parts sum to what the row has.
CREATE FUNCTION genai.explain(p_call_key uuid, p_time timestamptz)
RETURNS TABLE (
    call_key uuid, "position" integer, part text, booked_as text, tokens bigint, pico_usd_per_token bigint,
    cost_pico_usd numeric, field text, attribute text, rank integer
)
LANGUAGE sql STABLE AS $$
    WITH billed AS (
        SELECT m.call_key, m.sources, m.price_status, v.coefficients AS c,
            m.input_tokens::bigint - coalesce(m.cache_read_tokens, 0) - coalesce(m.cache_write_tokens, 0) AS fresh,
            coalesce(m.output_tokens, 0)::bigint AS output, coalesce(m.cache_read_tokens, 0)::bigint AS cache_read,
            coalesce(m.cache_write_tokens, 0)::bigint - coalesce(m.cache_write_1h_tokens, 0) AS cache_write,
            coalesce(m.cache_write_1h_tokens, 0)::bigint AS cache_write_1h,
            coalesce(m.input_audio_tokens, 0)::bigint AS input_audio,
            coalesce(m.input_image_tokens, 0)::bigint AS input_image,
            coalesce(m.output_audio_tokens, 0)::bigint AS output_audio,
            coalesce(m.output_image_tokens, 0)::bigint AS output_image,
            coalesce(m.reasoning_tokens, 0)::bigint AS reasoning
        FROM genai.model_call m
        JOIN genai.price_vector v ON v.id = m.price_vector_id
        WHERE m.call_key = p_call_key AND m.time = p_time AND m.cost_pico_usd IS NOT NULL AND m.input_tokens IS NOT NULL
    ), heard AS (
        SELECT b.*, CASE WHEN b.c ? 'input_audio' THEN least(b.input_audio, b.fresh) ELSE 0 END AS billed_input_audio,
            CASE WHEN b.c ? 'output_audio' THEN least(b.output_audio, b.output) ELSE 0 END AS billed_output_audio
        FROM billed b
    ), seen AS (
        SELECT h.*, CASE WHEN h.c ? 'input_image' THEN least(h.input_image, h.fresh - h.billed_input_audio) ELSE 0 END
                AS billed_input_image,
            CASE WHEN h.c ? 'output_image' THEN least(h.output_image, h.output - h.billed_output_audio) ELSE 0 END
                AS billed_output_image
        FROM heard h
    ), thought AS (
        SELECT s.*, CASE WHEN s.c ? 'reasoning'
                THEN least(s.reasoning, s.output - s.billed_output_audio - s.billed_output_image) ELSE 0 END
                AS billed_reasoning
        FROM seen s
    )
    SELECT t.call_key, p.position, p.part, p.booked_as, p.tokens, p.rate, p.tokens::numeric * p.rate, p.field,
        x.attribute, x.rank
    FROM thought t
    CROSS JOIN LATERAL (VALUES
        (1, 'input', 'input', t.fresh - t.billed_input_audio - t.billed_input_image, (t.c ->> 'input')::bigint,
            'input_tokens'),
        (2, 'input audio', 'input', t.billed_input_audio, (t.c ->> 'input_audio')::bigint, 'input_audio_tokens'),
        (3, 'input images', 'input', t.billed_input_image, (t.c ->> 'input_image')::bigint, 'input_image_tokens'),
        (4, 'cache read', 'cache_read', t.cache_read, (t.c ->> 'cache_read')::bigint, 'cache_read_tokens'),
        (5, 'cache write', 'cache_write', t.cache_write, (t.c ->> 'cache_write')::bigint, 'cache_write_tokens'),
        (6, 'cache write, 1 h', 'cache_write', t.cache_write_1h, (t.c ->> 'cache_write_1h')::bigint,
            'cache_write_1h_tokens'),
        (7, 'output', 'output', t.output - t.billed_output_audio - t.billed_output_image - t.billed_reasoning,
            (t.c ->> 'output')::bigint, 'output_tokens'),
        (8, 'output audio', 'output', t.billed_output_audio, (t.c ->> 'output_audio')::bigint, 'output_audio_tokens'),
        (9, 'output images', 'output', t.billed_output_image, (t.c ->> 'output_image')::bigint, 'output_image_tokens'),
        (10, 'reasoning', 'output', t.billed_reasoning, (t.c ->> 'reasoning')::bigint, 'reasoning_tokens'),
        (11, 'call', 'other', 1::bigint, coalesce((t.c ->> 'call')::bigint, 0), NULL)
    ) p ("position", part, booked_as, tokens, rate, field)
    LEFT JOIN LATERAL (
        SELECT s.line ->> 1 AS attribute, (s.line ->> 2)::integer AS rank
        FROM jsonb_array_elements(t.sources) s (line) WHERE s.line ->> 0 = p.field LIMIT 1
    ) x ON true
    WHERE p.tokens <> 0 AND (p.field IS NOT NULL OR p.rate <> 0)
$$;

-- What the recomputed parts sum to, beside what the row has, by class; `agrees` says that they are equal to the last
-- digit. A call without a cost has nothing to recompute and agrees.
CREATE FUNCTION genai.explained(p_call_key uuid, p_time timestamptz)
RETURNS TABLE (cost_pico_usd bigint, recomputed_pico_usd numeric, agrees boolean)
LANGUAGE sql STABLE AS $$
    SELECT m.cost_pico_usd, s.total,
        m.cost_pico_usd IS NULL OR (m.cost_pico_usd = s.total AND m.input_cost_pico_usd = s.input
            AND m.cache_read_cost_pico_usd = s.cache_read AND m.cache_write_cost_pico_usd = s.cache_write
            AND m.output_cost_pico_usd = s.output AND m.other_cost_pico_usd = s.other)
    FROM genai.model_call m
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(e.cost_pico_usd), 0) AS total,
            coalesce(sum(e.cost_pico_usd) FILTER (WHERE e.booked_as = 'input'), 0) AS input,
            coalesce(sum(e.cost_pico_usd) FILTER (WHERE e.booked_as = 'cache_read'), 0) AS cache_read,
            coalesce(sum(e.cost_pico_usd) FILTER (WHERE e.booked_as = 'cache_write'), 0) AS cache_write,
            coalesce(sum(e.cost_pico_usd) FILTER (WHERE e.booked_as = 'output'), 0) AS output,
            coalesce(sum(e.cost_pico_usd) FILTER (WHERE e.booked_as = 'other'), 0) AS other
        FROM genai.explain(m.call_key, m.time) e
    ) s
    WHERE m.call_key = p_call_key AND m.time = p_time
$$;
