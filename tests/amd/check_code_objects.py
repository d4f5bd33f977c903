#!/usr/bin/env python3
"""check_code_objects.py --compiler CLANG PROGRAM...: reads the AMD code objects in HIP programs and checks their kernels.

A kernel of this library must not spill a register (a scalar one into a lane of a vector register included) nor use
scratch memory, on any processor. Prints the registers and the shared memory of each kernel as it goes.
"""
import argparse
import sys

from code_objects import code_objects, kernels, tool_beside

FORBIDDEN = ("vgpr_spill_count", "sgpr_spill_count", "private_segment_fixed_size")
SHOWN = ("vgpr_count", "agpr_count", "sgpr_count", "group_segment_fixed_size")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", required=True, help="clang++, beside which llvm-readelf lies")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()
    readelf = tool_beside(options.compiler, "llvm-readelf")

    lines = set()
    bad = set()
    for program in options.programs:
        for processor, image in code_objects(program):
            for kernel in kernels(readelf, image):
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


if __name__ == "__main__":
    main()
