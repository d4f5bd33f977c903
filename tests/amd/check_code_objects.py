#!/usr/bin/env python3
"""check_code_objects.py --compiler CLANG PROGRAM...: reads the AMD code objects in HIP programs and checks their kernels.

A kernel of this library must not spill a register (a scalar one into a lane of a vector register included) nor use
scratch memory, on any processor. Prints the registers and the shared memory of each kernel as it goes.
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile

BUNDLE = b"__CLANG_OFFLOAD_BUNDLE__"
COMPRESSED_BUNDLE = b"CCOB"
FORBIDDEN = ("vgpr_spill_count", "sgpr_spill_count", "private_segment_fixed_size")
SHOWN = ("vgpr_count", "agpr_count", "sgpr_count", "group_segment_fixed_size")
# Kernels of rocPRIM come along with the planner; they are not ours to change.
FOREIGN = re.compile(r"^_ZN7rocprim")


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True, help="clang++, beside which llvm-readelf lies")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    readelf = os.path.join(os.path.dirname(os.path.realpath(options.compiler)), "llvm-readelf")

    lines = set()
    bad = set()
    for program in options.programs:
        for processor, image in code_objects(program):
            for kernel in kernels(readelf, image):
                if FOREIGN.match(kernel["name"]):
                    continue
                faults = [f"{key}={kernel[key]}" for key in FORBIDDEN if int(kernel[key])]
                figures = [f"{key}={kernel.get(key, 0)}" for key in SHOWN]
                line = f"{processor} {kernel['name']}: {' '.join(figures + faults)}"
                lines.add(line)
                if faults:
                    bad.add(line)
    for line in sorted(lines):
        print(f"BAD {line}" if line in bad else line)
    print(f"{len(lines)} kernels, {len(bad)} with spills or scratch")
    if not lines:
        sys.exit("no kernel found: are these HIP programs?")
    sys.exit(bool(bad))


main()
