"""Control flow: the reachable instructions, basic blocks, and the C++ source that is made of them."""

import collections
import os

from asm import Inst, Opnd, Unsupported


class ControlFlow:
    TERMINATORS = (
        's_branch',
        's_endpgm',
        's_setpc_b64',
        's_swappc_b64',
        's_endpgm_saved',
        's_trap',
        's_sleep',
        's_sleep_var',
    )

    def target(self, i):
        off = int(i.ops[-1], 0) & 0xFFFF
        return i.addr + 4 + 4 * (off - 0x10000 if off & 0x8000 else off)

    def explore(self):
        """Finds the reachable instructions and the first addresses of basic blocks."""
        self.leaders, todo, roots = {self.entry}, [self.entry], False
        self.off_end = set()
        while todo:
            pc = todo.pop()
            while pc not in self.insts:
                # past the code, or in its padding: behind a call that never returns
                if pc not in self.raw or self.raw[pc][0].startswith('s_code_end'):
                    self.off_end.add(pc)
                    self.leaders.add(pc)
                    break
                text, words = self.raw[pc]
                i = self.insts[pc] = Inst(pc, words, text)
                nxt = pc + i.size
                m = i.mnem
                if m in ('s_endpgm', 's_endpgm_saved', 's_trap'):
                    break
                if m == 's_branch' or m.startswith('s_cbranch') or m == 's_call_b64':
                    t = self.target(i)
                    self.leaders.add(t)
                    todo.append(t)
                    if m == 's_branch':
                        break
                    self.leaders.add(nxt)
                elif m in ('s_setpc_b64', 's_swappc_b64'):
                    t = self.static_target(i)
                    if t is not None:
                        self.leaders.add(t)
                        todo.append(t)
                    elif not roots:
                        roots = True
                        self.leaders |= set(self.funcs)
                        todo += self.funcs
                    if m == 's_setpc_b64':
                        break
                    self.leaders.add(nxt)
                elif m in ('s_barrier', 's_barrier_wait', 's_sleep', 's_sleep_var'):
                    self.leaders.add(nxt)
                pc = nxt

    def static_target(self, i):
        """s_getpc_b64 p; s_add_u32 p.lo, p.lo, N; s_addc_u32 p.hi, p.hi, M; s_setpc_b64 p: a long branch."""
        back = [j for a, j in sorted((a, j) for a, j in self.insts.items() if i.addr - 64 <= a < i.addr)]
        if i.mnem != 's_setpc_b64':
            return None
        reg = Opnd(i.ops[-1])
        off = None
        for j in reversed(back):
            if j.mnem in ('s_add_u32', 's_sub_u32', 's_add_co_u32') and Opnd(j.ops[0]).idx == reg.idx:
                c = [Opnd(o) for o in j.ops[1:]]
                if c[1].kind != 'const':
                    return None
                off = c[1].val & 0xFFFFFFFF
                if off & 0x80000000:
                    off -= 1 << 32
                if 'sub' in j.mnem:
                    off = -off
            if j.mnem == 's_getpc_b64' and Opnd(j.ops[0]).idx == reg.idx and off is not None:
                return j.addr + j.size + off
        return None

    def run(self):
        self.explore()
        blocks, cur = [], None
        for a in sorted(self.insts):
            i = self.insts[a]
            if (
                a in self.leaders
                or cur is None
                or cur[-1] + self.insts[cur[-1]].size != a
                or self.insts[cur[-1]].mnem in self.TERMINATORS
            ):
                cur = []
                blocks.append(cur)
            cur.append(a)
        text = []
        self.functions, self.cases = [], []
        for k, b in enumerate(blocks):
            self.body, self.exits = [], []
            hist = collections.Counter()
            for n, a in enumerate(b):
                i = self.insts[a]
                hist[i.mnem] += 1
                if n % self.PER_FUNCTION == 0:
                    self.body.append(None)
                if os.environ.get('AMDGCN_SIM_ASM'):
                    self.emit('// ' + i.text)
                try:
                    self.translate(i)
                except Unsupported as e:
                    self.missing[str(e)] += 1
                except (AttributeError, KeyError, IndexError, ValueError, TypeError) as e:
                    self.missing[f'{i.text} ({type(e).__name__}: {e})'] += 1
            if self.idx_mode:
                self.missing['s_set_gpr_idx_on over a branch'] += 1
                self.idx_mode = ()
            last = self.insts[b[-1]]
            nxt = b[-1] + last.size
            if last.mnem not in self.TERMINATORS and not (k + 1 < len(blocks) and blocks[k + 1][0] == nxt):
                self.leave(f'goto L_{nxt:x};')
            self.block(k, b[0])
            text.append((sum(hist.values()), ' '.join(f'{n} {c}' for n, c in hist.items())))
        for a in sorted(self.off_end):
            self.cases.append(f'  case 0x{a:x}: L_{a:x}: w.pc = 0x{a:x}; sim_trap(w, "control ran off the code");')
        return text

    # Each block is a function of its own, or several: the compiler's time grows faster than the length of a function.
    PER_FUNCTION = 64

    def block(self, k, address):
        calls = []
        for line in self.body:
            if line is None:
                calls.append([])
            else:
                calls[-1].append(line)
        self.cases.append(f'  case 0x{address:x}: L_{address:x}: w.blocks[{k}]++;')
        for n, lines in enumerate(c for c in calls if c):
            if len(lines) == 1:
                self.cases += lines
                continue
            name = f'block_{address:x}_{n}'
            self.functions += [f'SIM_NOINLINE static void {name}(Wave& w, u32* const v) {{', *lines, '}']
            self.cases.append(f'  {name}(w, v);')
        self.cases += self.exits

    def source(self, text):
        rows = self.maxv + 1 + self.maxa + 1
        out = [
            f'// generated by amdgcn-sim ({self.arch})',
            '#include "calls.h"',
            'using namespace sim;',
            'namespace sim::ops {',
        ]
        out += [f'struct {name};' for name in self.ops]
        out += [
            '}',
            '#define VR(n) (v + (n) * W)',
            f'#define AR(n) (v + ({self.maxv + 1} + (n)) * W)',
            f'#define NVGPR {self.maxv + 1}',
            *self.functions,
            'static int run(Wave& w) {',
            '  u32* const v = w.v;',
            '  (void)v;',
            '  dispatch:',
            '  switch (w.pc) {',
        ] + self.cases
        out += [
            '  default: break; }',
            '  sim_trap(w, "jump to an address that was not translated");',
            '}',
            'static const char* const block_text[] = {' + ','.join(f'"{t}"' for _, t in text) + '};',
            'static const u32 block_insts[] = {' + ','.join(str(n) for n, _ in text) + '};',
            'extern "C" const KernelInfo amdgcn_sim_info = '
            f'{{RT_VERSION, {rows}, {self.wave}, {len(text)}, block_text, block_insts, run}};',
            '',
        ]
        return '\n'.join(out)

    def operations(self):
        """The operations that the lane functions of the kernel are made of."""
        return '\n'.join(['namespace sim::ops {', *self.ops.values(), '}', ''])
