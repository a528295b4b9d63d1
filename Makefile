# fbpinn-mpi: `make run` and `make test` are all that a new user needs; both install missing system packages first.
SHELL     := /bin/bash
MPIRUN    := mpirun --oversubscribe --bind-to none $(if $(filter 0,$(shell id -u)),--allow-run-as-root)
MAIN_JOB  := jobs/multiscale-weak-4/job.toml
RANKS     := 1 2 3 4 8
COMMIT    := $(shell git describe --always --abbrev=12 --dirty=+ --exclude='*' 2>/dev/null)
PARALLEL  := ./mpi ./mpi/watchdog ./solver/exchange ./solver/optim ./solver/schwarz ./solver
# Shared-memory copies by process attachment are forbidden in many containers; Open MPI then warns at every start.
export OMPI_MCA_btl_vader_single_copy_mechanism ?= none

.PHONY: all build run test test-mpi check setup clean cuda test-gpu bench-gpu test-standin test-slurm bundle sass

all: build

# System packages: MPI and HDF5 with their headers. Asks for root only where something is missing.
setup:
	@scripts/setup.sh

build: setup
	@mkdir -p bin
	go build -ldflags "-X main.commit=$(COMMIT)" -o bin/fbpinn-mpi ./cmd/fbpinn-mpi

run: build
	$(MPIRUN) -np 2 bin/fbpinn-mpi run $(MAIN_JOB) --force

# Formatting, static analysis, import rules.
check: setup
	@scripts/check.sh

test: build check
	go test ./...
	$(MAKE) --no-print-directory test-mpi

# Every parallel path on every number of ranks. A test named ..._nK needs K ranks and skips elsewhere, saying so.
test-mpi: build
	@mkdir -p bin/test
	@for p in $(PARALLEL); do go test -c -o bin/test/$$(basename $$p).test $$p || exit 1; done
	@for n in $(RANKS); do for p in $(PARALLEL); do \
	  echo "== $$p on $$n ranks"; \
	  (cd $$p && timeout 300 $(MPIRUN) -np $$n $(CURDIR)/bin/test/$$(basename $$p).test) > bin/test/out.txt 2>&1; s=$$?; \
	  if [ $$s != 0 ]; then cat bin/test/out.txt; echo "FAIL $$p on $$n ranks (exit $$s)"; exit 1; fi; \
	done; done

# What a run survives: rel-1 ... rel-12, rel-1-full ... (README of benchmarks). RECORD=1 keeps the figures in benchmarks/.
rel-%: setup
	go run ./benchmarks/reliability $(if $(RECORD),-record) $(if $(findstring -full,$*),-full) $(*:-full=)

# The program for NVIDIA cards, to which fbpinn-mpi hands over where there is one. Installs the compiler where it is missing.
cuda: build
	@scripts/cuda.sh go build -tags cuda -ldflags "-X main.commit=$(COMMIT)" -o bin/fbpinn-mpi-cuda ./cmd/fbpinn-mpi

# The suite of the kernels on a card; builds without one.
bin/test/device-cuda.test: cuda
	@mkdir -p bin/test
	@scripts/cuda.sh go test -tags cuda -c -o $@ ./kernels/device

# On a machine with a card: the suite with memory and race checks; every figure that we claim for a card, in under 8 minutes.
test-gpu: bin/test/device-cuda.test
	@scripts/gpu.sh test

bench-gpu: bin/test/device-cuda.test
	@scripts/gpu.sh bench

# The program for cards without a card: the driver's place is taken by the emulation of the kernels.
test-standin: bin/test/device-cuda.test
	@scripts/cuda.sh scripts/standin.sh

# Job scripts on a real Slurm of one node, which is installed and started for this and ended after it: Debian or Ubuntu, as root.
test-slurm: build
	@scripts/slurm.sh start
	@SLURM_CONF=$$(readlink -f bin/slurm)/slurm.conf FBPINN_TEST_SLURM=1 go test ./cmd/fbpinn-mpi -count=1 -timeout 40m -v -run '^TestSlurm'; \
	  s=$$?; scripts/slurm.sh stop; exit $$s

# A folder that runs on a node with nothing but the C library and, for cards, the driver.
bundle: bin/test/device-cuda.test
	@COMMIT=$(COMMIT) scripts/bundle.sh

# Registers, spills and instruction mix of every kernel, from the compiled code; no card needed.
sass:
	@scripts/sass.sh

clean:
	rm -rf bin dist kernels/device/fatbin/*.fatbin
