// Package jobfile reads a job: one strict TOML file that says what to solve and how. Whatever is not understood is an
// error with its place and a remedy, before anything starts. It knows the keys and their ranges (keys.go is the one table
// of them), not the mathematics: equations stay strings here, and solver/problem gives them their meaning.
package jobfile

// Job is a whole job file with all defaults filled in. Numbers that the file writes as expressions ("-2*pi") hold their
// value only after Resolve.
type Job struct {
	File   string // path as given
	Text   string // canonical text: the file after overrides, in its order, without comments; itself a job file
	SHA256 string // of Text, in hex

	Title     string
	Reference string // citation

	Domain     []Axis // coordinates in the order of the file
	Geometry   Geometry
	Parameters []Named    // number or expression as text; a later one may use earlier ones
	Functions  []Function // helper functions

	Problem       Problem
	Decomposition Decomposition
	Network       Network
	Points        Points
	Train         Train
	Parallel      Parallel
	Output        Output

	doc     *document // positions, for Locate
	pending []pending // numbers written as expressions
}

// Axis is one coordinate and its range.
type Axis struct {
	Name     string
	Lo, Hi   float64
	Periodic bool
}

// Geometry says what is left of the domain's box.
type Geometry struct {
	Remove [][]Place // boxes that are taken out; coordinates not named run from end to end
}

// Named is an expression that has a name.
type Named struct{ Name, Text string }

// Function is a helper function of the job: name(args) = body.
type Function struct {
	Name string
	Args []string
	Body string
}

// Setting is a named number.
type Setting struct {
	Name  string
	Value float64
}

// Problem is what to solve.
type Problem struct {
	Unknowns   []string
	Equations  []string
	Weights    []float64 // one per equation
	Ansatz     []Named   // of some or all unknowns
	Exact      []Named   // of some or all unknowns
	Nullspace  []Named   // one element for each function: the unknown that it may be added to
	Reference  Reference
	Conditions []Condition
}

// Reference is a classical solver to compare with; Solver "" means none.
type Reference struct {
	Solver  string
	Options []Setting
}

// Condition is a soft constraint: residuals that shall vanish on a part of the domain.
type Condition struct {
	Name     string
	On       string  // "x = 0", "interior", or "" where Box is given
	Box      []Place // on = { x = 0.3, t = [0, 0.5] }; coordinates not named keep their range
	Residual []string
	Weight   float64
	Points   Count // none given: Shape and Count are zero
	Sampler  string
}

// Place fixes a coordinate (Lo == Hi) or narrows its range.
type Place struct {
	Coord  string
	Lo, Hi float64 // equal if Fixed
	Fixed  bool
}

// Count is a number of points: a shape, one number per free axis, or a total.
type Count struct {
	Shape []int
	Count int
}

// Decomposition says where the subdomains are: by Levels, by Centres, by both, or by Subdomains.
type Decomposition struct {
	Levels     [][]int      // [level][axis] subdomains
	Graded     []Graded     // axes whose centres are not equally spaced
	Overlap    [][]float64  // [level][axis] width over spacing; not used along axes with Widths
	Window     string       // cosine, bump, wendland, gaussian, sigmoid, window2023
	Centres    []AxisValues // of the finest level; none, or one entry per coordinate in their order, those without centres empty
	Widths     []AxisValues // like Centres
	Subdomains []Subdomain
}

// Graded draws the centres along one axis together around a place.
type Graded struct {
	Axis            string
	Towards, Factor float64
}

// AxisValues is a list of numbers along one axis.
type AxisValues struct {
	Axis   string
	Values []float64
}

// Subdomain is one freely placed subdomain.
type Subdomain struct {
	Level  int // from 1, coarse to fine
	Centre []float64
	Width  []float64 // full width, not half
}

// Network is the shape of all networks.
type Network struct {
	Hidden     []int
	Activation string       // tanh, sin, adaptive-tanh, adaptive-sin
	Fourier    *Fourier     // nil: none
	Scale      float64      // of the initial weights and biases of hidden layers
	Unnorm     [][2]float64 // per unknown: mean m and scale s of docs/theory.md, section 2
}

// Fourier describes frozen random input features.
type Fourier struct {
	Features    int
	Mean, Sigma float64
}

// Points says where residuals and errors are evaluated.
type Points struct {
	Interior PointSet
	Test     []int // shape of the test grid
}

// PointSet is a sampler with its number of points.
type PointSet struct {
	Sampler string // grid, uniform, sobol, halton, cells
	Shape   []int  // grid or cells, or given as a shape
	Count   int    // otherwise
	Weights string // of cells: integral, equal
}

// Train says how parameters are found.
type Train struct {
	Solver                string // adam, lbfgs, least-squares, gauss-newton; "" where Stages are given
	Steps                 int
	Stages                []Stage // always at least one
	Linear                Linear
	Damping               float64
	Continuation          Continuation
	Rate                  float64
	Rates                 []float64 // per level; empty: Rate for all
	Beta1, Beta2, Epsilon float64
	Memory                int // pairs that lbfgs keeps
	Schedule              Schedule
	Precision             string // float32, float64
	Seed                  int64
	Report                int // steps between reports of the loss
	Test                  int // steps between error tests; 0 = only at the end
	Active                Active
	Windows               *Windows // nil: the whole domain at once
}

// Stage is one solver of a sequence.
type Stage struct {
	Solver string
	Steps  int
	Rate   float64
}

// SecondOrder tells whether a solver works on linearised residuals.
func SecondOrder(solver string) bool { return solver == "least-squares" || solver == "gauss-newton" }

// Linear says how linear least-squares problems are solved.
type Linear struct {
	Filter     float64 // smallest kept singular value over the largest, subdomain by subdomain
	Matrix     string  // auto, blocks, free
	Memory     float64 // GiB a rank; 0 = computed
	Iterations int     // 0 = computed
	Layers     int
	Coarse     int // -1 = computed
}

// Continuation moves a parameter from easy to hard; Parameter "" means none.
type Continuation struct {
	Parameter string
	Values    []float64
}

// Schedule changes the learning rate during training. With k the step and K their number:
//
//	constant     rate
//	exponential  rate · Factor^(k/Every)
//	step         rate · Factor^floor(k/Every)
//	cosine       rate · (Final + (1-Final)·(1+cos(πk/K))/2)
//
// and the first Warmup steps grow linearly from 0.
type Schedule struct {
	Kind   string
	Factor float64
	Every  int
	Final  float64
	Warmup int
}

// Active says which subdomains train when (docs/theory.md, section 9).
type Active struct {
	Scheduler string    // all, point, line, plane, time
	Point     []float64 // where the front starts, one number per coordinate; empty: the lower corner of the domain
	Free      []string  // axes along which all subdomains are active
	Steps     int       // the front crosses the domain in so many steps; 0 = train.steps
}

// Windows says how an evolution problem is cut into slabs of time that are solved one after another.
type Windows struct {
	Axis  string    // marching coordinate
	Count int       // windows of equal length; 0 where At is given
	At    []float64 // where one window ends and the next begins; checked by solver/problem
	Start []Named   // state at the lower end of the axis: of "u", of "u_t"
}

// Parallel says how ranks share the work.
type Parallel struct {
	Exchange  string // auto, jets, parameters
	Replicate int    // levels with at most so many subdomains are replicated on all ranks; -1 = computed
}

// Output says what is written.
type Output struct {
	Checkpoint int    // steps between checkpoints; 0 = at the end, and by time
	Directory  string // "" = named after the job file
	Figures    bool
}
