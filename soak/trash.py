"""Changes bytes as disks, editors and transfers do, whatever they mean."""

from __future__ import annotations

import random

PIECES = [
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\r", b"\t", b'"', b"'", b"\xc2\x9b", b"\x1b]0;x\x07"),
    *(
        b"[" * 80,
        b"{a: " * 60,
        b"- " * 80,
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!python/object/apply:os.system [ls]",
    ),
    *(b"9" * 400, b"1e999", b"---\n", b"%YAML 9", b": ", b"\xf0\x9f\x90\x80", b"," * 50),
]


def changed(content: bytes, chance: random.Random, times: int) -> bytes:
    """Return content with so many things done to its bytes."""
    for _ in range(times):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(6):
            case 0:
                content = content[:at]
            case 1:
                content = content[:at] + content[at + chance.randint(1, 64) :]
            case 2:
                content = content[:at] + chance.choice(PIECES) + content[at:]
            case 3:
                content = content[:at] + chance.randbytes(chance.randint(1, 8)) + content[at + 8 :]
            case 4 if content:
                spot = min(at, len(content) - 1)
                content = (
                    content[:spot] + bytes([content[spot] ^ 1 << chance.randrange(8)]) + content[spot + 1 :]
                )
            case _:
                other = chance.randrange(len(content) + 1)
                content = content[:at] + content[min(at, other) : max(at, other)][:4096] + content[at:]
    return content


def recoded(content: bytes, chance: random.Random) -> bytes:
    """Return text in another encoding, or with other ends of lines."""
    text = content.decode("utf-8", errors="replace")
    match chance.randrange(4):
        case 0:
            return text.encode("utf-16")
        case 1:
            return text.encode("utf-8-sig")
        case 2:
            return text.replace("\n", "\r").encode()
        case _:
            return text.replace("\n", "\r\n").encode()
