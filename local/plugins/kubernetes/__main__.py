"""The plugin's process: prints the port it serves on, and leaves when the engine says so."""

import asyncio
import sys

import grpc
import grpc.aio

from local.plugins.kubernetes.protocol import leave_with_the_engine, provider_pb2_grpc
from local.plugins.kubernetes.server import Provider

_MAX_MESSAGE = 400 * 1024 * 1024  # the limit the engine itself uses


async def serve(engine_address: str) -> None:
    """Serve one engine until the process is told to leave."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.max_send_message_length", _MAX_MESSAGE),
        ]
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


def main() -> None:
    """Run the plugin. The engine's address is the last argument."""
    leave_with_the_engine()
    asyncio.run(serve(sys.argv[-1] if len(sys.argv) > 1 else ""))


if __name__ == "__main__":
    main()
