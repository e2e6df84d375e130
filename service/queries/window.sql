-- window: what a window becomes where single calls of its ragged edges are gone (LEDGER §9).
SELECT from_used, to_used FROM genai.window_cut(%(from)s, %(to)s)
