-- What of the cached input was audio or images: they have prices of their own (docs/pricing.md). NULL where a span does
-- not say, as in every row from before.
ALTER TABLE _genai.model_call
    ADD COLUMN input_cached_audio_tokens integer,
    ADD COLUMN input_cached_image_tokens integer;
