"""Operands and results of instructions as C++ expressions, and the emission of statements."""

import hashlib

import valu_tab
from asm import Opnd, Unsupported, const_bits


class Operands:
    def row(self, o, k=0):
        if o.row:
            return o.row if k == 0 else f'{o.row} + {k} * W'
        if o.kind != 'v':
            raise Unsupported('vector register expected: ' + o.text)
        if getattr(o, 'dyn', False):
            self.maxv = max(self.maxv, o.idx)
            return f'indexed(w, v, {o.idx + k}, NVGPR)'
        if o.acc:
            self.maxa = max(self.maxa, o.idx + max(o.n - 1, k))
            return f'AR({o.idx + k})'
        self.maxv = max(self.maxv, o.idx + max(o.n - 1, k))
        return f'VR({o.idx + k})'

    def vdst(self, o, n=1):
        if o.kind == 'v' and not o.acc:
            self.maxv = max(self.maxv, o.idx + n - 1)
        return self.row(o)

    def s32(self, o, kind='u'):
        """A 32-bit scalar operand as a C++ expression."""
        if o.kind == 's':
            return f'w.s[{o.idx}]'
        if o.kind == 'exec':
            return f'u32(w.exec{" >> 32" if o.idx else ""})'
        if o.kind == 'const':
            return f'0x{const_bits(o, kind) & 0xffffffff:x}u'
        if o.kind == 'null':
            return '0u'
        if o.kind == 'special':
            return {
                'src_shared_base': 'SHARED_APERTURE_HI',
                'src_private_base': 'PRIVATE_APERTURE_HI',
                'src_scc': 'w.scc',
                'scc': 'w.scc',
                'src_vccz': f'u32({self.vcc()} == 0)',
                'vccz': f'u32({self.vcc()} == 0)',
                'src_execz': 'u32(w.exec == 0)',
                'execz': 'u32(w.exec == 0)',
                'src_shared_limit': 'SHARED_APERTURE_HI',
                'src_private_limit': 'PRIVATE_APERTURE_HI',
            }[o.idx]
        raise Unsupported('scalar operand ' + o.text)

    def s64(self, o, kind='U'):
        if o.kind == 's':
            return f's64(w, {o.idx})'
        if o.kind == 'exec':
            return 'w.exec'
        if o.kind == 'const':
            return f'0x{const_bits(o, kind):x}ull'
        if o.kind == 'null':
            return 'u64(0)'
        if o.kind == 'special' and 'base' in o.idx:
            return f'u64({self.s32(o)}) << 32'
        if o.kind == 'special':
            return f'u64({self.s32(o)})'
        raise Unsupported('scalar operand ' + o.text)

    def vcc(self):
        return 's64(w, 106)' if self.wave == 64 else 'w.s[106]'

    def mask(self, o):
        """A lane mask operand (VCC or SGPRs), as u64."""
        return self.s64(o) if self.wave == 64 else f'u64({self.s32(o)})'

    def src(self, o, kind, sel=0, mods=True):
        """A vector-instruction operand: V{row} or S{value}, with modifiers. sel: the high half of a 16-bit operand."""
        if o.kind == 'v':
            e = f'V{{{self.row(o)}}}'
        elif kind in 'dUI':
            e = f'S{{{self.s64(o, kind)}}}'
        else:
            e = f'S{{{self.s32(o, kind)}}}'
        if o.half == 'h':
            sel = 1
        f = (1 if o.neg else 0) | (2 if o.abs else 0) | (4 if sel else 0)
        if o.kind == 'const' and sel and isinstance(o.val, float):
            f &= ~4
        return f'mod<{f}>({e})' if f and mods else e

    def set_s32(self, o, val):
        if o.kind == 's':
            return f'w.s[{o.idx}] = {val};'
        if o.kind == 'null':
            return f'(void)({val});'
        if o.kind == 'exec':
            if self.wave == 32:
                return f'set_exec(w, {val});' if o.idx == 0 else f'(void)({val});'
            return (
                f'set_exec(w, (w.exec & 0xffffffffull) | u64({val}) << 32);'
                if o.idx
                else f'set_exec(w, (w.exec & ~0xffffffffull) | u32({val}));'
            )
        raise Unsupported('scalar destination ' + o.text)

    def set_s64(self, o, val):
        if o.kind == 's':
            return f'put64(w, {o.idx}, {val});'
        if o.kind == 'exec':
            return f'set_exec(w, {val});'
        if o.kind == 'null':
            return f'(void)({val});'
        raise Unsupported('scalar destination ' + o.text)

    def set_mask(self, o, val):
        return self.set_s64(o, val) if self.wave == 64 else self.set_s32(o, f'u32({val})')

    def op(self, name, sig, expr, result=None):
        """Defines (once) the struct of an operation and returns its name."""
        res, args = sig.rstrip('+').split(':')
        tags = ', '.join(valu_tab.CPP[c][0] for c in args)
        params = ', '.join(f'{valu_tab.CPP[c][1]} {x}' for c, x in zip(args, 'abcdefgh'))
        returned = 'bool' if result == 'bool' else valu_tab.CPP[res][1]
        tag = 't_u32' if result == 'bool' else valu_tab.CPP[res][0]
        body = f' : op<{tag}({tags})> {{ static SIM_INLINE {returned} f({params}) {{ return {expr}; }} }};'
        # by its content, because the lane functions made of it are shared by all kernels
        struct = f'{name}_{hashlib.md5(body.encode()).hexdigest()[:8]}'
        self.ops[struct] = f'struct {struct}{body}'
        return 'ops::' + struct

    def omod(self, i, float_result=True):
        m = (4 if i.mod('clamp') else 0) | {None: 0, '2': 1, '4': 2}[i.mod('mul')]
        if i.mod('div') == '2':
            m |= 3
        if m and not float_result:
            raise Unsupported(i.mnem + ' with clamp/omod')
        return m

    def plain(self, o):
        c = Opnd('null')
        c.__dict__.update(o.__dict__)
        c.neg = c.abs = False
        return c

    def sign(self, o, n):
        o.neg = bool(n) ^ o.neg
        return o

    def call(self, function, template, *args):
        self.emit(f'{function}<{", ".join(map(str, template))}>(w, {", ".join(map(str, args))});')

    def emit(self, s):
        self.body.append('  ' + s)

    def leave(self, s):
        self.exits.append('  ' + s)

    def pc(self, i):
        self.emit(f'w.pc = 0x{i.addr:x};')
