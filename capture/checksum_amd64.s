#include "textflag.h"

// func sumWide(p *byte, n int) uint64
//
// Each word of 32 bits is widened to 64 while it is loaded, so that no carry
// is ever lost and none needs to be handled. Four sums hide the adder's latency.
TEXT ·sumWide(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	SUBQ $64, CX
	JLT  half

loop:
	VPMOVZXDQ (SI), Y4
	VPMOVZXDQ 16(SI), Y5
	VPMOVZXDQ 32(SI), Y6
	VPMOVZXDQ 48(SI), Y7
	VPADDQ Y4, Y0, Y0
	VPADDQ Y5, Y1, Y1
	VPADDQ Y6, Y2, Y2
	VPADDQ Y7, Y3, Y3
	ADDQ $64, SI
	SUBQ $64, CX
	JGE  loop

half:
	ADDQ $64, CX // what is left: 0 or 32
	JEQ  total
	VPMOVZXDQ (SI), Y4
	VPMOVZXDQ 16(SI), Y5
	VPADDQ Y4, Y0, Y0
	VPADDQ Y5, Y1, Y1

total:
	VPADDQ Y1, Y0, Y0
	VPADDQ Y3, Y2, Y2
	VPADDQ Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDQ X1, X0, X0
	VPSRLDQ $8, X0, X1
	VPADDQ X1, X0, X0
	VMOVQ X0, AX
	VZEROUPPER
	MOVQ AX, ret+16(FP)
	RET
