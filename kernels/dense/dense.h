// Entry points of a BLAS and LAPACK that is loaded at run time, as a table of functions. Fortran's calling sequence: everything
// by address, 32-bit integers, and the length of every character argument at the end.
#pragma once
#include <stddef.h>

typedef struct fb_blas {
	void *handle;
	void (*dgemm)(const char *, const char *, const int *, const int *, const int *, const double *, const double *, const int *,
		const double *, const int *, const double *, double *, const int *, size_t, size_t);
	void (*dsyrk)(const char *, const char *, const int *, const int *, const double *, const double *, const int *,
		const double *, double *, const int *, size_t, size_t);
	void (*dtrsm)(const char *, const char *, const char *, const char *, const int *, const int *, const double *,
		const double *, const int *, double *, const int *, size_t, size_t, size_t, size_t);
	void (*dtrmm)(const char *, const char *, const char *, const char *, const int *, const int *, const double *,
		const double *, const int *, double *, const int *, size_t, size_t, size_t, size_t);
	void (*dgemv)(const char *, const int *, const int *, const double *, const double *, const int *, const double *,
		const int *, const double *, double *, const int *, size_t);
	void (*dtrsv)(const char *, const char *, const char *, const int *, const double *, const int *, double *, const int *,
		size_t, size_t, size_t);
	void (*dpotrf)(const char *, const int *, double *, const int *, int *, size_t);
	void (*dgeqrt)(const int *, const int *, const int *, double *, const int *, double *, const int *, double *, int *);
	void (*dgemqrt)(const char *, const char *, const int *, const int *, const int *, const int *, const double *, const int *,
		const double *, const int *, double *, const int *, double *, int *, size_t, size_t);
	void (*dgesdd)(const char *, const int *, const int *, double *, const int *, double *, double *, const int *, double *,
		const int *, double *, const int *, int *, int *, size_t);
	void (*dgesvd)(const char *, const char *, const int *, const int *, double *, const int *, double *, double *, const int *,
		double *, const int *, double *, const int *, int *, size_t, size_t);
	void (*dsyevd)(const char *, const char *, const int *, double *, const int *, double *, double *, const int *, int *,
		const int *, int *, size_t, size_t);
	void (*dsygvd)(const int *, const char *, const char *, const int *, double *, const int *, double *, const int *, double *,
		double *, const int *, int *, const int *, int *, size_t, size_t);
	// Those of OpenBLAS; 0 in another library.
	char *(*config)(void);
	char *(*core)(void);
	int (*parallel)(void); // 0 serial, 1 POSIX threads, 2 OpenMP
	void (*threads)(int);
} fb_blas;

// fb_blas_open loads the library at path (a name is searched as the loader does) and fills the table. Returns 0, or a text
// that says what is wrong; the table is then empty. Sets OPENBLAS_CORETYPE and loads again where the library chose a kernel
// for a lesser processor than this one. Not to be called while another thread reads the environment.
const char *fb_blas_open(fb_blas *b, const char *path);
void fb_blas_close(fb_blas *b);
// fb_blas_file is the file that the library came from.
const char *fb_blas_file(const fb_blas *b);

// The calls, arguments by value; LAPACK's return info.
void fb_gemm(const fb_blas *b, char ta, char tb, int m, int n, int k, double alpha, const double *A, int lda, const double *B,
	int ldb, double beta, double *C, int ldc);
void fb_syrk(const fb_blas *b, char tri, char op, int n, int k, double alpha, const double *A, int lda, double beta, double *C,
	int ldc);
void fb_trsm(const fb_blas *b, char side, char tri, char op, int m, int n, double alpha, const double *T, int ldt, double *B,
	int ldb);
void fb_trmm(const fb_blas *b, char side, char tri, char op, int m, int n, double alpha, const double *T, int ldt, double *B,
	int ldb);
void fb_gemv(const fb_blas *b, char op, int m, int n, double alpha, const double *A, int lda, const double *x, double beta,
	double *y);
void fb_trsv(const fb_blas *b, char tri, char op, int n, const double *T, int ldt, double *x);
int fb_potrf(const fb_blas *b, char tri, int n, double *A, int lda);
int fb_geqrt(const fb_blas *b, int m, int n, int nb, double *A, int lda, double *T, int ldt, double *work);
int fb_gemqrt(const fb_blas *b, char side, char op, int m, int n, int k, int nb, const double *A, int lda, const double *T, int ldt,
	double *C, int ldc, double *work);
int fb_gesdd(const fb_blas *b, char job, int m, int n, double *A, int lda, double *s, double *U, int ldu, double *VT, int ldvt,
	double *work, int nwork, int *iwork);
int fb_gesvd(const fb_blas *b, char job, int m, int n, double *A, int lda, double *s, double *U, int ldu, double *VT, int ldvt,
	double *work, int nwork);
int fb_syevd(const fb_blas *b, char job, char tri, int n, double *A, int lda, double *w, double *work, int nwork, int *iwork,
	int niwork);
int fb_sygvd(const fb_blas *b, char job, char tri, int n, double *A, int lda, double *B, int ldb, double *w, double *work,
	int nwork, int *iwork, int niwork);

// What OpenBLAS says of itself; empty, and -1, in another library.
const char *fb_blas_config(const fb_blas *b);
const char *fb_blas_core(const fb_blas *b);
int fb_blas_parallel(const fb_blas *b);
// fb_better_core is the choice that fb_blas_open makes, for tests.
const char *fb_better_core(const char *chosen);
