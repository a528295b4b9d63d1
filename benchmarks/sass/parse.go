package main

import (
	"regexp"
	"strconv"
	"strings"
)

// kernel is what is known of one kernel for one kind of card.
type kernel struct {
	name string
	resources
	threads int // most threads of a block, from the launch bounds
	code    int // instructions
	mix     mix // of the hottest loop
}

// resources are the words of ptxas, a thread.
type resources struct{ registers, stack, stores, loads int }

// instruction is one line of the disassembly.
type instruction struct {
	address int
	op      string // with its suffixes: FFMA, LDS.128
	guarded bool   // runs only under a predicate
	target  int    // of a branch, else -1
	sure    bool   // a branch that is always taken
}

var (
	functionLine    = regexp.MustCompile(`^\s*Function : (\S+)`)
	instructionLine = regexp.MustCompile(`^\s*/\*([0-9a-f]{4,})\*/\s+(?:\{\s*)?(@!?U?P\S+\s+)?([A-Z][A-Z0-9_.]*)\s*([^;]*);`)
	hexadecimal     = regexp.MustCompile(`^\s*0x([0-9a-f]+)\s*$`)
)

// parse splits the output of cuobjdump -sass into kernels, and looks for the hottest loop of each.
func parse(sass string) (kernels []kernel) {
	var body []instruction
	finish := func() {
		if n := len(kernels); n > 0 {
			for len(body) > 0 && body[len(body)-1].op == "NOP" { // filling
				body = body[:len(body)-1]
			}
			kernels[n-1].code, kernels[n-1].mix = len(body), hottest(body)
		}
		body = nil
	}
	for _, line := range strings.Split(sass, "\n") {
		// The plain search first: there are millions of lines.
		if strings.Contains(line, "Function :") {
			if m := functionLine.FindStringSubmatch(line); m != nil {
				finish()
				kernels = append(kernels, kernel{name: m[1]})
			}
		} else if !strings.Contains(line, ";") {
			continue
		} else if m := instructionLine.FindStringSubmatch(line); m != nil {
			body = append(body, newInstruction(m[1], m[2], m[3], m[4]))
		}
	}
	finish()
	return kernels
}

func newInstruction(address, guard, op, operands string) instruction {
	at, _ := strconv.ParseInt(address, 16, 64) // the expression takes only such numbers
	i := instruction{address: int(at), op: op, guarded: guard != "", target: -1}
	if base, _, _ := strings.Cut(op, "."); base != "BRA" {
		return i
	}
	parts := strings.Split(operands, ",")
	if m := hexadecimal.FindStringSubmatch(parts[len(parts)-1]); m != nil {
		to, _ := strconv.ParseInt(m[1], 16, 64)
		i.target, i.sure = int(to), guard == "" && len(parts) == 1
	}
	return i
}

var (
	logKernel    = regexp.MustCompile(`Compiling entry function '([^']+)' for '([^']+)'`)
	logSpills    = regexp.MustCompile(`(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads`)
	logRegisters = regexp.MustCompile(`Used (\d+) registers`)
)

// parseLog reads what nvcc -Xptxas -v wrote.
func parseLog(log, arch string) map[string]resources {
	all, name := map[string]resources{}, ""
	for _, line := range strings.Split(log, "\n") {
		if m := logKernel.FindStringSubmatch(line); m != nil {
			if name = ""; m[2] == arch {
				name = m[1]
			}
			continue
		}
		if name == "" {
			continue
		}
		r := all[name]
		if m := logSpills.FindStringSubmatch(line); m != nil {
			r.stack, r.stores, r.loads = number(m[1]), number(m[2]), number(m[3])
		} else if m := logRegisters.FindStringSubmatch(line); m != nil {
			r.registers = number(m[1])
		}
		all[name] = r
	}
	return all
}

var (
	infoSection = regexp.MustCompile(`^\s*\.nv\.info\.(\S+)`)
	threadsLine = regexp.MustCompile(`Value:\s+0x([0-9a-f]+) 0x[0-9a-f]+ 0x[0-9a-f]+`)
)

// parseThreads finds the launch bounds in the output of cuobjdump -elf.
func parseThreads(elf string) map[string]int {
	threads, name, next := map[string]int{}, "", false
	for _, line := range strings.Split(elf, "\n") {
		if strings.Contains(line, ".nv.info.") {
			if m := infoSection.FindStringSubmatch(line); m != nil {
				name, next = m[1], false
			}
		} else if strings.Contains(line, "EIATTR_MAX_THREADS") {
			next = name != ""
		} else if !next {
			continue
		} else if m := threadsLine.FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseInt(m[1], 16, 64)
			threads[name], next = int(n), false
		}
	}
	return threads
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // the expressions take only digits
	return n
}
