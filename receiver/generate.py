"""Generates receiver/telemetry_pb2*.py from proto/: `python -m receiver.generate`, run by `make proto`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUTPUTS = ("telemetry_pb2.py", "telemetry_pb2.pyi", "telemetry_pb2_grpc.py")


def generate(destination: Path) -> None:
    """Write `receiver/telemetry_pb2*` below `destination`.

    The schema's folder is mapped to `receiver/`, so that the generated modules import each other from there.
    Needs grpcio-tools (extra `dev`). Raises CalledProcessError with protoc's own message on stderr.
    """
    arguments = [
        f"-Ireceiver={ROOT / 'proto' / 'telemetry' / 'v1'}",
        f"-I{_well_known_types()}",
        f"--python_out={destination}",
        f"--pyi_out={destination}",
        f"--grpc_python_out={destination}",
        "receiver/telemetry.proto",
    ]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True)


def _well_known_types() -> Path:
    import grpc_tools  # a development tool: not there where the service runs

    return Path(str(grpc_tools.__file__)).parent / "_proto"


if __name__ == "__main__":
    generate(ROOT)
    print("wrote", *(f"receiver/{name}" for name in OUTPUTS))
