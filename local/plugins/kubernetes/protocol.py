"""The parts of the engine's protocol that a provider speaks, imported without the rest of the SDK."""

from local.plugins.pulumi_protocol import leave_with_the_engine, version_of, whole_sdk  # isort: skip (it must come first: see there)

from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "leave_with_the_engine",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
    "version_of",
    "whole_sdk",
]
