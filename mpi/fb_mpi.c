#include "fb_mpi.h"

#include <limits.h>
#include <string.h>
#if defined(OPEN_MPI)
#include <mpi-ext.h>
#endif

static MPI_Datatype datatype(int type)
{
	switch (type) {
	case FB_MPI_FLOAT32: return MPI_FLOAT;
	case FB_MPI_FLOAT64: return MPI_DOUBLE;
	case FB_MPI_INT32: return MPI_INT32_T;
	case FB_MPI_INT64: return MPI_INT64_T;
	case FB_MPI_BYTE: return MPI_BYTE;
	}
	return MPI_DATATYPE_NULL;
}

static MPI_Op operation(int op)
{
	switch (op) {
	case FB_MPI_SUM: return MPI_SUM;
	case FB_MPI_MAX: return MPI_MAX;
	case FB_MPI_MIN: return MPI_MIN;
	}
	return MPI_OP_NULL;
}

// MPI counts are int: a wrapped count would move the wrong stretch of memory without a word.
static int too_long(int64_t n) { return n < 0 || n > INT_MAX; }

int fb_mpi_init(int *provided) { return MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, provided); }

int fb_mpi_initialized(void)
{
	int flag = 0;
	MPI_Initialized(&flag);
	return flag;
}

int fb_mpi_finalize(MPI_Comm *c)
{
	int code = MPI_Comm_free(c);
	int last = MPI_Finalize();
	return code ? code : last;
}

// gompi runs on MPI_COMM_WORLD and drops return codes, so its failures must stay fatal there. Ours run on a duplicate.
int fb_mpi_world(MPI_Comm *out)
{
	int code = MPI_Comm_dup(MPI_COMM_WORLD, out);
	if (code) return code;
	return MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN);
}

int fb_mpi_alone(MPI_Comm *out)
{
	int code = MPI_Comm_dup(MPI_COMM_SELF, out);
	if (code) return code;
	return MPI_Comm_set_errhandler(*out, MPI_ERRORS_RETURN);
}

int fb_mpi_node(MPI_Comm c, int *rank, int *size)
{
	MPI_Comm node;
	int code = MPI_Comm_split_type(c, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
	if (code) return code;
	if ((code = MPI_Comm_rank(node, rank))) return code;
	if ((code = MPI_Comm_size(node, size))) return code;
	return MPI_Comm_free(&node);
}

int fb_mpi_tag_ub(MPI_Comm c, int *ub)
{
	int *value = NULL, found = 0; // the attribute is a pointer to the number
	int code = MPI_Comm_get_attr(c, MPI_TAG_UB, &value, &found);
	*ub = found && value ? *value : 32767; // what the standard guarantees
	return code;
}

int fb_mpi_host(char *text, int *len) { return MPI_Get_processor_name(text, len); }
// Open MPI tells in an extension; others are not asked, and messages go through host memory.
int fb_mpi_takes_device_memory(void)
{
#if defined(MPIX_CUDA_AWARE_SUPPORT)
	return MPIX_Query_cuda_support();
#else
	return 0;
#endif
}

int fb_mpi_library(char *text, int *len) { return MPI_Get_library_version(text, len); }
int fb_mpi_error_string(int code, char *text, int *len) { return MPI_Error_string(code, text, len); }

#ifdef OMPI_MAJOR_VERSION
int fb_mpi_header_major(void) { return OMPI_MAJOR_VERSION; }
int fb_mpi_header_minor(void) { return OMPI_MINOR_VERSION; }
#else
int fb_mpi_header_major(void) { return 0; }
int fb_mpi_header_minor(void) { return 0; }
#endif

_Static_assert(sizeof(MPI_Request) <= sizeof(int64_t), "an MPI_Request does not fit");

static MPI_Request *handle(fb_mpi_request *r) { return (MPI_Request *)&r->handle; }

static void begin(fb_mpi_request *r, int64_t n, int type, int peer, int tag, int receive)
{
	r->n = n;
	r->got = 0;
	r->type = type;
	r->peer = peer;
	r->tag = tag;
	r->receive = receive;
	r->pending = 1;
	r->code = MPI_SUCCESS;
}

static int started(fb_mpi_request *r, int code)
{
	if (code) r->pending = 0;
	return r->code = code;
}

int fb_mpi_isend(const char *p, int64_t n, int type, int to, int tag, MPI_Comm c, fb_mpi_request *r)
{
	begin(r, n, type, to, tag, 0);
	if (too_long(n)) return started(r, MPI_ERR_COUNT);
	return started(r, MPI_Isend(p, (int)n, datatype(type), to, tag, c, handle(r)));
}

int fb_mpi_irecv(char *p, int64_t n, int type, int from, int tag, MPI_Comm c, fb_mpi_request *r)
{
	begin(r, n, type, from, tag, 1);
	if (too_long(n)) return started(r, MPI_ERR_COUNT);
	return started(r, MPI_Irecv(p, (int)n, datatype(type), from, tag, c, handle(r)));
}

int fb_mpi_iallreduce(char *p, int64_t n, int type, int op, MPI_Comm c, fb_mpi_request *r)
{
	begin(r, n, type, -1, -1, -1);
	if (too_long(n)) return started(r, MPI_ERR_COUNT);
	return started(r, MPI_Iallreduce(MPI_IN_PLACE, p, (int)n, datatype(type), operation(op), c, handle(r)));
}

static int finish(fb_mpi_request *r, int code, MPI_Status *s)
{
	r->pending = 0;
	if (code == MPI_SUCCESS && r->receive == 1) {
		int got = 0;
		code = MPI_Get_count(s, datatype(r->type), &got);
		r->got = got;
		if (code == MPI_SUCCESS && got != r->n) code = FB_MPI_SHORT;
	}
	return r->code = code;
}

int fb_mpi_wait(fb_mpi_request *r)
{
	MPI_Status s;
	if (!r->pending) return r->code;
	int code = MPI_Wait(handle(r), &s);
	return finish(r, code, &s);
}

// One MPI_Wait each: MPI_Waitall hangs on Open MPI 4.1 when a receive is truncated under ERRORS_RETURN.
fb_mpi_outcome fb_mpi_wait_each(int n, fb_mpi_request *r)
{
	fb_mpi_outcome o = {MPI_SUCCESS, -1};
	for (int i = 0; i < n; i++) {
		int code = fb_mpi_wait(&r[i]);
		if (code) {
			o.code = code;
			o.failed = i;
			return o;
		}
	}
	return o;
}

// The first request that is not finished has driven the library's progress engine for all of them, so the loop ends there.
// Codes are kept for the wait that follows.
void fb_mpi_progress(int n, fb_mpi_request *r)
{
	for (int i = 0; i < n; i++) {
		MPI_Status s;
		int done = 0;
		if (!r[i].pending) continue;
		int code = MPI_Test(handle(&r[i]), &done, &s);
		if (code || done) {
			finish(&r[i], code, &s);
			continue;
		}
		return;
	}
}

int fb_mpi_send(const char *p, int64_t n, int type, int to, int tag, MPI_Comm c)
{
	if (too_long(n)) return MPI_ERR_COUNT;
	return MPI_Send(p, (int)n, datatype(type), to, tag, c);
}

int fb_mpi_recv(char *p, int64_t n, int type, int from, int tag, MPI_Comm c)
{
	MPI_Status s;
	int got = 0;
	if (too_long(n)) return MPI_ERR_COUNT;
	int code = MPI_Recv(p, (int)n, datatype(type), from, tag, c, &s);
	if (code) return code;
	code = MPI_Get_count(&s, datatype(type), &got);
	if (code) return code;
	return got == n ? MPI_SUCCESS : FB_MPI_SHORT;
}

int fb_mpi_allreduce(char *p, int64_t n, int type, int op, MPI_Comm c)
{
	if (too_long(n)) return MPI_ERR_COUNT;
	return MPI_Allreduce(MPI_IN_PLACE, p, (int)n, datatype(type), operation(op), c);
}

int fb_mpi_bcast(char *p, int64_t n, int type, int root, MPI_Comm c)
{
	if (too_long(n)) return MPI_ERR_COUNT;
	return MPI_Bcast(p, (int)n, datatype(type), root, c);
}

int fb_mpi_gatherv(const char *s, int64_t n, char *r, const int *counts, const int *displs, int type, int root, MPI_Comm c)
{
	if (too_long(n)) return MPI_ERR_COUNT;
	return MPI_Gatherv(s, (int)n, datatype(type), r, counts, displs, datatype(type), root, c);
}

int fb_mpi_allgatherv(const char *s, int64_t n, char *r, const int *counts, const int *displs, int type, MPI_Comm c)
{
	if (too_long(n)) return MPI_ERR_COUNT;
	return MPI_Allgatherv(s, (int)n, datatype(type), r, counts, displs, datatype(type), c);
}

int fb_mpi_alltoall(const char *s, char *r, int64_t each, int type, MPI_Comm c)
{
	if (too_long(each)) return MPI_ERR_COUNT;
	return MPI_Alltoall(s, (int)each, datatype(type), r, (int)each, datatype(type), c);
}
