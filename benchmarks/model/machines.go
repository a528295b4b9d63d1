package model

// Card is a processor of a stated machine: vendors' figures, not measurements.
type Card struct {
	Name   string
	Peak   float64 // float32 operations a second, multiply-adds counted twice, no tensor cores
	Source string
}

// Network is what connects ranks.
type Network struct {
	Name        string
	Bandwidth   float64    // bytes a second a rank, one way
	Alpha       [3]float64 // s a message from card to card by MPI: least, expected, most
	Source      string
	Assumptions string
}

// What the predictions speak of. H100 and H200 have the same chip; their memories differ, and a step is bound by arithmetic.
var (
	Hopper = Card{"H100 or H200 SXM", 67e12, "NVIDIA, H100 and H200 Tensor Core GPU datasheets, FP32"}

	NVLink = Network{"NVLink 4, one node of 8", 450e9, [3]float64{2e-6, 5e-6, 10e-6},
		"NVIDIA, H100 and H200 datasheets: 900 GB/s both ways together",
		"alpha: a small all-reduce takes 10 us on 2 cards (NVIDIA/nccl-tests, issue 123, A100); a message of MPI from card to card half of it, within a factor of two or so"}
	InfiniBand = Network{"InfiniBand NDR, one port a card", 50e9, [3]float64{3e-6, 6e-6, 12e-6},
		"NVIDIA, ConnectX-7 user manual (single port, NDR 400 Gb/s); DGX H100 user guide (eight ConnectX-7 ports beside eight cards)",
		"alpha: that of NVLink and 1 to 2 us for adapters and switches"}
)

// Shares of the peak that a step reaches: least, expected, most. Nothing of ours is measured here: one pass of generic small tiles
// reaches 27 to 45 % of the peak of an H200 (NVIDIA/warp, issue 1965), and a step computes jets twice.
var Shares = [3]float64{0.15, 0.30, 0.45}

// launches is what starting the work of a step costs: five launches of 4 us.
const launches = 20e-6

// Work is the number of operations of a pair, forward and backward, computed on the way back once more: 8·C·G in the products of
// hidden layers, G = (L-1) w² + w·n, and 30·C a neuron for its function and what surrounds it (31 + 44 instructions with five jets,
// counted in compiled code: benchmarks/README.md). The first layer has no product: its derivatives are columns of its weights.
func Work(jets, outputs int, hidden []int) float64 {
	products, neurons := 0, 0
	for k, w := range hidden {
		next := outputs
		if k+1 < len(hidden) {
			next = hidden[k+1]
		}
		products += w * next
		neurons += w
	}
	return float64(jets) * float64(8*products+30*neurons)
}

// Cluster is the machine with cards on a network; which 0, 1, 2 takes the worst, the expected and the best of all figures.
func Cluster(c Card, n Network, work float64, which int) Machine {
	return Machine{Name: c.Name + ", " + n.Name, Pair: work / (Shares[which] * c.Peak), Node: 8, Fixed: launches,
		Link: Link{Alpha: n.Alpha[2-which], Beta: 1 / n.Bandwidth}, Hides: true}
}
