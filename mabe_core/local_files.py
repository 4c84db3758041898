"""Local plugin files: read once, hashed, and run from exactly the bytes that were hashed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

from mabe_core.errors import Location, Problem, UserError
from mabe_core.registry import Origin

LARGEST = 4 * 2**20
HOOK = re.compile(rb"^@(\w+\.)*hookimpl\b", re.MULTILINE)


def read_local_files(files: Sequence[Path]) -> Iterator[Origin]:
    """Read plugin files, each once: the same path, or the same content, given again is passed over."""
    paths: set[Path] = set()
    digests: set[str] = set()
    for file in files:
        if file.resolve() in paths:
            continue
        paths.add(file.resolve())
        content = _content(file)
        digest = hashlib.sha256(content).hexdigest()
        if digest in digests:
            continue
        digests.add(digest)
        word = re.sub(r"\W", "_", file.stem)
        module = f"mabe_local_{word}_{digest[:8]}"
        yield Origin(plugin=file.stem, module=module, place="file", file=file, sha256=digest, content=content)


def plugin_files_in(folder: Path) -> list[Path]:
    """Return the Python files of a folder that mark a function as a hook; no other is run as a plugin."""
    return [file for file in sorted(folder.glob("*.py")) if file.is_file() and HOOK.search(file.read_bytes())]


def import_local_file(origin: Origin) -> ModuleType:
    """Run a local plugin file as a module that can be found again."""
    assert origin.content is not None, "a local file was read"
    name = origin.module
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, origin.file)
    assert spec is not None, "a .py path always has a loader"
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(origin.file)  # as its code has it, and whoever named it, not made absolute
    sys.modules[name] = module
    try:
        code = compile(_source(origin.content, str(origin.file)), str(origin.file), "exec", dont_inherit=True)
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _source(content: bytes, file: str) -> str:
    """Return a file's text as Python reads it; raise SyntaxError where it is none, even in a comment."""
    try:
        return importlib.util.decode_source(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SyntaxError(f"a byte that is not {error.encoding}", (file, line, None, None)) from error
    except SyntaxError as error:
        raise SyntaxError(error.msg, (file, 1, None, None)) from error


def _content(file: Path) -> bytes:
    try:
        status = file.stat()
        if file.suffix != ".py":
            raise _refused(file, "a plugin file is Python, and its name ends in .py")
        if not stat.S_ISREG(status.st_mode):
            raise _refused(file, "this is no regular file, but a folder or a device")
        if status.st_size > LARGEST:
            raise _refused(file, f"{status.st_size} bytes are too many for a plugin file (at most 4 MiB)")
        return file.read_bytes()
    except OSError as error:
        raise _refused(file, f"plugin file cannot be read: {error.strerror}") from error


def _refused(file: Path, why: str) -> UserError:
    return UserError(Problem(why, Location(str(file))))
