"""How much the end-to-end tests do: enough for `make test`, everything under `make soak`."""

import os

FULL_SIZE = os.environ.get("SPANLEDGER_TEST_FULL_SIZE") == "1"
SPANS = 100_000 if FULL_SIZE else 8_000
KILLS = 20 if FULL_SIZE else 3
