// What gonum/hdf5 lacks: checked creation, writing and reading. All functions return a negative number on failure; the
// library's own account of it is then read by fbh5_error, on the same thread and before the next HDF5 call.
#ifndef FBH5_H
#define FBH5_H

#include <stdint.h>

enum { FBH5_F32 = 0, FBH5_F64 = 1, FBH5_I32 = 2, FBH5_I64 = 3, FBH5_U64 = 4, FBH5_U8 = 5 };
enum { FBH5_OTHER = 0, FBH5_FLOAT = 1, FBH5_SIGNED = 2, FBH5_UNSIGNED = 3, FBH5_STRING = 4 };

void    fbh5_quiet(void);                 // per thread: no HDF5-DIAG trace on stderr, empty error stack

// A file being created lives in memory. fbh5_finish closes it and hands out its bytes, to be freed with fbh5_free.
typedef struct fbh5_memory fbh5_memory;
int64_t fbh5_create(const char *path, fbh5_memory **m); // EXCL, CLOSE_STRONG, creation order, V110 bounds
int     fbh5_finish(int64_t f, fbh5_memory *m, void **bytes, int64_t *n);

int     fbh5_group(int64_t f, const char *name);
int     fbh5_link(int64_t f, const char *from, const char *to); // hard link

// chunk NULL: contiguous. level 0..9: shuffle + deflate (if level > 0) + fletcher32. -2: n is not the extent.
int fbh5_write(int64_t f, const char *name, int type, int rank, const uint64_t *dims, const uint64_t *chunk, int level,
               const void *v, int64_t n);
int fbh5_read(int64_t f, const char *name, int type, void *v, int64_t n); // -2: n is not the extent
int fbh5_kind(int64_t f, const char *name, int *kind, int *bytes, int64_t *n);

int fbh5_scale(int64_t f, const char *name, const char *label);
int fbh5_attach(int64_t f, const char *var, const char *scale, int axis);

int fbh5_attr_str(int64_t f, const char *obj, const char *name, const char *utf8);
int fbh5_attr_ascii(int64_t f, const char *obj, const char *name, const char *ascii); // fixed length, as VTKHDF wants
int fbh5_attr_num(int64_t f, const char *obj, const char *name, int type, const void *v, int n); // n 0: scalar
int fbh5_attr_count(int64_t f, const char *obj);
int fbh5_attr_at(int64_t f, const char *obj, int i, char *name, int size, int *kind, int *bytes, int *n); // n 0: scalar
int fbh5_attr_read(int64_t f, const char *obj, const char *name, int type, void *v, int n);
int fbh5_attr_text(int64_t f, const char *obj, const char *name, char **text); // free with fbh5_free

int64_t fbh5_open_objects(int64_t f);     // 1 when only the file itself is open
void    fbh5_let_go(int64_t f);           // closes all but the file: what a failed call left open would keep it open
void    fbh5_free(void *p);
int     fbh5_error(char *text, int n);

#endif
