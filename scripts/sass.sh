#!/usr/bin/env bash
# Writes what the compiler made of every kernel to benchmarks/results/sass-ARCH.txt: registers, spills, shares of instructions in
# the hottest loop. Fails if a kernel that is written for speed spills. Needs the toolkit, but no card.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/cuda.sh
nvcc=$(sed -n 's|^\(/[^ ]*\)/nvcc .*|\1|p' kernels/device/fatbin/.how)
status=0
for arch in sm_80 sm_90; do
  file=benchmarks/results/sass-$arch.txt
  go run ./benchmarks/sass -arch $arch -cuobjdump "$nvcc/cuobjdump" kernels/device/fatbin >"$file.tmp" || status=1
  [ -s "$file.tmp" ] || { rm -f "$file.tmp"; exit 1; }
  mv "$file.tmp" "$file"
  echo "sass: $file"
done
exit $status
