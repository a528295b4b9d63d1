#!/usr/bin/env bash
# Prints the OpenBLAS that kernels/dense loads; fails where there is none that several threads may call.
set -euo pipefail

[ -z "${FBPINN_BLAS:-}" ] || exec readlink -e "$FBPINN_BLAS"
candidates() {
  local dir file
  for file in libopenblasp.so.0 libopenblas.so.0; do
    while read -r -d : dir; do [ -z "$dir" ] || echo "$dir/$file"; done <<<"${LD_LIBRARY_PATH:-}:"
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | sed -n "s/^\s*${file//./\\.} .*=> //p"
  done
}
while read -r file; do
  real=$(readlink -e "$file") || continue
  beside=$(dirname "$real")/../openblas-pthread/libopenblas.so.0
  case $real in
    # Debian's build for one thread, with that for many beside it if it is installed.
    */openblas-serial/*) [ ! -e "$beside" ] || exec readlink -e "$beside" ;;
    *) exec echo "$real" ;;
  esac
done < <(candidates)
exit 1
