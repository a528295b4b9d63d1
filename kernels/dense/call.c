// Arguments by value to arguments by address.
#include "dense.h"

void fb_gemm(const fb_blas *b, char ta, char tb, int m, int n, int k, double alpha, const double *A, int lda, const double *B,
	int ldb, double beta, double *C, int ldc) {
	b->dgemm(&ta, &tb, &m, &n, &k, &alpha, A, &lda, B, &ldb, &beta, C, &ldc, 1, 1);
}

void fb_syrk(const fb_blas *b, char tri, char op, int n, int k, double alpha, const double *A, int lda, double beta, double *C,
	int ldc) {
	b->dsyrk(&tri, &op, &n, &k, &alpha, A, &lda, &beta, C, &ldc, 1, 1);
}

void fb_trsm(const fb_blas *b, char side, char tri, char op, int m, int n, double alpha, const double *T, int ldt, double *B,
	int ldb) {
	b->dtrsm(&side, &tri, &op, "N", &m, &n, &alpha, T, &ldt, B, &ldb, 1, 1, 1, 1);
}

void fb_trmm(const fb_blas *b, char side, char tri, char op, int m, int n, double alpha, const double *T, int ldt, double *B,
	int ldb) {
	b->dtrmm(&side, &tri, &op, "N", &m, &n, &alpha, T, &ldt, B, &ldb, 1, 1, 1, 1);
}

void fb_gemv(const fb_blas *b, char op, int m, int n, double alpha, const double *A, int lda, const double *x, double beta,
	double *y) {
	int one = 1;
	b->dgemv(&op, &m, &n, &alpha, A, &lda, x, &one, &beta, y, &one, 1);
}

void fb_trsv(const fb_blas *b, char tri, char op, int n, const double *T, int ldt, double *x) {
	int one = 1;
	b->dtrsv(&tri, &op, "N", &n, T, &ldt, x, &one, 1, 1, 1);
}

int fb_potrf(const fb_blas *b, char tri, int n, double *A, int lda) {
	int info = 0;
	b->dpotrf(&tri, &n, A, &lda, &info, 1);
	return info;
}

int fb_geqrt(const fb_blas *b, int m, int n, int nb, double *A, int lda, double *T, int ldt, double *work) {
	int info = 0;
	b->dgeqrt(&m, &n, &nb, A, &lda, T, &ldt, work, &info);
	return info;
}

int fb_gemqrt(const fb_blas *b, char side, char op, int m, int n, int k, int nb, const double *A, int lda, const double *T, int ldt,
	double *C, int ldc, double *work) {
	int info = 0;
	b->dgemqrt(&side, &op, &m, &n, &k, &nb, A, &lda, T, &ldt, C, &ldc, work, &info, 1, 1);
	return info;
}

int fb_gesdd(const fb_blas *b, char job, int m, int n, double *A, int lda, double *s, double *U, int ldu, double *VT, int ldvt,
	double *work, int nwork, int *iwork) {
	int info = 0;
	b->dgesdd(&job, &m, &n, A, &lda, s, U, &ldu, VT, &ldvt, work, &nwork, iwork, &info, 1);
	return info;
}

int fb_gesvd(const fb_blas *b, char job, int m, int n, double *A, int lda, double *s, double *U, int ldu, double *VT, int ldvt,
	double *work, int nwork) {
	int info = 0;
	b->dgesvd(&job, &job, &m, &n, A, &lda, s, U, &ldu, VT, &ldvt, work, &nwork, &info, 1, 1);
	return info;
}

int fb_syevd(const fb_blas *b, char job, char tri, int n, double *A, int lda, double *w, double *work, int nwork, int *iwork,
	int niwork) {
	int info = 0;
	b->dsyevd(&job, &tri, &n, A, &lda, w, work, &nwork, iwork, &niwork, &info, 1, 1);
	return info;
}

int fb_sygvd(const fb_blas *b, char job, char tri, int n, double *A, int lda, double *B, int ldb, double *w, double *work,
	int nwork, int *iwork, int niwork) {
	int type = 1, info = 0;
	b->dsygvd(&type, &job, &tri, &n, A, &lda, B, &ldb, w, work, &nwork, iwork, &niwork, &info, 1, 1);
	return info;
}
