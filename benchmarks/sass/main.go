// Command sass tells what the compiler made of the kernels: registers, spills, and what the hottest loop of each consists of.
// It reads the fatbins of scripts/cuda.sh with the toolkit's cuobjdump; no card is needed.
//
//	go run ./benchmarks/sass -arch sm_90 kernels/device/fatbin
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"text/tabwriter"
)

// specialised are the families that are written for speed: a register that they spill is a regression.
var specialised = regexp.MustCompile(`^fb_(shallow|deep)_`)

func main() {
	arch := flag.String("arch", "sm_90", "kind of card")
	tool := flag.String("cuobjdump", "cuobjdump", "the toolkit's disassembler")
	compiler := flag.String("compiler", "nvcc", "what made the fatbins, for the report")
	flag.Parse()
	if err := report(os.Stdout, *tool, *compiler, *arch, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "sass:", err)
		os.Exit(1)
	}
}

func report(to io.Writer, tool, compiler, arch, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.fatbin"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no fatbin in %q; run scripts/cuda.sh", folder)
	}
	sort.Strings(files)
	var all []kernel
	for _, f := range files {
		kernels, err := inspect(tool, arch, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, kernels...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	write(to, compiler, arch, all)
	return spilled(all)
}

// inspect reads the code, and the compiler's own words on it, which scripts/cuda.sh keeps.
func inspect(tool, arch, file string) ([]kernel, error) {
	dump := func(what string) (string, error) {
		out, err := exec.Command(tool, "-arch", arch, what, file).Output()
		return string(out), err
	}
	code, err := dump("-sass")
	if err != nil {
		return nil, err
	}
	kernels := parse(code)
	elf, err := dump("-elf")
	if err != nil {
		return nil, err
	}
	threads := parseThreads(elf)
	base := strings.TrimSuffix(filepath.Base(file), ".fatbin")
	log, err := os.ReadFile(filepath.Join(filepath.Dir(file), "."+base+".log"))
	if err != nil {
		return nil, err
	}
	resources := parseLog(string(log), arch)
	for i := range kernels {
		k := &kernels[i]
		r, ok := resources[k.name]
		if !ok {
			return nil, fmt.Errorf("the compiler says nothing about %s for %s", k.name, arch)
		}
		k.resources, k.threads = r, threads[k.name]
	}
	return kernels, nil
}

// registersOf is the register file of a multiprocessor, in 32-bit registers; a warp is given them in units of 256.
const registersOf, warp, unit = 65536, 32, 256

// warps is how many warps of a kernel fit into the registers of a multiprocessor, in whole blocks and at most 64.
func (k kernel) warps() int {
	if k.threads == 0 || k.registers == 0 {
		return 0
	}
	each := (k.registers*warp + unit - 1) / unit * unit
	block := (k.threads + warp - 1) / warp
	return min(registersOf/each/block*block, 64/block*block)
}

func write(to io.Writer, compiler, arch string, all []kernel) {
	fmt.Fprintf(to, `What %s makes of kernels/src for %s (scripts/sass.sh).

threads, registers, stack and spills (bytes stored + loaded) of a thread; warps: that the registers of a multiprocessor hold (shared
memory may hold fewer); code: instructions; loop: those of the loop in which most multiply-adds run, without the loops in it (all:
there is none). Shares of the loop in %%: fma (FFMA, DFMA), float (other additions and products), mufu (special functions), shared and
global memory, local (spills and indexed arrays), rest (integers, control, moves, shuffles).

`, compiler, arch)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kernel\tthreads\tregisters\twarps\tstack\tspills\tcode\tloop\tfma\tfloat\tmufu\tshared\tglobal\tlocal\trest\t")
	for _, k := range all {
		loop := fmt.Sprint(k.mix.n)
		if k.mix.whole {
			loop = "all"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d+%d\t%d\t%s\t", k.name, k.threads, k.registers, k.warps(), k.stack, k.stores, k.loads, k.code, loop)
		for c := class(0); c < classes; c++ {
			fmt.Fprintf(w, "%.1f\t", 100*float64(k.mix.of[c])/float64(max(k.mix.n, 1)))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

func spilled(all []kernel) error {
	var bad []string
	for _, k := range all {
		if specialised.MatchString(k.name) && k.stores+k.loads > 0 {
			bad = append(bad, k.name)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d specialised kernels spill: %s", len(bad), strings.Join(bad, ", "))
	}
	return nil
}
