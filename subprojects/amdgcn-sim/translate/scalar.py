"""Scalar instructions: branches, arithmetic, hardware registers, scalar memory."""

import re

import mem_tab
import salu_tab
import valu_tab
from asm import Opnd, Unsupported


class Scalar:
    def branch(self, i, cond):
        t = self.target(i)
        go = (
            f'goto L_{t:x};'
            if t > i.addr
            else f'{{ if (--w.fuel < 0) {{ w.pc = 0x{t:x}; return YIELDED; }} goto L_{t:x}; }}'
        )
        self.leave(f'if ({cond}) {go}' if cond else go)

    def salu(self, i):
        m, ops = i.mnem, [Opnd(t) for t in i.ops]
        if self.control(i, ops) or self.state(i, ops):
            return None
        memory = re.match(r'^s_(buffer_)?load_(\w+)$', m)
        if memory:
            return self.smem(i, ops, bool(memory[1]), memory[2])
        if m not in salu_tab.SOP:
            raise Unsupported(f'{m} {i.ops[-1]}' if m.startswith('s_sendmsg_rtn') else m)
        return self.arithmetic(ops, *salu_tab.SOP[m])

    CONDITIONS = {'scc0': '!w.scc', 'scc1': 'w.scc', 'execz': 'w.exec == 0', 'execnz': 'w.exec != 0'}

    def control(self, i, ops):
        """Translates what may leave the block; False: the instruction is none of these."""
        m, following = i.mnem, i.addr + i.size
        if m == 's_branch':
            self.branch(i, None)
        elif m.startswith('s_cbranch_'):
            conditions = {'vccz': f'{self.vcc()} == 0', 'vccnz': f'{self.vcc()} != 0', **self.CONDITIONS}
            if m[10:] not in conditions:
                raise Unsupported(m)
            self.branch(i, conditions[m[10:]])
        elif m in ('s_endpgm', 's_endpgm_saved'):
            self.leave('return ENDED;')
        elif m in ('s_barrier', 's_barrier_wait'):
            self.leave(f'w.pc = 0x{following:x}; return AT_BARRIER;')
        elif m in ('s_sleep', 's_sleep_var'):
            self.leave(f'w.pc = 0x{following:x}; return YIELDED;')
        elif m == 's_trap':
            self.pc(i)
            self.leave(f'sim_trap(w, "s_trap {i.ops[0]} (abort or assert of the kernel)");')
        elif m == 's_setpc_b64':
            self.leave(f'w.pc = u32({self.s64(ops[0])} - w.base); goto dispatch;')
        elif m == 's_swappc_b64':
            back = self.set_s64(ops[0], f'w.base + 0x{following:x}')
            self.leave(f'{{ u64 t = {self.s64(ops[1])}; {back} w.pc = u32(t - w.base); goto dispatch; }}')
        elif m == 's_call_b64':
            self.emit(self.set_s64(ops[0], f'w.base + 0x{following:x}'))
            self.leave(f'goto L_{self.target(i):x};')
        else:
            return False
        return True

    def state(self, i, ops):
        """Translates what reads or writes more of the wave's state than its registers; False: none of these."""
        m = i.mnem
        exec_operation = re.match(r'^s_(\w+?)_(saveexec|wrexec)_b(32|64)$', m)
        if m == 's_getpc_b64':
            self.emit(self.set_s64(ops[0], f'w.base + 0x{i.addr + i.size:x}'))
        elif m.startswith('s_denorm_mode'):
            self.emit(f'set_mode(w, (w.mode & ~0xf0u) | ({int(i.ops[0], 0)} & 15) << 4);')
        elif m in ('s_getreg_b32', 's_setreg_b32', 's_setreg_imm32_b32'):
            self.hwreg(i)
        elif m in ('s_memtime', 's_memrealtime', 's_get_shader_cycles_u64'):
            self.emit(self.set_s64(ops[0], 'u64(__builtin_ia32_rdtsc())'))
        elif m in ('s_set_gpr_idx_on', 's_set_gpr_idx_idx'):
            self.emit(f'w.s[124] = (w.s[124] & ~255u) | ({self.s32(ops[0])} & 255u);')
            if m == 's_set_gpr_idx_on':
                self.idx_mode = tuple(re.findall(r'SRC\d|DST', i.text))
        elif m == 's_set_gpr_idx_off':
            self.idx_mode = ()
        elif exec_operation and exec_operation[1] in salu_tab.SAVEEXEC:
            self.save_exec(ops, *exec_operation.groups())
        else:
            return m == 's_round_mode' and int(i.ops[0], 0) & 15 == 0
        return True

    def save_exec(self, ops, operation, saved, bits):
        source = self.s64(ops[1]) if bits == '64' else f'u64({self.s32(ops[1])})'
        self.emit(f'{{ u64 a = {source}, e = w.exec; set_exec(w, {salu_tab.SAVEEXEC[operation]});')
        result = 'e' if saved == 'saveexec' else 'w.exec'
        set_result = self.set_s64(ops[0], result) if bits == '64' else self.set_s32(ops[0], f'u32({result})')
        self.emit(f'w.scc = w.exec != 0; {set_result} }}')

    TYPES = {'u': 'u32', 'U': 'u64', 'f': 'float', 'h': 'float'}

    def arithmetic(self, ops, sig, expr, scc):
        res, args = sig.rstrip('+').split(':')
        srcs = ops if res == '-' else ops[1:]
        if sig.endswith('+'):
            srcs = srcs + [ops[0]]
            args += res
        self.emit('{ ' + ' '.join(self.salu_src(o, c, x) for o, c, x in zip(srcs, args, 'abcd')))
        if res == '-':
            return self.emit(f'w.scc = {scc}; }}')
        set_scc = f' w.scc = u32({scc});' if scc else ''
        return self.emit(f'{self.TYPES[res]} r = {expr};{set_scc} {self.salu_result(ops[0], res)} }}')

    def salu_result(self, o, c):
        if c == 'U':
            return self.set_s64(o, 'r')
        return self.set_s32(o, {'u': 'r', 'f': 'bits<u32>(r)', 'h': 'f2h(r)'}[c])

    def salu_src(self, o, c, x):
        if c == 'U':
            return f'u64 {x} = {self.s64(o)};'
        if c == 'i':
            return f'i32 {x} = i32({self.s32(o)});'
        if c == 'k':
            v = o.val & 0xFFFF
            v = v - 0x10000 if v & 0x8000 else v
            return f'u32 {x} = u32({v});'
        if c == 'K':
            return f'u32 {x} = {o.val & 0xffff}u;'
        if c in 'fh':
            v = f'bits<float>({self.s32(o, "f")})' if c == 'f' else f'h2f({self.s32(o, "h")} & 0xffff)'
            if o.abs:
                v = f'std::fabs({v})'
            return f'float {x} = {"-" if o.neg else ""}{v};'
        return f'u32 {x} = {self.s32(o)};'

    def pseudo_scalar(self, i):
        """v_s_exp_f32 and the like of gfx12: the vector unit's transcendentals on a scalar register."""
        ops, name = [Opnd(t) for t in i.ops], 'v_' + i.mnem[4:]
        if name not in valu_tab.VOP:
            raise Unsupported(i.mnem)
        sig, expr = valu_tab.VOP[name]
        if sig not in ('f:f', 'h:h'):
            raise Unsupported(i.mnem)
        self.emit(f'{{ {self.salu_src(ops[1], sig[0], "a")} float r = outmod<{self.omod(i)}>({expr});')
        self.emit(f'{self.salu_result(ops[0], sig[0])} }}')

    def hwreg(self, i):
        r = re.search(r'hwreg\((\w+)(?:,\s*(\d+),\s*(\d+))?\)', ','.join(i.ops))
        if not r:
            raise Unsupported(i.text)
        name, off, n = r[1], int(r[2] or 0), int(r[3] or 32)
        mask = (1 << n) - 1
        if i.mnem == 's_getreg_b32':
            v = f'(w.mode >> {off}) & 0x{mask:x}u' if name == 'HW_REG_MODE' else '0u'  # ids, status, clocks: 0
            return self.emit(self.set_s32(Opnd(i.ops[0]), v))
        if name != 'HW_REG_MODE':
            raise Unsupported(i.text)
        o = Opnd(i.ops[-1])
        v = self.s32(o)
        if off < 4 and not (o.kind == 'const' and o.val & 15 >> off == 0):
            raise Unsupported(i.text + ' (rounding mode)')
        self.emit(f'set_mode(w, (w.mode & ~0x{mask << off & 0xffffffff:x}u) | ({v} & 0x{mask:x}u) << {off});')

    def smem(self, i, ops, buf, ty):
        E, d, off = self.emit, ops[0], '0u'
        imm = int(i.mod('offset', '0'), 0)
        if len(ops) > 2:
            if ops[2].kind == 'const':
                imm += ops[2].val
            elif ops[2].kind != 'null':
                off = self.s32(ops[2])
        if imm >= 1 << 20 and self.gfx9:
            imm -= 1 << 21
        idx = d.idx
        if d.kind != 's':
            raise Unsupported(i.text)
        self.pc(i)
        if buf:
            if ty not in mem_tab.SMEM:
                raise Unsupported(i.mnem)
            return E(f's_buffer_load(w, {idx}, {ops[1].idx}, {off} + u32({imm}), {mem_tab.SMEM[ty]});')
        a = f'{self.s64(ops[1])} + u64(i64({imm})) + {off}'
        if ty in mem_tab.SMEM:
            return E(f's_load(w, {idx}, {a}, {mem_tab.SMEM[ty]});')
        if ty in mem_tab.SMEM_SMALL:
            return E(f's_load_small<{mem_tab.SMEM_SMALL[ty]}>(w, {idx}, {a});')
        raise Unsupported(i.mnem)
