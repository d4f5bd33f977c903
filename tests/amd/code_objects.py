"""The AMD code objects in HIP programs, and what their metadata says of kernels."""
import os
import re
import struct
import subprocess
import sys
import tempfile

BUNDLE = b"__CLANG_OFFLOAD_BUNDLE__"
COMPRESSED_BUNDLE = b"CCOB"


def tool_beside(compiler, tool):
    """A tool such as llvm-readelf of the compiler's own folder."""
    return os.path.join(os.path.dirname(os.path.realpath(compiler)), tool)


def code_objects(path):
    """Yields (processor, ELF image) of every code object in the offload bundles of the file."""
    with open(path, "rb") as file:
        data = file.read()
    starts = [match.start() for match in re.finditer(re.escape(BUNDLE), data)]
    if not starts and COMPRESSED_BUNDLE in data:
        sys.exit(f"{path}: its code objects are compressed; build with --no-offload-compress")
    for start in starts:
        count, = struct.unpack_from("<Q", data, start + len(BUNDLE))
        position = start + len(BUNDLE) + 8
        for _ in range(count):
            offset, size, length = struct.unpack_from("<QQQ", data, position)
            name = data[position + 24:position + 24 + length].decode()
            position += 24 + length
            if size and name.startswith("hip"):
                yield name.split("--")[-1], data[start + offset:start + offset + size]


def kernels(readelf, image):
    """Yields a dictionary of the metadata's plain values for each kernel of a code object."""
    with tempfile.NamedTemporaryFile(suffix=".co") as file:
        file.write(image)
        file.flush()
        notes = subprocess.run([readelf, "--notes", file.name], capture_output=True, text=True, check=True).stdout
    listed = notes.partition("amdhsa.kernels:")[2].partition("amdhsa.target:")[0]
    # a kernel is an element of a list at two blanks, its values stand at four
    for element in re.split(r"^  - ", listed, flags=re.MULTILINE)[1:]:
        yield dict(re.findall(r"^(?: {4})?\.(\w+): +(\S+)$", element, flags=re.MULTILINE))
