"""Which loads of the token loop are still under way while it multiplies, read off the disassembly.

Loads return in the order in which they are issued, and a wait names how many of the last may be outstanding; so a walk
through the loop's instructions knows at each of them what is in flight at most. The walk takes the loop as it lies in
memory, which is how it usually runs, twice, so that it has seen the iteration before.
"""
import functools
import re
import subprocess

import issue_model

INSTRUCTION = re.compile(r"\s+(\w+)\s*(.*?)\s*// ([0-9A-F]+):(?: [0-9A-F]{8})+(?: <\S+\+0x([0-9a-f]+)>)?\s*")


def disassemble(objdump, path, kernel):
    """(mnemonic, operands, offset, offset of the branch target or None) of each instruction of a kernel."""
    command = [objdump, "-d", f"--disassemble-symbols={kernel}", path]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = [match.groups() for match in map(INSTRUCTION.fullmatch, text.splitlines()) if match]
    if not found:
        raise ValueError(f"{path}: no instruction of {kernel} found")
    start = int(found[0][2], 16)
    return [(mnemonic, operands, int(address, 16) - start, target and int(target, 16))
            for mnemonic, operands, address, target in found]


def token_loop(instructions):
    """The instructions of the smallest loop with at least half of the kernel's matrix instructions."""
    products = [i for i, instruction in enumerate(instructions) if issue_model.is_a("matrix", instruction[0])]
    index_of = {offset: i for i, (_, _, offset, _) in enumerate(instructions)}
    loops = [(last - index_of[target], index_of[target], last)
             for last, (_, _, offset, target) in enumerate(instructions)
             if target is not None and target <= offset and target in index_of
             and 2 * sum(index_of[target] <= i <= last for i in products) >= len(products)]
    if not products or not loops:
        raise ValueError("no loop with matrix instructions")
    _, first, last = min(loops)
    return instructions[first:last + 1]


def allowed(mnemonic, operands):
    """How many loads a wait leaves outstanding, or None where it waits for something else."""
    counter = re.search(r"vmcnt\((\d+)\)", operands)
    if mnemonic == "s_waitcnt":
        return int(counter[1]) if counter else None
    if mnemonic == "s_wait_loadcnt":
        return int(operands, 0)
    if mnemonic == "s_wait_loadcnt_dscnt":
        return int(operands, 0) >> 8
    return None


def in_flight(instructions, wave):
    """Bytes of wide loads (8 bytes a lane and more: keys and values, not page indices) that may be outstanding at a
    matrix instruction of the loop, on average."""
    outstanding, seen = [], []
    loop = token_loop(instructions)
    for turn in range(2):
        for mnemonic, operands, _, _ in loop:
            if issue_model.is_a("load", mnemonic):
                width = issue_model.access_bytes(mnemonic)
                outstanding.append(wave * width if width >= 8 else 0)
            elif turn == 1 and issue_model.is_a("matrix", mnemonic):
                seen.append(sum(outstanding))
            elif (left := allowed(mnemonic, operands)) is not None:
                outstanding = outstanding[max(len(outstanding) - left, 0):]
    return sum(seen) / len(seen)


@functools.cache
def of_kernel(objdump, path, kernel, wave):
    """`in_flight` of a kernel in a file."""
    return in_flight(disassemble(objdump, path, kernel), wave)
