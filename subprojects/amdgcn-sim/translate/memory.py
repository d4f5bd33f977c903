"""Memory instructions: LDS, global, flat, scratch, buffers."""

import re

import mem_tab
from asm import Opnd, Unsupported


class Memory:
    def ds(self, i):
        m, E = i.mnem[3:], self.emit
        ops = [Opnd(t) for t in i.ops]
        if i.mod('gds'):
            raise Unsupported(i.mnem + ' gds')
        swz = 'swizzle' in i.mod('offset', '')
        off = 0 if swz else int(i.mod('offset', '0'), 0)
        if m == 'swizzle_b32':
            return E(f'ds_swizzle(w, {self.vdst(ops[0])}, {self.row(ops[1])}, 0x{i.words[0] & 0xffff:x});')
        if m == 'bpermute_b32':
            return E(f'ds_bpermute(w, {self.vdst(ops[0])}, {self.row(ops[1])}, {self.row(ops[2])}, {off});')
        if m == 'permute_b32':
            return E(f'ds_permute(w, {self.vdst(ops[0])}, {self.row(ops[1])}, {self.row(ops[2])}, {off});')
        self.pc(i)
        x = re.match(r'^(read|load|write|store)(?:(2)|_(2addr))(?:_)?(?:(st64|stride64)_)?_?b(32|64)$', m)
        if x:
            n = int(x[5]) // 32
            k = 4 * n * (64 if x[4] else 1)
            o0, o1 = (int(i.mod(f'offset{j}', '0'), 0) * k for j in (0, 1))
            if x[1] in ('read', 'load'):
                return E(f'ds_read2<{n}>(w, {self.vdst(ops[0], 2 * n)}, {self.row(ops[1])}, {o0}, {o1});')
            return E(f'ds_write2<{n}>(w, {self.row(ops[0])}, {self.row(ops[1])}, {self.row(ops[2])}, {o0}, {o1});')
        x = re.match(r'^(?:read|load)_(?:b64_)?tr_?(\w*)$', m)
        if x:
            tr = {
                'read_b64_tr_b16': (16, 2),
                'read_b64_tr_b8': (8, 2),
                'read_b64_tr_b4': (4, 2),
                'read_b96_tr_b6': (6, 3),
            }.get(m)
            if not tr:
                raise Unsupported(i.mnem)
            return E(f'ds_read_tr<{tr[0]}, {tr[1]}>(w, {self.vdst(ops[0], tr[1])}, {self.row(ops[1])}, {off});')
        if m == 'read_b96_tr_b6':
            return E(f'ds_read_tr<6, 3>(w, {self.vdst(ops[0], 3)}, {self.row(ops[1])}, {off});')
        x = re.match(r'^(read|load|write|store)_(\w+)$', m)
        if x and x[2] in mem_tab.MOVES:
            t = mem_tab.MOVES[x[2]]
            if x[1] in ('read', 'load'):
                return E(f'load<Lds, {t}>(w, {self.vdst(ops[0], self.moved(t))}, AddrD{{{self.row(ops[1])}, {off}}});')
            return E(f'store<Lds, {t}>(w, {self.row(ops[1])}, AddrD{{{self.row(ops[0])}, {off}}});')
        rtn = '_rtn' in m
        base = m.replace('_rtn', '')
        dst = self.vdst(ops[0], 2) if rtn else 'nullptr'
        if rtn:
            ops = ops[1:]
        addr = f'AddrD{{{self.row(ops[0])}, {off}}}'
        if base in mem_tab.DS_CMPST:
            t, order = mem_tab.DS_CMPST[base]
            c, s = (ops[1], ops[2]) if order == 'cmp_first' else (ops[2], ops[1])
            return E(f'cmpswap<Lds, {t}>(w, {dst}, {self.row(s)}, {self.row(c)}, {addr});')
        if base in mem_tab.DS_XCHG:
            return E(f'atomic<Lds, a_swap, {mem_tab.DS_XCHG[base]}>(w, {dst}, {self.row(ops[1])}, {addr});')
        if base in mem_tab.ATOMICS:
            f, t = mem_tab.ATOMICS[base]
            return E(f'atomic<Lds, {f}, {t}>(w, {dst}, {self.row(ops[1])}, {addr});')
        raise Unsupported(i.mnem)

    def moved(self, t):
        return int(t[7]) if t.startswith('Dwords') else 1

    def flat(self, i):
        E, ops = self.emit, [Opnd(t) for t in i.ops]
        seg, m = i.mnem.split('_', 1)
        off = int(i.mod('offset', '0'), 0)
        self.pc(i)

        def address(v, s):
            if seg == 'scratch':
                base = '0' if s is None or s.kind in ('off', 'null') else f'u64({self.s32(s)})'
                return f'AddrS{{{base}, {"nullptr" if v.kind == "off" else self.row(v)}, {off}}}'
            if s is None or s.kind in ('off', 'null'):
                self.row(v, 1)
                return f'AddrV{{{self.row(v)}, {off}}}'
            return f'AddrS{{{self.s64(s)}, {"nullptr" if v.kind == "off" else self.row(v)}, {off}}}'

        S_ = {'global': 'Global', 'flat': 'Flat', 'scratch': 'Scratch'}[seg]
        if m.startswith('load_lds_') or i.mod('lds'):
            t = mem_tab.MOVES.get(m[9:])
            if not t or seg == 'scratch':
                raise Unsupported(i.mnem)
            return E(f'load_to_lds<{t}>(w, {address(ops[0], ops[1] if len(ops) > 1 else None)}, w.s[124], u32({off}));')
        if m.startswith('load_'):
            t = mem_tab.MOVES.get(m[5:])
            if not t:
                raise Unsupported(i.mnem)
            source = address(ops[1], ops[2] if len(ops) > 2 else None)
            return self.call('load', [S_, t], self.vdst(ops[0], self.moved(t)), source)
        if m.startswith('store_'):
            t = mem_tab.MOVES.get(m[6:])
            if not t:
                raise Unsupported(i.mnem)
            return E(f'store<{S_}, {t}>(w, {self.row(ops[1])}, {address(ops[0], ops[2] if len(ops) > 2 else None)});')
        if m.startswith('atomic_'):
            base = m[7:]  # operands: [vdst,] vaddr, vdata [, saddr]
            rtn = len(ops) > (2 if seg == 'flat' else 3)
            dst = 'nullptr'
            if rtn:
                dst = self.vdst(ops[0], 2)
                ops = ops[1:]
            a = address(ops[0], ops[2] if len(ops) > 2 else None)
            if base in mem_tab.CMPSWAP:
                t = mem_tab.CMPSWAP[base]
                k = 1 if t == 'u32' else 2
                return E(f'cmpswap<{S_}, {t}>(w, {dst}, {self.row(ops[1])}, {self.row(ops[1], k)}, {a});')
            if base in mem_tab.ATOMICS:
                f, t = mem_tab.ATOMICS[base]
                return E(f'atomic<{S_}, {f}, {t}>(w, {dst}, {self.row(ops[1])}, {a});')
        raise Unsupported(i.mnem)

    def buffer(self, i):
        E, ops = self.emit, [Opnd(t) for t in i.ops]
        m = i.mnem[7:]
        off = int(i.mod('offset', '0'), 0)
        self.pc(i)
        data = ops[0] if not i.mod('lds') else None
        rest = ops[1:] if len(ops) == 4 else ops
        v, r, so = rest
        voff = vidx = 'nullptr'
        if i.mod('offen') and i.mod('idxen'):
            vidx, voff = self.row(v), self.row(v, 1)
        elif i.mod('offen'):
            voff = self.row(v)
        elif i.mod('idxen'):
            vidx = self.row(v)
        words = ', '.join(f'w.s[{r.idx + k}]' for k in range(4))
        b = f'Buffer{{{{{words}}}, {voff}, {vidx}, {self.s32(so)}, {off}}}'
        if m.startswith('load_') and (i.mod('lds') or m.startswith('load_lds')):
            t = mem_tab.MOVES.get(m[5:].replace('lds_', ''))
            if t:
                return E(f'buffer_load_to_lds<{t}>(w, {b}, w.s[124]);')
        elif m.startswith('load_') and m[5:] in mem_tab.MOVES:
            t = mem_tab.MOVES[m[5:]]
            return E(f'buffer_load<{t}>(w, {self.vdst(data, self.moved(t))}, {b});')
        elif m.startswith('store_') and m[6:] in mem_tab.MOVES:
            return E(f'buffer_store<{mem_tab.MOVES[m[6:]]}>(w, {self.row(data)}, {b});')
        elif m.startswith('atomic_') and m[7:] in mem_tab.ATOMICS:
            f, t = mem_tab.ATOMICS[m[7:]]
            rtn = i.mod('glc') or i.mod('sc0') or 'RETURN' in i.mod('th', '')
            return E(f'buffer_atomic<{f}, {t}>(w, {self.vdst(data, 2) if rtn else "nullptr"}, {self.row(data)}, {b});')
        raise Unsupported(i.mnem)
