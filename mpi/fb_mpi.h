// What gompi lacks, in C: non-blocking messages, float32, sums in place, local rank, and return codes that reach Go.
// All functions return an MPI error code (0 = success) or FB_MPI_SHORT. Names begin with fb_mpi_ because gompi defines
// global C symbols too.
#ifndef FB_MPI_H
#define FB_MPI_H

#include <mpi.h>
#include <stdint.h>

enum { FB_MPI_FLOAT32, FB_MPI_FLOAT64, FB_MPI_INT32, FB_MPI_INT64, FB_MPI_BYTE };
enum { FB_MPI_SUM, FB_MPI_MAX, FB_MPI_MIN };

// A message that arrived but was shorter than the buffer: legal for MPI, always a fault for us.
enum { FB_MPI_SHORT = -1 };

// One operation under way. A zeroed one is idle; it is reused without allocation.
typedef struct {
	int64_t handle; // room for an MPI_Request: Go need not know that it may be a pointer
	int64_t n;   // elements expected
	int64_t got; // elements that came, once finished (receives only)
	int type, peer, tag;
	int receive; // 1 receive, 0 send, -1 collective
	int pending;
	int code; // outcome, once no longer pending
} fb_mpi_request;

// Outcome of waiting for several: code and the index of the request that failed.
typedef struct {
	int code, failed;
} fb_mpi_outcome;

int fb_mpi_init(int *provided); // MPI_Init_thread, FUNNELED
int fb_mpi_initialized(void);
int fb_mpi_finalize(MPI_Comm *c); // frees c first
int fb_mpi_world(MPI_Comm *out);
int fb_mpi_alone(MPI_Comm *out);  // duplicate of MPI_COMM_WORLD with ERRORS_RETURN
int fb_mpi_node(MPI_Comm c, int *rank, int *size);
int fb_mpi_tag_ub(MPI_Comm c, int *ub);
int fb_mpi_host(char *text, int *len); // room for FB_MPI_TEXT
int fb_mpi_library(char *text, int *len);
int fb_mpi_takes_device_memory(void); // 1 if the library says that it does
int fb_mpi_error_string(int code, char *text, int *len);
enum { FB_MPI_TEXT = MPI_MAX_LIBRARY_VERSION_STRING + MPI_MAX_ERROR_STRING + MPI_MAX_PROCESSOR_NAME };

// Version of Open MPI whose headers this was compiled with; 0 for another MPI.
int fb_mpi_header_major(void);
int fb_mpi_header_minor(void);

// Buffers are char *, because for void * cgo would search the Go object around them for pointers at every call.
int fb_mpi_isend(const char *p, int64_t n, int type, int to, int tag, MPI_Comm c, fb_mpi_request *r);
int fb_mpi_irecv(char *p, int64_t n, int type, int from, int tag, MPI_Comm c, fb_mpi_request *r);
int fb_mpi_iallreduce(char *p, int64_t n, int type, int op, MPI_Comm c, fb_mpi_request *r);
int fb_mpi_wait(fb_mpi_request *r);
fb_mpi_outcome fb_mpi_wait_each(int n, fb_mpi_request *r);
void fb_mpi_progress(int n, fb_mpi_request *r);

int fb_mpi_send(const char *p, int64_t n, int type, int to, int tag, MPI_Comm c);
int fb_mpi_recv(char *p, int64_t n, int type, int from, int tag, MPI_Comm c);
int fb_mpi_allreduce(char *p, int64_t n, int type, int op, MPI_Comm c);
int fb_mpi_bcast(char *p, int64_t n, int type, int root, MPI_Comm c);
int fb_mpi_gatherv(const char *s, int64_t n, char *r, const int *counts, const int *displs, int type, int root,
                   MPI_Comm c);
int fb_mpi_allgatherv(const char *s, int64_t n, char *r, const int *counts, const int *displs, int type, MPI_Comm c);
int fb_mpi_alltoall(const char *s, char *r, int64_t each, int type, MPI_Comm c);

#endif
