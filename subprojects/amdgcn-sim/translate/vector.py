"""Vector instructions: the forms that all share (DPP, SDWA, output modifiers), compares, packed and dual ones."""

import re

import valu_tab
from asm import Inst, Opnd, Unsupported


class Vector:
    SEL = {'BYTE_0': 0, 'BYTE_1': 1, 'BYTE_2': 2, 'BYTE_3': 3, 'WORD_0': 4, 'WORD_1': 5, 'DWORD': 6}

    DPP = {
        'quad_perm': 'DPP_QUAD',
        'row_shl': 'DPP_SHL',
        'row_shr': 'DPP_SHR',
        'row_ror': 'DPP_ROR',
        'wave_shl': 'DPP_WSHL',
        'wave_rol': 'DPP_WROL',
        'wave_shr': 'DPP_WSHR',
        'wave_ror': 'DPP_WROR',
        'row_mirror': 'DPP_MIRROR',
        'row_half_mirror': 'DPP_HALF_MIRROR',
        'row_bcast': 'DPP_BCAST',
        'row_newbcast': 'DPP_SHARE',
        'row_share': 'DPP_SHARE',
        'row_xmask': 'DPP_XMASK',
        'dpp8': 'DPP_8',
    }

    def valu(self, i, dst_row=None):
        m = re.sub(r'(_e64)?(_e32|_e64|_sdwa|_dpp8|_dpp16|_dpp)$', '', i.mnem)
        ops = [Opnd(t) for t in i.ops]
        self.index_registers(i, ops)
        if m in ('v_movrels_b32', 'v_movreld_b32', 'v_movrelsd_b32'):
            ops[0].dyn, ops[1].dyn = 'd_' in m, 's' in m[8:].split('_')[0]
            m = 'v_mov_b32'
        after = []
        # Conversions from 8-bit floats select bytes and words by themselves.
        if i.mnem.endswith('_sdwa') and not m.startswith(('v_cvt_f32_fp8', 'v_cvt_f32_bf8', 'v_cvt_pk_f32')):
            dst_row = self.sdwa(i, ops, after) or dst_row
        control = next((k for k in self.DPP if k in i.mods), None)
        if control:
            self.dpp(i, m, ops, control)
            after.append('}')
        self.vop(i, m, ops, dst_row)
        for statement in after:
            self.emit(statement)

    def index_registers(self, i, ops):
        """VGPR indexing of gfx9: M0 is added to the register numbers."""
        for k, o in enumerate(ops):
            if o.kind != 'v' or ('DST' if k == 0 else f'SRC{k - 1}') not in self.idx_mode:
                continue
            if o.acc or o.n > 1:
                raise Unsupported(i.text + ' with VGPR indexing')
            o.dyn = True

    def sdwa(self, i, ops, after):
        """Selects bytes or words of the sources; returns the row that replaces the destination, if one does."""
        for k, o in enumerate(ops[1:3]):
            select = i.mod(f'src{k}_sel')
            if select is None or o.text in ('vcc', 'vcc_lo') or (select == 'DWORD' and not o.sext):
                continue
            source = self.src(o, 'u', mods=False)
            self.emit(f'sdwa_src(w.tmp[{k}], {source}, {self.SEL[select]}, {int(o.sext)});')
            o.kind, o.row, o.half = 'v', f'w.tmp[{k}]', None
        select = i.mod('dst_sel', 'DWORD')
        if select == 'DWORD':
            return None
        unused = {'UNUSED_PAD': 0, 'UNUSED_SEXT': 1, 'UNUSED_PRESERVE': 2}[i.mod('dst_unused', 'UNUSED_PAD')]
        after.append(f'sdwa_dst(w, {self.vdst(ops[0])}, w.tmp[4], {self.SEL[select]}, {unused});')
        return 'w.tmp[4]'

    def dpp(self, i, m, ops, control):
        """Moves the first source's lanes, and narrows EXEC to the lanes that may be written, in a scope left open."""
        value, kind, arg = i.mod(control), self.DPP[control], 0
        if control in ('quad_perm', 'dpp8'):
            width = 2 if control == 'quad_perm' else 3
            arg = sum(int(x) << (width * j) for j, x in enumerate(value.strip('[]').split(',')))
        elif control == 'row_bcast':
            kind = f'DPP_BCAST{value}'
        else:
            arg = int(value, 0)
        with_carry = ('v_add_co', 'v_addc', 'v_sub_co', 'v_subb', 'v_subrev_co')
        results = 2 if m.startswith(with_carry) else 0 if m.startswith('v_cmpx') and not self.gfx9 else 1
        source = next(o for o in ops[results:] if o.kind == 'v')
        rows = 2 if m.endswith('64') and source.n == 2 else 1
        zero = 'true' if 'bound_ctrl' in i.mods or control == 'dpp8' else 'false'
        inactive = 'true' if i.mod('fi') == '1' else 'false'
        masks = f'{i.mod("row_mask", "0xf")}, {i.mod("bank_mask", "0xf")}'
        template = f'{rows}, {kind}, 0x{arg:x}, {masks}, {zero}, {inactive}'
        self.emit(f'{{ u64 dm = dpp<{template}>(w, w.tmp[2], {self.row(source)});')
        self.emit('ExecScope es(w, dm);' if control != 'dpp8' else '(void)dm;')
        source.row = 'w.tmp[2]'

    def vop(self, i, m, ops, dst_row=None):
        if m.startswith(('v_cmp_', 'v_cmpx_')):
            return self.vopc(i, m, ops)
        special, outmod = getattr(self, 'x_' + m, None), {'clamp', 'mul', 'div'} & set(i.mods)
        if outmod and special and m != 'v_dot2_f32_f16':
            raise Unsupported(m + ' with ' + ', '.join(outmod))
        if special:
            return special(i, ops, dst_row)
        for prefix, method in self.FAMILIES:
            if m.startswith(prefix):
                if outmod and method not in ('mix', 'cvt8'):
                    raise Unsupported(m + ' with ' + ', '.join(outmod))
                return getattr(self, method)(i, m, ops, dst_row)
        if m in valu_tab.PK16:
            return self.pk16(i, m, ops)
        if m in valu_tab.PK32:
            return self.pk32(i, m, ops)
        if m not in valu_tab.VOP:
            raise Unsupported(m)
        sig, expr = valu_tab.VOP[m]
        om = 0
        if i.mod('clamp') and sig[0] not in 'fdhb':
            if m not in valu_tab.CLAMP:
                raise Unsupported(m + ' clamp')
            sig, expr = valu_tab.CLAMP[m]
            m += '_clamp'
        else:
            om = self.omod(i, sig[0] in 'fdhb')
        self.lanewise(i, m, sig, expr, ops, dst_row, om)

    def lanewise(self, i, m, sig, expr, ops, dst_row=None, om=0, no_opsel=False):
        res, args = sig.rstrip('+').split(':')
        d, srcs = ops[0], ops[1:]
        if sig.endswith('+'):
            srcs = srcs + [self.plain(d)]
            args = args if len(args) == len(srcs) else args + res
        if len(srcs) != len(args):
            raise Unsupported(f'{i.text} (operand count)')
        osel = i.bits('op_sel', len(srcs) + 1) if not no_opsel else [0] * 9
        if any(osel) and not any(c in 'hsSb' for c in args + res):
            raise Unsupported(i.text)
        es = [self.src(o, c, osel[k] if c in 'hsSb' else 0) for k, (o, c) in enumerate(zip(srcs, args))]
        dm = 0
        if res in 'hsSb':
            dm = (
                2
                if osel[len(ops) - 1] or d.half == 'h'
                else 1 if d.half == 'l' or not self.gfx9 or (m in valu_tab.KEEP_HIGH_GFX9) else 0
            )
            if dst_row == 'w.tmp[4]':
                dm = 0
        row = dst_row or self.vdst(d, 2 if res in 'dUI' else 1)
        self.call('valu', [self.op(m, f'{res}:{args}', expr), om, dm], row, *es)

    def vopc(self, i, m, ops):
        x = m.startswith('v_cmpx_')
        c = valu_tab.compare(m[7:] if x else m[6:])
        if not c:
            raise Unsupported(m)
        args, expr = c
        if len(ops) == 3:
            d, srcs = ops[0], ops[1:]
        else:
            d, srcs = None, ops
        osel = i.bits('op_sel', 2)
        if i.mod('clamp'):
            raise Unsupported(m + ' with clamp')
        es = [self.src(o, k, osel[n] if k in 'hsS' else 0) for n, (o, k) in enumerate(zip(srcs, args))]
        call = f'vcmp<{self.op(m.replace("v_cmpx_", "v_cmp_"), "u:" + args, expr, "bool")}>(w, {", ".join(es)})'
        if x and (d is None or d.kind == 'exec'):
            return self.emit(f'set_exec(w, {call});')
        if x:
            return self.emit(f'{{ u64 r = {call}; {self.set_mask(d, "r")} set_exec(w, r); }}')
        if d is None:
            raise Unsupported(i.text)
        self.emit(self.set_mask(d, call))

    def pk16(self, i, m, ops):
        sig, expr = valu_tab.PK16[m]
        if i.mod('clamp') and sig[0] in 'sS':
            if m not in valu_tab.CLAMP:
                raise Unsupported(m + ' with clamp')
            sig, expr = valu_tab.CLAMP[m]
        res, args = sig.rstrip('+').split(':')
        srcs = ops[1:] + ([ops[0]] if sig.endswith('+') else [])
        if sig.endswith('+'):
            args += res if len(args) < len(srcs) else ''
        n = len(srcs)
        lo, hi, nl, nh = i.bits('op_sel', n), i.bits('op_sel_hi', n, 1), i.bits('neg_lo', n), i.bits('neg_hi', n)
        es = [
            f'pk<{4 * lo[k] + nl[k]}, {4 * hi[k] + nh[k]}>({self.src(o, c, mods=False)})'
            for k, (o, c) in enumerate(zip(srcs, args))
        ]
        om = self.omod(i) if sig[0] in 'h' else 0
        self.call('pk16', [self.op(m, f'{res}:{args}', expr), om], self.vdst(ops[0]), *es)

    def pk32(self, i, m, ops):
        sig, expr = valu_tab.PK32[m]
        srcs = ops[1:]
        n = len(srcs)
        lo, hi, nl, nh = i.bits('op_sel', n), i.bits('op_sel_hi', n, 1), i.bits('neg_lo', n), i.bits('neg_hi', n)

        def half(o, sel, neg):
            if o.kind == 'v' or o.kind == 's':
                o = o.at(sel)
            elif o.kind == 'exec':
                o = Opnd('exec_hi' if sel else 'exec_lo')
            o = self.plain(o)
            o.neg = bool(neg)
            return self.src(o, 'f' if m != 'v_pk_mov_b32' else 'u')

        if m == 'v_pk_mov_b32':  # low result: half lo[0] of a; high result: half lo[1]/hi[1] of b
            halves = half(srcs[0], lo[0], 0), half(srcs[1], lo[1], 0)
            return self.call('pk32', [self.op(m, 'u:u', 'a'), 0], self.vdst(ops[0], 2), *halves)
        es = [half(o, lo[k], nl[k]) for k, o in enumerate(srcs)] + [half(o, hi[k], nh[k]) for k, o in enumerate(srcs)]
        self.emit(f'pk32<{self.op(m, sig, expr)}, {self.omod(i)}>(w, {self.vdst(ops[0], 2)}, {", ".join(es)});')

    def vopd(self, i):
        """Two operations that both read before either writes."""
        ms = [i, i.second]
        for h in ms:
            h.mnem = h.mnem.replace('v_dual_', 'v_')
            if h.mnem == 'v_cndmask_b32' and len(h.ops) == 3:
                h.ops.append('vcc_lo')
            if h.mnem == 'v_bitop2_b32':
                raise Unsupported('v_dual_bitop2_b32')
        x, y = ms
        xd, ysrc = Opnd(x.ops[0]), [Opnd(t) for t in y.ops[1:]] + (
            [Opnd(y.ops[0])] if '+' in valu_tab.VOP.get(y.mnem, ('', ''))[0] else []
        )
        i2 = Inst.__new__(Inst)
        i2.addr, i2.words, i2.size, i2.text, i2.second, i2.mnem, i2.ops, i2.mods = (
            x.addr,
            x.words,
            x.size,
            x.text,
            None,
            x.mnem,
            x.ops,
            x.mods,
        )
        if any(o.overlaps(xd) for o in ysrc):
            self.valu(i2, 'w.tmp[6]')
            self.valu(y)
            mv = Inst.__new__(Inst)
            mv.addr, mv.words, mv.size, mv.second, mv.mnem, mv.ops, mv.mods, mv.text = (
                x.addr,
                x.words,
                x.size,
                None,
                'v_mov_b32',
                [x.ops[0], 'v0'],
                {},
                'v_mov_b32',
            )
            o = [Opnd(x.ops[0]), Opnd('v0')]
            o[1].row = 'w.tmp[6]'
            self.vop(mv, 'v_mov_b32', o)
        else:
            self.valu(i2)
            self.valu(y)
