-- Why a call costs what it costs, recomputed from its row and its price alone (docs/corrections.md): one row per part of the
-- bill. Nothing of processor/pricing/charge.py is used, so that the two can be held against each other.

-- The parts of a bill. Fresh input is what was neither read from a cache nor written to one. Audio and images leave fresh
-- input and cache reads, at their own price or the price of what includes them; what a row does not say to be cached is
-- fresh as far as there is room. A model whose images have a price of their own draws whatever is not reported as text.
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
            m.input_audio_tokens::bigint AS input_audio, m.input_cached_audio_tokens::bigint AS cached_audio,
            coalesce(m.input_image_tokens, 0)::bigint AS input_image, m.input_cached_image_tokens::bigint AS cached_image,
            coalesce(m.output_audio_tokens, 0)::bigint AS output_audio, m.output_image_tokens::bigint AS output_image,
            coalesce(m.reasoning_tokens, 0)::bigint AS reasoning
        FROM genai.model_call m
        JOIN genai.price_vector v ON v.id = m.price_vector_id
        WHERE m.call_key = p_call_key AND m.time = p_time AND m.cost_pico_usd IS NOT NULL AND m.input_tokens IS NOT NULL
    ), told AS (
        SELECT b.*, coalesce(b.input_audio, CASE WHEN b.c ? 'assumes_input_audio' THEN b.fresh ELSE 0 END) AS audio,
            least(b.output_audio, b.output) AS spoken
        FROM billed b
    ), heard AS (
        SELECT t.*, least(t.audio - least(t.audio, coalesce(t.cached_audio, 0), t.cache_read), t.fresh) AS audio_fresh,
            least(coalesce(t.output_image, CASE WHEN (t.c ->> 'output_image') <> (t.c ->> 'output')
                THEN t.output - t.spoken - least(t.reasoning, t.output - t.spoken) ELSE 0 END), t.output - t.spoken) AS drawn
        FROM told t
    ), cached AS (
        SELECT h.*, CASE WHEN h.cached_audio IS NULL THEN least(h.audio - h.audio_fresh, h.cache_read)
                ELSE least(h.audio, h.cached_audio, h.cache_read) END AS audio_read
        FROM heard h
    ), seen AS (
        SELECT a.*, least(a.input_image - least(a.input_image, coalesce(a.cached_image, 0), a.cache_read - a.audio_read),
                a.fresh - a.audio_fresh) AS image_fresh
        FROM cached a
    ), split AS (
        SELECT s.*, CASE WHEN s.cached_image IS NULL THEN least(s.input_image - s.image_fresh, s.cache_read - s.audio_read)
                ELSE least(s.input_image, s.cached_image, s.cache_read - s.audio_read) END AS image_read,
            CASE WHEN s.c ? 'reasoning' THEN least(s.reasoning, s.output - s.spoken - s.drawn) ELSE 0 END AS thought
        FROM seen s
    )
    SELECT t.call_key, p.position, p.part, p.booked_as, p.tokens, p.rate, p.tokens::numeric * p.rate, p.field,
        x.attribute, x.rank
    FROM split t
    CROSS JOIN LATERAL (VALUES
        (1, 'input', 'input', t.fresh - t.audio_fresh - t.image_fresh, (t.c ->> 'input')::bigint, 'input_tokens'),
        (2, 'input audio', 'input', t.audio_fresh, coalesce(t.c ->> 'input_audio', t.c ->> 'input')::bigint,
            'input_audio_tokens'),
        (3, 'input images', 'input', t.image_fresh, coalesce(t.c ->> 'input_image', t.c ->> 'input')::bigint,
            'input_image_tokens'),
        (4, 'cache read', 'cache_read', t.cache_read - t.audio_read - t.image_read, (t.c ->> 'cache_read')::bigint,
            'cache_read_tokens'),
        (5, 'cache read, audio', 'cache_read', t.audio_read,
            coalesce(t.c ->> 'cache_read_audio', t.c ->> 'input_audio', t.c ->> 'cache_read')::bigint,
            'input_cached_audio_tokens'),
        (6, 'cache read, images', 'cache_read', t.image_read,
            coalesce(t.c ->> 'cache_read_image', t.c ->> 'input_image', t.c ->> 'cache_read')::bigint,
            'input_cached_image_tokens'),
        (7, 'cache write', 'cache_write', t.cache_write, (t.c ->> 'cache_write')::bigint, 'cache_write_tokens'),
        (8, 'cache write, 1 h', 'cache_write', t.cache_write_1h, (t.c ->> 'cache_write_1h')::bigint,
            'cache_write_1h_tokens'),
        (9, 'output', 'output', t.output - t.spoken - t.drawn - t.thought, (t.c ->> 'output')::bigint, 'output_tokens'),
        (10, 'output audio', 'output', t.spoken, coalesce(t.c ->> 'output_audio', t.c ->> 'output')::bigint,
            'output_audio_tokens'),
        (11, 'output images', 'output', t.drawn, coalesce(t.c ->> 'output_image', t.c ->> 'output')::bigint,
            'output_image_tokens'),
        (12, 'reasoning', 'output', t.thought, (t.c ->> 'reasoning')::bigint, 'reasoning_tokens'),
        (13, 'call', 'other', 1::bigint, coalesce((t.c ->> 'call')::bigint, 0), NULL)
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
