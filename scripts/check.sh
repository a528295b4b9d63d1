#!/usr/bin/env bash
# Formatting, static analysis and the rules that keep imports one-way.
set -euo pipefail
fail() { echo "check: $*" >&2; exit 1; }

unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || fail "gofmt would change: $unformatted"
go vet ./...
compgen -G 'io/*.go' >/dev/null && fail "Go files belong below io/, not in it"

# Who may use cgo, and who may import the bindings.
outside=$(grep -rlE '^import "C"|^	"C"' --include=*.go . | grep -vE '^\./(mpi|kernels/(cpu|dense|device|emu/engine)|io/h5)/' || true)
[ -z "$outside" ] || fail "cgo outside mpi, kernels/{cpu,dense,device,emu/engine} and io/h5: $outside"
outside=$(grep -rl 'sbromberger/gompi' --include=*.go . | grep -vE '^\./mpi/' || true)
[ -z "$outside" ] || fail "gompi imported outside mpi: $outside"
outside=$(grep -rl '"gorgonia.org/cu' --include=*.go . | grep -vE '^\./kernels/device/' || true)
[ -z "$outside" ] || fail "cu imported outside kernels/device: $outside"
outside=$(grep -rl 'gonum.org/v1/hdf5' --include=*.go . | grep -vE '^\./io/h5/' || true)
[ -z "$outside" ] || fail "hdf5 imported outside io/h5: $outside"

# Imports go one way: cmd -> solver -> parts; kernels and mpi know nobody; io knows at most the decomposition.
imports() { go list -f '{{.ImportPath}}: {{join .Imports " "}}' "$1"; }
imports ./kernels | grep -E 'fbpinn-mpi/(solver|io|mpi|cmd)' && fail "kernels must not import the method"
imports ./mpi | grep -E 'fbpinn-mpi/(solver|io|cmd)' && fail "mpi must not import the method"
imports ./io/... | grep -E ': .*fbpinn-mpi/(solver/(model|exchange|optim|problem|expr|reference)|solver |mpi|kernels|cmd)' && fail "io must not import the method"
imports ./solver/... | grep -E 'fbpinn-mpi/(io|cmd)' && fail "the solver must not import io"

# "A step in six files" of the README stays true.
while read -r f; do [ -f "$f" ] || fail "README names $f, which is not there"; done < <(grep -oE '\]\(((cmd|solver|kernels)/[a-z/_-]+\.go)\)' README.md | tr -d '()]')
exit 0
