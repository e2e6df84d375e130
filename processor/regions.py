"""Where a call was served, as far as its price depends on it: price lists have the usual place's prices."""

from __future__ import annotations

import re
from typing import Final

_PREFIX: Final = re.compile(r"(?P<region>af|ap|apac|au|ca|eu|global|in|jp|me|sa|uk|us|us-gov)\.")
_ARN: Final = re.compile(r"arn:aws(?P<partition>[a-z-]*):bedrock:(?P<region>[a-z0-9-]*):")
_SAME_EVERYWHERE: Final = re.compile(r"(?:global|regional)\.|(?:[a-z]+\.)?anthropic\.claude-3")
"""Entries of the list whose price is that of every commercial region; others have the price of the US
(https://aws.amazon.com/bedrock/pricing/)."""


def is_elsewhere(listed: str, provider: str, name: str) -> bool:
    """Whether a Bedrock model id names a region whose price the list's entry is not known to be.

    Args:
        listed: id of the list's entry, in lower case.
        name: the id of the call, in lower case.
    """
    if provider != "aws.bedrock":
        return False
    arn = _ARN.match(name)
    region = arn["region"] if arn else ""
    prefix = _PREFIX.match(name.rpartition("/")[2] if arn else name)
    named = prefix["region"] if prefix else region
    if "gov" in region or named == "us-gov" or (arn and arn["partition"] == "-us-gov"):
        return True
    return bool(named) and not named.startswith(("us", "global")) and not _SAME_EVERYWHERE.match(listed)
