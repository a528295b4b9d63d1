package kernels

// Opcode of a point program.
type Opcode int32

const (
	Add    Opcode = iota // A + B
	Sub                  // A - B
	Mul                  // A * B
	Div                  // A / B
	Neg                  // -A
	MulAdd               // A*B + C
	Pow                  // A ** B
	Sqrt
	Exp
	Log
	SinOp
	CosOp
	TanOp
	TanhOp
	SinhOp
	CoshOp
	AtanOp
	AsinOp
	AcosOp
	AbsOp
	SignOp // -1, 0, 1
	MinOp
	MaxOp
	StepOp  // 1 where A >= 0, else 0
	Opcodes // their number
)

// Instr computes register Dst from registers A, B, C (unused ones are 0).
type Instr struct {
	Op           Opcode
	Dst, A, B, C int32
}

// Program is straight-line vector code over points, compiled from expressions by solver/expr. Registers are numbered: first
// the Inputs planes, then the Constants, then temporaries. An output names the register that holds it; -1 is the zero plane.
// Every temporary is written before it is read; registers are reused after their last use.
type Program struct {
	Inputs    int
	Constants []float64
	Registers int // inputs, constants and temporaries together
	Code      []Instr
	Outputs   []int32
}
