"""Runs experiments on Modal: the app, its image and volume, and what the commands need of an account.

The only file that imports modal. `mabe-run FILE --cloud` uses it, and so does Modal's own command:

    modal run --detach modal_runner.py --experiment experiments/v3_transformer.yaml
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import math
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlparse

import modal
import modal.config
import modal.exception
import modal.types

from mabe_core.cloud.packing import Packed
from mabe_core.cloud.request import CloudRequest
from mabe_core.cloud.service import Call, CallState, CloudError, ConnectionLostError, Entry, Launch

VOLUME = Path("/vol")
SOURCES = ("mabe_core", "mabe_plugins", "modal_runner")
# seconds in which an account has to answer; left alone, Modal's client tries for a minute
PATIENCE = 3.8
# what a container may take to start: a large image, and the wait for a GPU
STARTUP = 3600


def train(request: str) -> str:
    """Run one attempt at an experiment; this is what runs in the container."""
    from mabe_core.cloud.attempts import AttemptOver
    from mabe_core.cloud.compiled import CompiledCode
    from mabe_core.cloud.remote import Container, run_request

    asked = CloudRequest.from_text(request)
    volume = modal.Volume.from_name(asked.cloud.volume)
    compiled = CompiledCode.on(VOLUME, Path(tempfile.gettempdir()) / "mabe-compiled")
    compiled.fetch()

    def commit() -> None:
        compiled.keep()
        volume.commit()

    container = Container(
        volume=VOLUME,
        commit=commit,
        store=_Store(_runs_dict(asked.cloud.volume, create=True)),
        call=modal.current_function_call_id() or "",
        app="",
    )
    try:
        return run_request(asked, container).to_text()
    except AttemptOver as error:
        raise RuntimeError(str(error)) from None  # a class that every client knows


def make_app(request: CloudRequest, image: modal.Image, most: int = 1) -> tuple[modal.App, Any]:
    """Return an app with the function that runs this experiment in the image, and that function.

    most: containers at once, where the function is called for several experiments.
    """
    cloud = request.cloud
    app = modal.App(cloud.app, tags={"experiment": request.id[-63:]})
    function = app.function(
        image=image,
        gpu=None if cloud.gpu == "none" else cloud.gpu,
        volumes={str(VOLUME): modal.Volume.from_name(cloud.volume, create_if_missing=True, version=2)},
        secrets=[modal.Secret.from_name(name) for name in cloud.secrets],
        timeout=math.ceil(min(cloud.attempt_seconds, cloud.total_seconds)),
        startup_timeout=STARTUP,
        retries=modal.Retries(max_retries=request.retries, initial_delay=0.0, backoff_coefficient=1.0),
        single_use_containers=True,
        max_containers=most,
        include_source=False,
    )(train)
    return app, function


def make_image(request: CloudRequest, wheels: Sequence[Path]) -> modal.Image:
    """Return the image: the versions that are installed here, plugins, and this program's own source."""
    image = modal.Image.debian_slim(python_version=request.python).uv_pip_install(*request.packages)
    if request.plugin_packages:
        image = image.uv_pip_install(*request.plugin_packages, extra_options="--no-deps")
    if wheels:
        for wheel in wheels:
            image = image.add_local_file(wheel, f"/wheels/{wheel.name}", copy=True)
        image = image.run_commands(
            "python -m pip install --no-deps " + " ".join(f"/wheels/{wheel.name}" for wheel in wheels)
        )
    return image.add_local_python_source(*SOURCES)


def refused(error: BaseException) -> CloudError:
    """Return the error that says that the account is not accepted."""
    return CloudError(f"Modal refuses the token: {error}. `modal token new` makes one")


def lost(error: BaseException) -> ConnectionLostError:
    """Return the error that says that Modal cannot be reached."""
    return ConnectionLostError(f"the connection to Modal was lost: {str(error) or type(error).__name__}")


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn what Modal's client raises into messages."""
    try:
        yield
    except modal.exception.AuthError as error:
        raise refused(error) from error
    except (
        modal.exception.ConnectionError,
        modal.exception.ServiceError,
        ConnectionError,
        socket.gaierror,
    ) as error:
        raise lost(error) from error
    except modal.exception.ImageBuildError as error:
        raise CloudError(f"the image cannot be built: {error}") from error
    except modal.exception.Error as error:
        raise CloudError(f"Modal says: {type(error).__name__}: {error}") from error


def connect() -> ModalAccount:
    """Reach the account that the environment or ~/.modal.toml names, within a few seconds.

    Raises CloudError that says what is missing and what to do.
    """
    deadline = time.monotonic() + PATIENCE
    profile = modal.config._profile
    known = list(modal.config._user_config)
    if profile not in known and profile != "default":
        raise CloudError(
            f"there is no Modal profile {profile!r} in {modal.config.user_config_path}; there are: "
            f"{', '.join(known) or 'none'}. `modal token new --profile {profile}` makes it"
        )
    if not (modal.config.config["token_id"] and modal.config.config["token_secret"]):
        raise CloudError(
            "no Modal account is set up here: run `modal token new`, or set MODAL_TOKEN_ID and "
            "MODAL_TOKEN_SECRET"
        )
    url = modal.config.config["server_url"]
    _within(deadline, f"no answer from {url}: is there a network?", lambda: _reach(url, deadline))
    with _told():
        try:
            asyncio.run(_hello(deadline))
        except TimeoutError:
            raise CloudError(f"{url} does not answer as Modal does: is there a network?") from None
    return ModalAccount()


def _reach(url: str, deadline: float) -> None:
    parts = urlparse(url)
    address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    try:
        socket.create_connection(address, timeout=max(deadline - time.monotonic(), 0.1)).close()
    except OSError as error:
        raise CloudError(f"{url} cannot be reached ({error}): is there a network?") from error


async def _hello(deadline: float) -> None:
    client = await modal.Client.from_env.aio()
    answer = client.hello.aio()  # type: ignore[no-untyped-call]
    await asyncio.wait_for(answer, max(deadline - time.monotonic(), 0.1))


def _within(deadline: float, message: str, act: Callable[[], None]) -> None:
    """Do something in a thread of its own, since looking up a name knows no deadline."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0.1))
    if thread.is_alive():
        raise CloudError(message)
    if raised:
        raise raised[0]


def _runs_dict(volume: str, *, create: bool) -> Any:
    return modal.Dict.from_name(f"{volume}-runs", create_if_missing=create)


class _Store:
    """Texts by key in a modal.Dict; one that does not exist is empty."""

    def __init__(self, entries: Any) -> None:
        self._entries = entries

    def get(self, key: str) -> str | None:
        with _told():
            try:
                found: str | None = self._entries.get(key)
            except modal.exception.NotFoundError:
                return None
            return found

    def put(self, key: str, value: str) -> None:
        with _told():
            self._entries.put(key, value)

    def put_new(self, key: str, value: str) -> bool:
        with _told():
            return bool(self._entries.put(key, value, skip_if_exists=True))

    def list_keys(self) -> list[str]:
        with _told():
            try:
                return [str(key) for key in self._entries.keys()]  # noqa: SIM118 - a modal.Dict, not a dict
            except modal.exception.NotFoundError:
                return []


class _Files:
    """The files of a modal.Volume."""

    def __init__(self, volume: Any) -> None:
        self._volume = volume

    def list(self, folder: str, *, recursive: bool = False) -> list[Entry]:
        with _told():
            try:
                found = self._volume.listdir(folder, recursive=recursive)
            except (modal.exception.NotFoundError, FileNotFoundError):
                return []
            kinds = modal.types.FileEntryType
            return [
                Entry(entry.path.lstrip("/"), entry.size, entry.type == kinds.DIRECTORY)
                for entry in found
                if entry.type in (kinds.DIRECTORY, kinds.FILE)
            ]

    def read(self, path: str) -> bytes | None:
        with _told():
            try:
                return b"".join(self._volume.read_file(path))
            except FileNotFoundError:
                return None

    def download(self, path: str, file: IO[bytes], progress: Callable[[int], None]) -> None:
        with _told():
            self._volume.read_file_into_fileobj(path, file, progress_cb=lambda *, advance: progress(advance))

    def upload(self, files: Sequence[tuple[Path | bytes, str]], *, replace: bool) -> None:
        import io

        with _told(), self._volume.batch_upload(force=replace) as batch:
            for source, path in files:
                batch.put_file(io.BytesIO(source) if isinstance(source, bytes) else source, path)


class ModalAccount:
    """What the commands need of a Modal account; see mabe_core.cloud.service."""

    def store(self, volume: str, *, create: bool = False) -> _Store:
        return _Store(_runs_dict(volume, create=create))

    def files(self, volume: str, *, create: bool = False) -> _Files | None:
        with _told():
            found = modal.Volume.from_name(volume, create_if_missing=create, version=2 if create else None)
            try:
                found.hydrate()
            except modal.exception.NotFoundError:
                return None
        return _Files(found)

    def launch(self, packed: Packed, started: Callable[[Call], None]) -> None:
        known = False
        with _told():
            with modal.enable_output():
                # built by itself, so that this is shown and what the app prints is not: it comes as events
                image = make_image(packed.request, packed.wheels).build()
            app, function = make_app(packed.request, image)
            with app.run(detach=True):
                call = function.spawn(packed.request.to_text())
                known = True
                started(Call(call.object_id, app.app_id or ""))
        if not known:  # Modal's block swallows Ctrl-C
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def launching(self, packed: Packed, most: int) -> Iterator[Launch]:
        done = False
        with _told():
            with modal.enable_output():
                image = make_image(packed.request, packed.wheels).build()
            app, function = make_app(packed.request, image, most)

            def launch(one: Packed, started: Callable[[Call], None]) -> None:
                # no app: it is not this call's alone, and ends by itself after the last one
                started(Call(function.spawn(one.request.to_text()).object_id, ""))

            with app.run(detach=True):
                yield launch
                done = True
        if not done:  # Modal's block swallows Ctrl-C
            raise KeyboardInterrupt

    def state(self, call: str, wait: float) -> CallState:
        """Wait for a call. What it raised itself is how it ended; any other error says nothing about it."""
        try:
            return CallState("returned", modal.FunctionCall.from_id(call).get(timeout=wait))
        except TimeoutError:
            return CallState("running")
        except modal.exception.InputCancellation:
            return CallState("cancelled")
        except (modal.exception.NotFoundError, modal.exception.OutputExpiredError):
            return CallState("unknown")
        except modal.exception.FunctionTimeoutError:
            return CallState("failed", "the time limit was reached")
        except (
            modal.exception.RemoteError,
            modal.exception.InternalFailure,
            modal.exception.ExecutionError,
            RuntimeError,  # as `train` raises
        ) as error:
            return CallState("failed", str(error))
        except modal.exception.AuthError as error:
            raise refused(error) from error
        except (modal.exception.Error, ConnectionError, socket.gaierror) as error:
            raise lost(error) from error

    def cancel(self, call: Call) -> None:
        with _told(), contextlib.suppress(modal.exception.NotFoundError):
            modal.FunctionCall.from_id(call.call).cancel(terminate_containers=True)
            if call.app:
                modal.App.lookup(call.app).stop()

    def log(self, call: str, *, follow: bool) -> Iterator[str]:
        with _told():
            logs = modal.FunctionCall.from_id(call).logs
            for entry in logs.stream() if follow else logs.tail(10_000):
                yield entry.message


def _asked_of_modal() -> str | None:
    """Return the experiment file of `modal run modal_runner.py --experiment FILE`; None elsewhere."""
    program = Path(sys.argv[0])  # `modal`, or modal/__main__.py by `python -m modal`
    if not modal.is_local() or "modal" not in (program.stem, program.parent.name) or "run" not in sys.argv:
        return None
    words = [part for word in sys.argv for part in word.split("=", 1)]
    if "--experiment" not in words[:-1]:
        sys.exit("error: say which experiment: modal run modal_runner.py --experiment FILE")
    return words[words.index("--experiment") + 1]


def _pack(file: str) -> Packed:
    """Resolve an experiment for `modal run`; a user's mistake ends it with a message."""
    from mabe_core.cloud.packing import pack
    from mabe_core.errors import MabeError, UserError
    from mabe_core.experiment import read_document, resolve
    from mabe_core.experiment.plugins import plugins_of

    wheels = tempfile.mkdtemp(prefix="mabe-wheels-")
    atexit.register(shutil.rmtree, wheels, ignore_errors=True)
    try:
        document = read_document(file)
        if document.has_study:
            raise UserError(f"{file} has a study: `mabe-run {file} --cloud` runs it")
        registry = plugins_of(document)
        return pack(resolve(document, registry), registry, Path(wheels))
    except MabeError as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))


# `modal run` looks for an app and an entry point at module level, so they are made from its command line
if (_file := _asked_of_modal()) is not None:
    _packed = _pack(_file)
    app, _function = make_app(_packed.request, make_image(_packed.request, _packed.wheels))

    @app.local_entrypoint()
    def main(experiment: str) -> None:
        """Train the experiment, or attach to where it is trained already."""
        from mabe_core.cli.cloud import Place, follow, tell_results
        from mabe_core.cloud.submitting import submit

        def launch(packed: Packed, started: Callable[[Call], None]) -> None:
            started(Call(_function.spawn(packed.request.to_text()).object_id, app.app_id or ""))

        place = Place(ModalAccount(), _packed.request.cloud.volume)
        submitted = submit(place.account, _packed, launch, print)
        if submitted.claim is None:
            tell_results(place, _packed.request.id, "finished")
        else:  # `modal run` shows what the container prints by itself
            status = follow(place, submitted.claim, quiet=submitted.state == "launched")
            if status != 0:
                sys.exit(status)
