package jobfile

import (
	"fmt"
	"strings"
)

// Key is one key of a job file. The table that Keys returns is the only place that knows names, defaults and ranges: the
// decoder, its messages and "fbpinn-mpi keys" derive from it.
type Key struct {
	Name     string   // dotted path; <x> stands for a name that the job chooses, [] for an element of a list of tables
	Type     string   // in words
	Unit     string   // "" if it has none
	Default  string   // as TOML; "" = none
	Required bool     // in its table, where that is present
	Min, Max float64  // of every number in the value; unbounded where both are 0
	Open     bool     // Min itself is not allowed
	Words    []string // allowed texts
	Example  string   // as TOML
	Doc      string   // one sentence

	short string                                         // child that a value which is no table stands for
	begin func(d *decoder, k *Key, n *node, path string) // before the value: a table of a chosen name starts
	put   func(d *decoder, k *Key, n *node, path string) // checks and stores the value
}

// Bounds of the kernels and of good sense. TestLimits compares those of other packages with them.
const (
	maxWidth  = 256
	maxDepth  = 8
	maxAxes   = 4
	maxCount  = 1e9  // points, steps
	maxNumber = 1e15 // any real number; beyond lies a slip, and squares of it overflow float32

	maxGrading = 20 // decomp.MaxGrading
)

const (
	samplers = "grid uniform sobol halton cells"
	solvers  = "adam lbfgs least-squares gauss-newton"
	windows  = "cosine bump wendland gaussian sigmoid window2023"
)

// Keys returns the table of all keys, in the order in which they are described.
func Keys() []Key {
	word := strings.Fields
	ks := []Key{
		{Name: "title", Type: "text", Default: `""`, Example: `"Viscous Burgers"`, put: textAt(func(d *decoder) *string { return &d.job.Title }),
			Doc: "Title of pictures and files."},
		{Name: "reference", Type: "text", Default: `""`, Example: `"Raissi et al. 2019"`, put: textAt(func(d *decoder) *string { return &d.job.Reference }),
			Doc: "Where the problem was published."},

		{Name: "domain", Type: "table", Required: true, Example: "{ x = [0, 1] }",
			Doc: "The box: one entry per coordinate, 1 to 4 of them, in the order used everywhere else."},
		{Name: "domain.<x>", Type: "pair of numbers, or table", Min: -maxNumber, Max: maxNumber, Example: `[-1, "2*pi"]`, short: "range", begin: beginAxis,
			Doc: "Range [low, high] of a coordinate."},
		{Name: "domain.<x>.range", Type: "pair of numbers", Required: true, Min: -maxNumber, Max: maxNumber, Example: "[-1, 1]", put: putRange,
			Doc: "Range [low, high] of a coordinate."},
		{Name: "domain.<x>.periodic", Type: "boolean", Default: "false", Example: "true", put: truthAt(func(d *decoder) *bool { return &d.axis().Periodic }),
			Doc: "Subdomains wrap around this axis, so that the solution is periodic exactly."},

		{Name: "geometry", Type: "table", Example: "{ remove = [{ x = [0.5, 1] }] }", Doc: "Parts of the box that do not belong to the domain."},
		{Name: "geometry.remove", Type: "list of tables", begin: beginRemoved, Doc: "Boxes that are taken out of the domain, such as { x = [0.5, 1], y = [0.5, 1] } for an L-shape; their sides remain."},
		{Name: "geometry.remove[].<x>", Type: "pair of numbers", Min: -maxNumber, Max: maxNumber, Example: "[0.5, 1]", put: putRemoved,
			Doc: "Range of this coordinate; others are removed from end to end."},

		{Name: "parameters", Type: "table", Example: `{ nu = "0.01/pi" }`, Doc: "Named numbers for use in expressions."},
		{Name: "parameters.<name>", Type: "number or expression", Min: -maxNumber, Max: maxNumber, Example: `"0.01/pi"`, put: putParameter,
			Doc: "A number; may use earlier parameters."},
		{Name: "functions", Type: "table", Example: `{ "g(x)" = "exp(-x^2)" }`, Doc: "Helper functions for use in expressions."},
		{Name: "functions.<name>", Type: "expression, or table", Example: `"exp(-x^2)"`, short: "body", begin: beginFunction,
			Doc: `A helper function, written "g(x,y)" = "expression".`},
		{Name: "functions.<name>.args", Type: "list of names", Example: `["x"]`, put: putArgs, Doc: "Names of the arguments, where the key holds only the function's name."},
		{Name: "functions.<name>.body", Type: "expression", Required: true, Example: `"exp(-x^2)"`, put: expressionAt(func(d *decoder) *string { return &d.function().Body }),
			Doc: "What the function returns."},

		{Name: "problem", Type: "table", Required: true, Example: "{ }", Doc: "What to solve."},
		{Name: "problem.unknowns", Type: "list of names", Required: true, Example: `["u"]`, put: putUnknowns, Doc: "The functions sought."},
		{Name: "problem.equations", Type: "list of equations", Required: true, Example: `["u_xx + 8 = 0"]`, put: putEquations,
			Doc: "Equations that hold in the interior; u_xy are derivatives, d(expr, x) differentiates anything."},
		{Name: "problem.weights", Type: "list of numbers", Min: 0, Max: maxNumber, Open: true, Example: "[1]", put: putWeights,
			Doc: "Factor of each equation in the loss, one per equation; 1 if absent."},
		{Name: "problem.ansatz", Type: "table", Example: `{ u = "x*(1-x)*u" }`, Doc: "Hard constraints."},
		{Name: "problem.ansatz.<u>", Type: "expression", Example: `"x*(1-x)*u"`, put: namedAt(func(d *decoder) *[]Named { return &d.job.Problem.Ansatz }),
			Doc: "The unknown as a smooth expression in itself (the raw network sum) and the coordinates."},
		{Name: "problem.exact", Type: "table", Example: `{ u = "4*x*(1-x)" }`, Doc: "Exact solution, for the error."},
		{Name: "problem.exact.<u>", Type: "expression", Example: `"4*x*(1-x)"`, put: namedAt(func(d *decoder) *[]Named { return &d.job.Problem.Exact }),
			Doc: "Exact solution of this unknown."},
		{Name: "problem.nullspace", Type: "table", Example: `{ u = ["sin(3*pi*x)*sin(4*pi*y)"] }`, Doc: "Solutions of the problem without source, where it has any: resonance, a free constant."},
		{Name: "problem.nullspace.<u>", Type: "list of expressions", Example: `["sin(3*pi*x)*sin(4*pi*y)"]`, put: putNullspace,
			Doc: "Functions that may be added to this unknown; errors are measured after their best fit has been taken off."},
		{Name: "problem.reference", Type: "text, or table", Example: `{ solver = "helmholtz", n = 320 }`, short: "solver",
			Doc: "Classical solver to compare with, by name, with its numbers."},
		{Name: "problem.reference.solver", Type: "text", Required: true, Example: `"helmholtz"`, put: nameAt(func(d *decoder) *string { return &d.job.Problem.Reference.Solver }),
			Doc: "Name of the classical solver."},
		{Name: "problem.reference.<option>", Type: "number", Min: -maxNumber, Max: maxNumber, Example: "320", put: putOption, Doc: "A number that the classical solver takes."},
		{Name: "problem.conditions", Type: "list of tables", Example: "", begin: beginCondition, Doc: "Soft constraints: residuals on faces or other parts of the domain."},
		{Name: "problem.conditions[].name", Type: "text", Default: `""`, Example: `"start"`, put: textAt(func(d *decoder) *string { return &d.condition().Name }),
			Doc: "Name in reports; made up from the place if absent."},
		{Name: "problem.conditions[].on", Type: "text, or table", Required: true, Example: `"x = 0"`, put: nameAt(func(d *decoder) *string { return &d.condition().On }),
			Doc: `Where: "x = 0", several such joined by commas, "t = [0, 0.5]", or "interior".`},
		{Name: "problem.conditions[].on.<x>", Type: "number or pair of numbers", Min: -maxNumber, Max: maxNumber, Example: "0.3", put: putPlace,
			Doc: "Fixed value or range of this coordinate; others keep their range."},
		{Name: "problem.conditions[].residual", Type: "expression, equation, or list of them", Required: true, Example: `"u - 1"`, put: putResidual,
			Doc: "What shall vanish there."},
		{Name: "problem.conditions[].weight", Type: "number", Default: "1", Min: 0, Max: maxNumber, Open: true, Example: "100",
			put: numberAt(func(d *decoder) *float64 { return &d.condition().Weight }), Doc: "Factor of the mean square in the loss."},
		{Name: "problem.conditions[].points", Type: "integer or list of integers", Min: 1, Max: maxCount, Example: "200", put: putConditionPoints,
			Doc: "Number of points, or one number per axis that is not fixed, with cells in each cell; not needed at a single point."},
		{Name: "problem.conditions[].sampler", Type: "text", Words: word(samplers), Default: `"grid"`, Example: `"sobol"`,
			put: wordAt(func(d *decoder) *string { return &d.condition().Sampler }), Doc: "How the points are chosen."},

		{Name: "decomposition", Type: "table", Required: true, Example: "{ levels = [1, 2, 4] }", Doc: "Where the subdomains are: levels, or centres, or both, or subdomains."},
		{Name: "decomposition.levels", Type: "list of lists of integers", Min: 1, Max: 1e6, Example: "[[1, 1], [5, 3]]", put: putLevels,
			Doc: "Subdomains per axis of each level, coarse to fine; a bare number counts for all axes."},
		{Name: "decomposition.graded", Type: "table", Example: "{ x = { towards = 0, factor = 4 } }", Doc: "Axes along which the centres of levels are drawn together around a layer or shock."},
		{Name: "decomposition.graded.<x>", Type: "table", Example: "{ towards = 0, factor = 4 }", begin: beginGraded,
			Doc: "Centres along this axis are images of equally spaced ones under a sinh that is flattest at a place."},
		{Name: "decomposition.graded.<x>.towards", Type: "number", Required: true, Min: -maxNumber, Max: maxNumber, Example: "0",
			put: numberAt(func(d *decoder) *float64 { return &d.graded().Towards }), Doc: "Where the centres are densest, an end of the axis or a place inside it."},
		{Name: "decomposition.graded.<x>.factor", Type: "number", Required: true, Min: 0, Max: maxGrading, Open: true, Example: "4",
			put: numberAt(func(d *decoder) *float64 { return &d.graded().Factor }), Doc: "The largest spacing is cosh(factor) times the smallest."},
		{Name: "decomposition.centres", Type: "table", Example: "{ x = [0.2, 0.8] }", Doc: "Centres along axes of a single level or, with levels, of the finest one."},
		{Name: "decomposition.centres.<x>", Type: "list of numbers", Min: -maxNumber, Max: maxNumber, Example: "[0.2, 0.8]",
			put: axisValuesAt(func(d *decoder) *[]AxisValues { return &d.job.Decomposition.Centres }), Doc: "Centres along this axis, ascending."},
		{Name: "decomposition.widths", Type: "table", Example: "{ x = [0.9, 0.9] }", Doc: "Full widths that go with the centres; without them the overlap counts."},
		{Name: "decomposition.widths.<x>", Type: "list of numbers", Min: 0, Max: maxNumber, Open: true, Example: "[0.9, 0.9]",
			put: axisValuesAt(func(d *decoder) *[]AxisValues { return &d.job.Decomposition.Widths }), Doc: "Full widths along this axis."},
		{Name: "decomposition.overlap", Type: "number, or list", Unit: "spacings", Default: "1.9", Min: 0, Max: 1000, Open: true, Example: "1.9", put: putOverlap,
			Doc: "Width of a subdomain over the local spacing: one number, one per axis, or one list per level."},
		{Name: "decomposition.window", Type: "text", Words: word(windows), Default: `"cosine"`, Example: `"cosine"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Decomposition.Window }), Doc: "Window function that blends subdomains."},
		{Name: "decomposition.subdomains", Type: "list of tables", Example: "", begin: beginSubdomain, Doc: "Freely placed subdomains, instead of levels."},
		{Name: "decomposition.subdomains[].level", Type: "integer", Default: "1", Min: 1, Max: 64, Example: "1", put: wholeAt(func(d *decoder) *int { return &d.subdomain().Level }),
			Doc: "Level it belongs to."},
		{Name: "decomposition.subdomains[].centre", Type: "list of numbers", Required: true, Min: -maxNumber, Max: maxNumber, Example: "[0.5, 0.5]",
			put: perAxisAt(func(d *decoder) *[]float64 { return &d.subdomain().Centre }), Doc: "Centre, one number per coordinate."},
		{Name: "decomposition.subdomains[].width", Type: "list of numbers", Required: true, Min: 0, Max: maxNumber, Open: true, Example: "[1, 1]",
			put: perAxisAt(func(d *decoder) *[]float64 { return &d.subdomain().Width }), Doc: "Full width, one number per coordinate."},

		{Name: "network", Type: "table", Default: "{}", Example: "{ hidden = [16] }", Doc: "The network that every subdomain has."},
		{Name: "network.hidden", Type: "list of integers", Unit: "neurons", Default: "[16]", Min: 1, Max: maxWidth, Example: "[16]", put: putHidden,
			Doc: "Widths of the hidden layers, at most 8 of them."},
		{Name: "network.activation", Type: "text", Words: word("tanh sin adaptive-tanh adaptive-sin"), Default: `"tanh"`, Example: `"tanh"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Network.Activation }), Doc: "Function of the hidden layers."},
		{Name: "network.fourier", Type: "table", Example: "{ features = 8 }", begin: func(d *decoder, _ *Key, _ *node, _ string) { d.job.Network.Fourier = &Fourier{} },
			Doc: "Frozen random features in front of the first layer."},
		{Name: "network.fourier.features", Type: "integer", Required: true, Min: 1, Max: maxWidth / 2, Example: "8", put: wholeAt(func(d *decoder) *int { return &d.job.Network.Fourier.Features }),
			Doc: "Number of frequency vectors; the first layer gets twice as many inputs."},
		{Name: "network.fourier.mean", Type: "number", Unit: "periods over half a subdomain", Default: "0", Min: -1e6, Max: 1e6, Example: "0",
			put: numberAt(func(d *decoder) *float64 { return &d.job.Network.Fourier.Mean }), Doc: "Mean of the normal distribution of frequencies."},
		{Name: "network.fourier.sigma", Type: "number", Unit: "periods over half a subdomain", Default: "1", Min: 0, Max: 1e6, Open: true, Example: "1",
			put: numberAt(func(d *decoder) *float64 { return &d.job.Network.Fourier.Sigma }), Doc: "Standard deviation of the frequencies."},
		{Name: "network.scale", Type: "number", Default: "1", Min: 0, Max: 1e6, Open: true, Example: "2", put: numberAt(func(d *decoder) *float64 { return &d.job.Network.Scale }),
			Doc: "Factor of the initial weights and biases of the hidden layers: larger ones make richer frozen features, which are less smooth."},
		{Name: "network.unnorm", Type: "pair of numbers, or one per unknown", Unit: "of the unknown", Default: "[0, 1]", Min: -maxNumber, Max: maxNumber, Example: "[0, 3]", put: putUnnorm,
			Doc: "[mean, scale] that turn a network's output into the unknown; the scale is positive."},

		{Name: "points", Type: "table", Required: true, Example: "{ }", Doc: "Where residuals and errors are evaluated."},
		{Name: "points.interior", Type: "table", Required: true, Example: `{ sampler = "grid", shape = [200, 100] }`, Doc: "Points of the equations."},
		{Name: "points.interior.sampler", Type: "text", Words: word(samplers), Default: `"grid"`, Example: `"grid"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Points.Interior.Sampler }), Doc: "How the points are chosen."},
		{Name: "points.interior.shape", Type: "list of integers", Min: 1, Max: maxCount, Example: "[200, 100]", put: shapeAt(func(d *decoder) *[]int { return &d.job.Points.Interior.Shape }),
			Doc: "Points per coordinate; a grid has its ends on the boundary; with cells: points per coordinate in each cell of the finest level."},
		{Name: "points.interior.count", Type: "integer", Min: 1, Max: maxCount, Example: "20000", put: wholeAt(func(d *decoder) *int { return &d.job.Points.Interior.Count }),
			Doc: "Number of points, where the sampler is neither grid nor cells."},
		{Name: "points.interior.weights", Type: "text", Words: word("integral equal"), Default: `"integral"`, Example: `"equal"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Points.Interior.Weights }),
			Doc: "With cells: integral weighs points by the space they stand for, equal counts all alike, which favours narrow cells. Others are equal."},
		{Name: "points.test", Type: "list of integers", Required: true, Min: 1, Max: maxCount, Example: "[400, 200]", put: shapeAt(func(d *decoder) *[]int { return &d.job.Points.Test }),
			Doc: "Shape of the grid on which the solution is written and errors are measured."},

		{Name: "train", Type: "table", Default: "{}", Example: "{ steps = 20000 }", Doc: "How parameters are found."},
		{Name: "train.solver", Type: "text", Words: word(solvers), Default: `"adam"`, Example: `"least-squares"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Train.Solver }),
			Doc: "adam and lbfgs train everything by gradients; least-squares solves for output weights (Newton where equations are nonlinear), gauss-newton for all."},
		{Name: "train.steps", Type: "integer", Unit: "steps", Min: 1, Max: maxCount, Example: "20000", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Steps }),
			Doc: "Number of steps, at most; if absent, 20000 of adam and lbfgs, 30 of least-squares and gauss-newton."},
		{Name: "train.stages", Type: "list of tables", Example: "", begin: beginStage, Doc: "Solvers in turn, each from where the last one ended, instead of solver and steps."},
		{Name: "train.stages[].solver", Type: "text", Words: word(solvers), Required: true, Example: `"adam"`,
			put: wordAt(func(d *decoder) *string { return &d.stage().Solver }), Doc: "Solver of the stage."},
		{Name: "train.stages[].steps", Type: "integer", Unit: "steps", Min: 1, Max: maxCount, Example: "2000", put: wholeAt(func(d *decoder) *int { return &d.stage().Steps }),
			Doc: "Its steps; if absent, as for train.steps."},
		{Name: "train.stages[].rate", Type: "number", Min: 0, Max: 1e3, Open: true, Example: "1e-3", put: numberAt(func(d *decoder) *float64 { return &d.stage().Rate }),
			Doc: "Its learning rate; train.rate if absent."},
		{Name: "train.linear", Type: "table", Default: "{}", Example: "{ filter = 1e-10 }", Doc: "How least-squares and gauss-newton solve their linear problems."},
		{Name: "train.linear.filter", Type: "number", Default: "1e-10", Min: 0, Max: 0.1, Open: true, Example: "1e-10", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Linear.Filter }),
			Doc: "Singular values of a subdomain's block below this share of its largest are dropped."},
		{Name: "train.linear.matrix", Type: "text", Words: word("auto blocks free"), Default: `"auto"`, Example: `"blocks"`, put: wordAt(func(d *decoder) *string { return &d.job.Train.Linear.Matrix }),
			Doc: "blocks: a direct factor of each rank's patch; free: products only, many iterations in little memory; auto: blocks if they fit into memory."},
		{Name: "train.linear.memory", Type: "number", Unit: "GiB a rank", Default: "0", Min: 0, Max: 1e6, Example: "16", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Linear.Memory }),
			Doc: "What blocks and factor may take before auto turns to free; 0 = four fifths of what the machine, or a control group, has for its ranks."},
		{Name: "train.linear.iterations", Type: "integer", Unit: "iterations", Default: "0", Min: 0, Max: maxCount, Example: "200", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Linear.Iterations }),
			Doc: "Iterations of a linear solve, at most; 0 = 1000 with blocks, 10000 without."},
		{Name: "train.linear.layers", Type: "integer", Unit: "subdomains", Default: "0", Min: 0, Max: 4, Example: "2", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Linear.Layers }),
			Doc: "Layers of neighbouring subdomains by which the patches of ranks overlap; 0 = chosen by the program, 2 or 3."},
		{Name: "train.linear.coarse", Type: "integer", Unit: "vectors a rank", Default: "-1", Min: -1, Max: 10000, Example: "40", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Linear.Coarse }),
			Doc: "Size of the spectral coarse space that couples the patches; 0 = none, -1 = chosen by the program, none on up to 4 ranks."},
		{Name: "train.damping", Type: "number", Default: "0", Min: 0, Max: 1e6, Example: "1e-4", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Damping }),
			Doc: "First damping λ; it adapts. least-squares: relative to columns of unit length, 0 = none. gauss-newton: steps of hidden parameters are at most 1/√λ long, root mean square over subdomains, 0 = 1."},
		{Name: "train.continuation", Type: "table", Example: `{ parameter = "nu", values = [0.1, 0.01] }`, Doc: "least-squares and gauss-newton approach a hard problem through easier ones."},
		{Name: "train.continuation.parameter", Type: "text", Required: true, Example: `"nu"`, put: nameAt(func(d *decoder) *string { return &d.job.Train.Continuation.Parameter }),
			Doc: "The parameter that moves."},
		{Name: "train.continuation.values", Type: "list of numbers", Required: true, Min: -maxNumber, Max: maxNumber, Example: "[0.1, 0.01]", put: putContinuation,
			Doc: "Its values on the way; its own value comes last by itself."},
		{Name: "train.rate", Type: "number", Default: "1e-3", Min: 0, Max: 1e3, Open: true, Example: "1e-3", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Rate }),
			Doc: "Learning rate."},
		{Name: "train.rates", Type: "list of numbers", Min: 0, Max: 1e3, Open: true, Example: "[1e-3, 1e-3]", put: putRates, Doc: "Learning rate of each level, instead of rate."},
		{Name: "train.beta1", Type: "number", Default: "0.9", Min: 0, Max: 0.999999999, Example: "0.9", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Beta1 }),
			Doc: "Decay of Adam's first moment."},
		{Name: "train.beta2", Type: "number", Default: "0.999", Min: 0, Max: 0.999999999, Example: "0.999", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Beta2 }),
			Doc: "Decay of Adam's second moment."},
		{Name: "train.epsilon", Type: "number", Default: "1e-8", Min: 0, Max: 1, Open: true, Example: "1e-8", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Epsilon }),
			Doc: "Added to the root of Adam's second moment."},
		{Name: "train.memory", Type: "integer", Unit: "pairs", Default: "20", Min: 1, Max: 1000, Example: "20", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Memory }),
			Doc: "Steps that lbfgs remembers."},
		{Name: "train.schedule", Type: "text, or table", Default: `"constant"`, Example: `"cosine"`, short: "kind", Doc: "How the learning rate changes."},
		{Name: "train.schedule.kind", Type: "text", Words: word("constant exponential cosine step"), Required: true, Example: `"cosine"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Train.Schedule.Kind }), Doc: "Law of decay."},
		{Name: "train.schedule.factor", Type: "number", Default: "0.9", Min: 0, Max: 1, Open: true, Example: "0.9",
			put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Schedule.Factor }), Doc: "Exponential and step: the rate is multiplied by it ..."},
		{Name: "train.schedule.every", Type: "integer", Unit: "steps", Default: "1000", Min: 1, Max: maxCount, Example: "1000",
			put: wholeAt(func(d *decoder) *int { return &d.job.Train.Schedule.Every }), Doc: "... in so many steps."},
		{Name: "train.schedule.final", Type: "number", Default: "0", Min: 0, Max: 1, Example: "0", put: numberAt(func(d *decoder) *float64 { return &d.job.Train.Schedule.Final }),
			Doc: "Cosine: the last rate over the first."},
		{Name: "train.schedule.warmup", Type: "integer", Unit: "steps", Default: "0", Min: 0, Max: maxCount, Example: "0",
			put: wholeAt(func(d *decoder) *int { return &d.job.Train.Schedule.Warmup }), Doc: "Steps during which the rate grows from 0."},
		{Name: "train.precision", Type: "text", Words: word("float32 float64"), Example: `"float64"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Train.Precision }),
			Doc: "Arithmetic of networks and residuals; if absent, float64 with least-squares or gauss-newton, which need it, else float32."},
		{Name: "train.seed", Type: "integer", Default: "0", Min: 0, Max: 1 << 53, Example: "0", put: seedAt(func(d *decoder) *int64 { return &d.job.Train.Seed }),
			Doc: "Initial parameters and random points are functions of it."},
		{Name: "train.report", Type: "integer", Unit: "steps", Default: "100", Min: 1, Max: maxCount, Example: "100", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Report }),
			Doc: "Steps between reports of the loss."},
		{Name: "train.test", Type: "integer", Unit: "steps", Default: "1000", Min: 0, Max: maxCount, Example: "1000", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Test }),
			Doc: "Steps between error tests; 0 = only at the end."},
		{Name: "train.active", Type: "table", Default: "{}", Example: `{ scheduler = "all" }`, Doc: "Which subdomains train when."},
		{Name: "train.active.scheduler", Type: "text", Words: word("all point line plane time"), Default: `"all"`, Example: `"all"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Train.Active.Scheduler }), Doc: "Shape of the front; time is a front along coordinate t."},
		{Name: "train.active.point", Type: "list of numbers", Min: -maxNumber, Max: maxNumber, Example: "[0, 0]",
			put: perAxisAt(func(d *decoder) *[]float64 { return &d.job.Train.Active.Point }), Doc: "Where the front starts, one number per coordinate; the lower corner if absent."},
		{Name: "train.active.free", Type: "list of names", Example: `["x"]`, put: putFree, Doc: "Coordinates along which all subdomains train: one for line, two for plane."},
		{Name: "train.active.steps", Type: "integer", Unit: "steps", Default: "0", Min: 0, Max: maxCount, Example: "0", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Active.Steps }),
			Doc: "Steps in which the front crosses the domain; 0 = all of them."},

		{Name: "train.windows", Type: "table", Example: `{ count = 8, start = { u = "sin(pi*x)" } }`, begin: func(d *decoder, _ *Key, _ *node, _ string) { d.job.Train.Windows = &Windows{} },
			Doc: "Slabs of time that are solved one after another, each from the end of the one before."},
		{Name: "train.windows.axis", Type: "text", Default: `"t"`, Example: `"x"`, put: nameAt(func(d *decoder) *string { return &d.job.Train.Windows.Axis }),
			Doc: "Coordinate that is cut; with t for it, t_start and t_end are the ends of a window in expressions."},
		{Name: "train.windows.count", Type: "integer", Min: 1, Max: 1e6, Example: "8", put: wholeAt(func(d *decoder) *int { return &d.job.Train.Windows.Count }),
			Doc: "Number of windows of equal length."},
		{Name: "train.windows.at", Type: "list of numbers", Min: -maxNumber, Max: maxNumber, Example: "[0.1, 0.4]", put: putWindowsAt,
			Doc: "Where one window ends and the next begins, ascending, instead of count."},
		{Name: "train.windows.start", Type: "table", Required: true, Example: `{ u = "sin(pi*x)" }`, Doc: "State at the lower end of the axis."},
		{Name: "train.windows.start.<u>", Type: "expression", Example: `"sin(pi*x)"`, put: putStart,
			Doc: "An unknown, or its derivative u_t, there; expressions use its value at the start of each window as start_u, start_u_t."},

		{Name: "parallel", Type: "table", Default: "{}", Example: "{ exchange = \"jets\" }", Doc: "How ranks share the work."},
		{Name: "parallel.exchange", Type: "text", Words: word("auto jets parameters"), Default: `"auto"`, Example: `"auto"`,
			put: wordAt(func(d *decoder) *string { return &d.job.Parallel.Exchange }), Doc: "What neighbours send each other."},
		{Name: "parallel.replicate", Type: `integer or "auto"`, Unit: "subdomains", Words: word("auto"), Default: `"auto"`, Min: 0, Max: 1e9, Example: "1", put: putReplicate,
			Doc: "Levels with at most so many subdomains are computed by every rank."},

		{Name: "output", Type: "table", Default: "{}", Example: "{ checkpoint = 5000 }", Doc: "What is written."},
		{Name: "output.checkpoint", Type: "integer", Unit: "steps", Default: "0", Min: 0, Max: maxCount, Example: "5000", put: wholeAt(func(d *decoder) *int { return &d.job.Output.Checkpoint }),
			Doc: "Steps between checkpoints; 0 = at the end, and at reports 10 minutes apart or so seldom that they take a hundredth of the time."},
		{Name: "output.directory", Type: "text", Default: `""`, Example: `"runs/burgers"`, put: textAt(func(d *decoder) *string { return &d.job.Output.Directory }),
			Doc: "Where files go; named after the job file if empty."},
		{Name: "output.figures", Type: "boolean", Default: "true", Example: "true", put: truthAt(func(d *decoder) *bool { return &d.job.Output.Figures }), Doc: "Draw pictures at the end."},
	}
	return ks
}

// Range says in words which values are allowed.
func (k *Key) Range() string {
	switch {
	case len(k.Words) > 0 && k.Max > 0:
		return strings.Join(k.Words, " | ") + " | " + k.bounds()
	case len(k.Words) > 0:
		return strings.Join(k.Words, " | ")
	case k.Min == 0 && k.Max == 0:
		return ""
	}
	return k.bounds()
}

func (k *Key) bounds() string {
	if k.Open {
		return fmt.Sprintf("above %.10g, up to %.10g", k.Min, k.Max)
	}
	return fmt.Sprintf("%.10g to %.10g", k.Min, k.Max)
}

// parent and last part of the name.
func (k *Key) split() (parent, last string) {
	i := strings.LastIndexByte(k.Name, '.')
	if i < 0 {
		return "", k.Name
	}
	return k.Name[:i], k.Name[i+1:]
}

// Help is the text of "fbpinn-mpi keys".
func Help() string {
	var b strings.Builder
	for _, k := range Keys() {
		if parent, _ := k.split(); parent == "" && (k.Type == "table") {
			fmt.Fprintf(&b, "\n[%s]  %s\n", k.Name, k.Doc)
			continue
		}
		fmt.Fprintf(&b, "%s\n    %s\n    %s", k.Name, k.Doc, k.Type)
		if k.Unit != "" {
			fmt.Fprintf(&b, " [%s]", k.Unit)
		}
		if r := k.Range(); r != "" {
			fmt.Fprintf(&b, "; %s", r)
		}
		switch {
		case k.Required:
			b.WriteString("; required")
		case k.Default != "":
			fmt.Fprintf(&b, "; default %s", k.Default)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
