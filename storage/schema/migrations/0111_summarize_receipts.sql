-- A BRIN index leads to every page that it has not summarised. Autovacuum did that when a fifth of the table was new, so that
-- whoever asks for the keys of some seconds (sender lag, every minute) read a fifth of all keys: the cost of a minute grew
-- with the ledger. Now each range of pages is summarised within a minute of being full.
ALTER INDEX _genai.call_key_received_at SET (autosummarize = on);
ALTER INDEX _genai.unread_span_received_at SET (autosummarize = on);
