"""What workloads speak beside HTTP/1.1: WebSocket, gRPC and HTTP/2 through the URL, TCP between siblings, nothing."""

import socket
import subprocess
from pathlib import Path
from urllib.parse import quote

import yaml
from websockets.sync.client import connect

from tests.cluster.support.gateway import Gateway
from tests.cluster.support.stacks import FIRST, Branches
from tests.cluster.support.waiting import until

PROTOCOLS = {
    "web": {"image": FIRST, "routes": [{"path": "/"}]},
    "h2": {"image": FIRST, "protocol": "http2", "routes": [{"path": "/h2", "rewrite": "/"}]},
    "greeter": {
        "image": FIRST,
        "protocol": "grpc",
        "port": 50051,
        "env": {"PORT": 50051},
        "probes": {"grpc": ""},
        "routes": [{"path": "/shop.Greeter"}],
    },
    "db": {"image": FIRST, "protocol": "tcp", "port": 5432, "env": {"PORT": 5432}},
    "worker": {"image": FIRST, "port": "none"},
}


def grpc(gateway: Gateway, host: str) -> str:
    """Call the sample app's method as a gRPC client does, and give all headers of the answer, trailers included."""
    command = [
        *("curl", "--silent", "--http2-prior-knowledge", "--max-time", "5", "--include", "--output", "-"),
        *(
            "--header",
            f"Host: {host}:{gateway.port}",
            "--header",
            "Content-Type: application/grpc",
            "--header",
            "TE: trailers",
        ),
        *("--data-binary", "@-", f"http://{gateway.address}:{gateway.port}/shop.Greeter/SayHello"),
    ]
    answer = subprocess.run(command, input=bytes(5), capture_output=True, check=False)
    return answer.stdout.decode(errors="replace").lower()


def echoed(gateway: Gateway, host: str, messages: list[str]) -> list[str | bytes]:
    """Send messages through a WebSocket of the sample app, and give what it says back."""
    with (
        socket.create_connection((gateway.address, gateway.port), timeout=10) as connection,
        connect(f"ws://{host}:{gateway.port}/echo", sock=connection, compression=None, proxy=None) as websocket,
    ):
        answers = []
        for message in messages:
            websocket.send(message)
            answers.append(websocket.recv(timeout=10))
        return answers


def test_each_workload_is_reached_by_what_it_speaks(branches: Branches, gateway: Gateway, workdir: Path) -> None:
    branch = branches("feature/protocols")
    file = workdir / "protocols.yaml"
    file.write_text(yaml.safe_dump({"workloads": PROTOCOLS}))
    branch.up(environment=str(file))

    assert gateway.until_status(branch.host).json["proto"] == "HTTP/1.1", "web is asked as ever"
    assert echoed(gateway, branch.host, ["one", "two"]) == ["one", "two"], "and by a WebSocket where it offers one"
    over_h2 = gateway.until_status(branch.host, path="/h2").json
    assert over_h2["proto"] == "HTTP/2.0", "the gateway speaks HTTP/2 to who asks for it, whatever the browser speaks"
    until(lambda: "grpc-status: 0" in grpc(gateway, branch.host), what="gRPC through the URL, with its trailers")

    url = quote(f"http://{branch.object_name('db')}:5432/", safe="")
    called = until(
        lambda: (answer := gateway.get(branch.host, f"/call?url={url}").json)["status"] == 200 and answer,
        what="web reaches its database at the database's own port",
    )
    assert called["answer"]["branch"] == branch.name, "and it is its own"
    services = branch.base.cluster.get("services", "--namespace", branch.base.namespace)["items"]
    names = {each["metadata"]["name"] for each in services}
    assert branch.object_name("worker") not in names, "nobody asks a worker"
