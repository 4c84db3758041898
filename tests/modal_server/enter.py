"""Enters a private view of the file system, then becomes the program it was told: `python enter.py PLAN`.

Standard library only, and run by path: it starts before anything else is in place. PLAN is a JSON file with
`root`, `binds` (source, target, read-only), `cwd`, `argv`, `env` and `parent`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

# from sched.h, sys/mount.h and sys/prctl.h
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MS_PRIVATE, MNT_DETACH, PR_SET_PDEATHSIG = 1 << 18, 2, 1
# statvfs has the same bits for nosuid, nodev and noexec; a remount must repeat what the host has set
_KEPT = MS_NOSUID | MS_NODEV | MS_NOEXEC
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, flags: int) -> None:
    _check(
        _libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(flags), None),
        f"mount {source} {target}",
    )


def _new_namespace() -> None:
    """Become root of a user namespace with mounts of its own; needs no privilege where that is allowed."""
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _build(root: str, binds: list[tuple[str, str, bool]]) -> None:
    _mount("none", "/", MS_REC | MS_PRIVATE)
    _mount(root, root, MS_BIND | MS_REC)
    for source, target, read_only in binds:
        _mount(source, root + target, MS_BIND | MS_REC)
        if read_only:
            kept = os.statvfs(root + target).f_flag & _KEPT
            _mount("none", root + target, MS_REMOUNT | MS_BIND | MS_RDONLY | kept)
    os.chdir(root)
    _check(_libc.syscall(_SYS_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount the old root")


def main(plan: dict[str, Any]) -> None:
    """Build the view if one is wanted, tie this process to its parent's life, and become `argv`."""
    if plan["root"]:
        _new_namespace()
        _build(plan["root"], plan["binds"])
    # after unshare, which clears it
    _check(_libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0), "prctl")
    if os.getppid() != plan["parent"]:
        sys.exit("the server ended before its container began")
    os.chdir(plan["cwd"])
    os.execve(plan["argv"][0], plan["argv"], plan["env"])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
