"""The freshness contract in a running service: what its views need to know, and the record of breaches."""

from __future__ import annotations

from service.config import Config


def contract_settings(config: Config) -> dict[str, str]:
    """What views and alert rules read in `genai.setting`; an empty period says that nothing probes."""
    freshness, probe = config.freshness, config.probe
    return {
        "freshness_objective_seconds": f"{freshness.objective.total_seconds():g}",
        "freshness_target_seconds": f"{freshness.target.total_seconds():g}",
        "freshness_window_seconds": f"{freshness.window.total_seconds():g}",
        "probe_every_seconds": f"{probe.every.total_seconds():g}" if probe.enabled else "",
    }
