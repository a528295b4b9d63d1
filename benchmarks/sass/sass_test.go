package main

import (
	"strings"
	"testing"
)

// Two loops, one inside the other: the inner one loads and multiplies. A branch back from cold code after EXIT is no loop.
const twoLoops = `
		Function : fb_deep_forward_f32_w16_d2
	.headerflags	@"EF_CUDA_SM90"
        /*0000*/                   MOV R1, c[0x0][0x28] ;           /* 0x00 */
                                                                    /* 0x01 */
        /*0010*/                   FFMA R2, R3, R4, R5 ;            /* 0x00 */
        /*0020*/                   LDS.128 R4, [R2] ;               /* 0x00 */
        /*0030*/                   FFMA R2, R3, R4, R5 ;            /* 0x00 */
        /*0040*/                   FFMA R2, R3, R4, R5 ;            /* 0x00 */
        /*0050*/              @!P0 BRA 0x20 ;                       /* 0x00 */
        /*0060*/                   FMUL R2, R2, R2 ;                /* 0x00 */
        /*0070*/               @P1 BRA 0xb0 ;                       /* 0x00 */
        /*0080*/               @P2 BRA 0x10 ;                       /* 0x00 */
        /*0090*/                   STG.E [R2.64], R3 ;              /* 0x00 */
        /*00a0*/                   EXIT ;                           /* 0x00 */
        /*00b0*/                   STL [R1], R3 ;                   /* 0x00 */
        /*00c0*/                   BRA 0x80 ;                       /* 0x00 */
        /*00d0*/                   BRA 0xd0;                        /* 0x00 */
        /*00e0*/                   NOP;                             /* 0x00 */
		Function : fb_copy
        /*0000*/                   LDG.E R2, [R2.64] ;              /* 0x00 */
        /*0010*/                   EXIT ;                           /* 0x00 */
`

func TestHottestLoop(t *testing.T) {
	k := parse(twoLoops)
	if len(k) != 2 || k[0].name != "fb_deep_forward_f32_w16_d2" || k[0].code != 14 {
		t.Fatalf("kernels: %+v", k)
	}
	m := k[0].mix
	if m.whole || m.n != 4 || m.of[fma] != 2 || m.of[shared] != 1 || m.of[rest] != 1 {
		t.Errorf("hottest loop: %+v", m)
	}
	if m := k[1].mix; !m.whole || m.n != 2 || m.of[global] != 1 {
		t.Errorf("no loop: %+v", m)
	}
}

func TestOuterLoopCountsItself(t *testing.T) {
	// The inner loop has no multiply-add: the outer one is the hottest, and does not count the inner.
	m := parse(strings.ReplaceAll(twoLoops, "FFMA R2, R3, R4, R5 ;            /* 0x00 */\n        /*0040*/                   FFMA", "IADD3 R2, R3, R4, R5 ;            /* 0x00 */\n        /*0040*/                   IADD3"))[0].mix
	if m.whole || m.n != 6 || m.of[fma] != 1 || m.of[float] != 1 || m.of[local] != 1 {
		t.Errorf("outer loop: %+v", m)
	}
}

func TestLog(t *testing.T) {
	const log = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'fb_deep_forward_f32_w16_d2' for 'sm_80'
ptxas info    : Function properties for fb_deep_forward_f32_w16_d2
    8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads
ptxas info    : Used 128 registers, 1016 bytes cmem[0]
ptxas info    : Compiling entry function 'fb_deep_forward_f32_w16_d2' for 'sm_90'
ptxas info    : Function properties for fb_deep_forward_f32_w16_d2
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 96 registers, 1016 bytes cmem[0]
`
	old, now := parseLog(log, "sm_80")["fb_deep_forward_f32_w16_d2"], parseLog(log, "sm_90")["fb_deep_forward_f32_w16_d2"]
	if old != (resources{128, 8, 12, 16}) || now != (resources{registers: 96}) {
		t.Errorf("%+v, %+v", old, now)
	}
	if spilled([]kernel{{name: "fb_deep_forward_f32_w16_d2", resources: now}, {name: "fb_generic_forward_f32", resources: old}}) != nil {
		t.Error("an error for a generic kernel that spills")
	}
	if spilled([]kernel{{name: "fb_deep_forward_f32_w16_d2", resources: old}}) == nil {
		t.Error("no error for a specialised kernel that spills")
	}
}

func TestThreadsAndWarps(t *testing.T) {
	const elf = ".nv.info.fb_a\n	<0x1>\n	Attribute:	EIATTR_MAX_THREADS\n	Format:	EIFMT_SVAL\n	Value:	0x80 0x1 0x1 \n.nv.info.fb_b\n"
	if n := parseThreads(elf); n["fb_a"] != 128 || n["fb_b"] != 0 {
		t.Errorf("%v", n)
	}
	// 128 registers a thread, 128 threads: 4096 a warp, 16 warps in the file, 4 blocks.
	if w := (kernel{threads: 128, resources: resources{registers: 128}}).warps(); w != 16 {
		t.Errorf("%d warps", w)
	}
	if w := (kernel{threads: 96, resources: resources{registers: 32}}).warps(); w != 63 {
		t.Errorf("%d warps of at most 63 in blocks of 3", w)
	}
}
