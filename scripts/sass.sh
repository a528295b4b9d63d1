#!/usr/bin/env bash
# Writes what the compiler made of every kernel to benchmarks/results/sass-ARCH-nvccVERSION.txt: registers, spills, shares of
# instructions in the hottest loop. Fails if a kernel that is written for speed spills. Needs the toolkit with its disassembler,
# but no card. CUDA_HOME chooses the compiler, as in scripts/cuda.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/cuda.sh
how=kernels/device/fatbin/.how
nvcc=$(sed -n 's|^\(/[^ ]*\)/nvcc .*|\1|p' $how)
version=$(sed -n 's|.* cuda_\([0-9]*\.[0-9]*\)\..*|\1|p' $how)
export PATH="$nvcc:$PATH" # cuobjdump takes the first nvdisasm, and only that of its own version understands it
status=0
for arch in sm_80 sm_90; do
  file=benchmarks/results/sass-$arch-nvcc$version.txt
  go run ./benchmarks/sass -arch $arch -compiler "nvcc $version" -cuobjdump "$nvcc/cuobjdump" kernels/device/fatbin >"$file.tmp" || status=1
  [ -s "$file.tmp" ] || { rm -f "$file.tmp"; exit 1; }
  mv "$file.tmp" "$file"
  echo "sass: $file"
done
exit $status
