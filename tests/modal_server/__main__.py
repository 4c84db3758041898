"""`python -m tests.modal_server`: start the server, print how to use it, serve until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import tempfile
from pathlib import Path

from .server import LoopbackModal
from .world import Options


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.modal_server", description="A loopback server for the modal client."
    )
    parser.add_argument(
        "--folder", type=Path, help="where volumes, dicts and secrets live on (default: temporary)"
    )
    parser.add_argument("--port", type=int, default=0, help="port for gRPC (default: any free one)")
    parser.add_argument(
        "--image-cache",
        type=Path,
        default=Path.home() / ".cache" / "mabe-modal-server",
        help="where images are kept",
    )
    parser.add_argument(
        "--background-commits",
        type=float,
        metavar="SECONDS",
        help="publish volumes so often (default: never)",
    )
    parser.add_argument(
        "--missing-heartbeats",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="silence after which a client is gone",
    )
    parser.add_argument(
        "--grace", type=float, default=30.0, metavar="SECONDS", help="between a polite signal and SIGKILL"
    )
    parser.add_argument(
        "--outside", type=Path, help="a folder that containers see, and find in LOOPBACK_OUTSIDE"
    )
    parser.add_argument(
        "--shared-view",
        action="store_true",
        help="let containers share the host's file system, as where it must be",
    )
    return parser.parse_args()


async def _serve(options: Options, port: int) -> None:
    server = LoopbackModal(options)
    await server.start(port)
    config = options.folder / "empty-modal-config.toml"
    config.touch()
    print(f"export MODAL_SERVER_URL={server.grpc_url}")
    print("export MODAL_TOKEN_ID=ak-loopback")
    print("export MODAL_TOKEN_SECRET=as-loopback")
    print(f"export MODAL_CONFIG_PATH={config}")
    print(f"# control: {server.http_url}/control/")
    if not server.private_views:
        print(
            "# no private views (user namespaces): containers share the host's file system, home and sources are moved, "
            "and other paths become links on the host where nothing is"
        )
    print("ready", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await server.close()


def main() -> None:
    """Run the server in the foreground."""
    arguments = _arguments()
    with contextlib.ExitStack() as stack:
        folder = arguments.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modal-server-")))
        folder.mkdir(parents=True, exist_ok=True)
        options = Options(
            folder=folder.resolve(),
            image_cache=arguments.image_cache.expanduser().resolve(),
            background_commits=arguments.background_commits,
            missing_heartbeats=arguments.missing_heartbeats,
            grace=arguments.grace,
            shared_view=arguments.shared_view,
            outside=arguments.outside,
        )
        asyncio.run(_serve(options, arguments.port))


if __name__ == "__main__":
    main()
