#include "fbh5.h"

#include <hdf5.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hid_t native(int type) {
    switch (type) {
    case FBH5_F32: return H5T_NATIVE_FLOAT;
    case FBH5_F64: return H5T_NATIVE_DOUBLE;
    case FBH5_I32: return H5T_NATIVE_INT32;
    case FBH5_I64: return H5T_NATIVE_INT64;
    case FBH5_U64: return H5T_NATIVE_UINT64;
    case FBH5_U8: return H5T_NATIVE_UINT8;
    }
    return -1;
}

static int kind_of(hid_t t) {
    switch (H5Tget_class(t)) {
    case H5T_FLOAT: return FBH5_FLOAT;
    case H5T_INTEGER: return H5Tget_sign(t) == H5T_SGN_NONE ? FBH5_UNSIGNED : FBH5_SIGNED;
    case H5T_STRING: return FBH5_STRING;
    default: return FBH5_OTHER;
    }
}

void fbh5_quiet(void) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5Eclear2(H5E_DEFAULT);
}

// The core driver keeps a file in memory. Its last call of image_free, with the file closed and the superblock final, is the
// only moment at which the bytes are right: H5Fget_file_image of HDF5 1.10 clears the superblock's "open for writing" flag
// without renewing the checksum. So the free is answered by keeping the memory.
struct fbh5_memory {
    void *bytes;
};

static void *image_malloc(size_t n, H5FD_file_image_op_t op, void *m) {
    (void)op, (void)m;
    return malloc(n);
}

static void *image_realloc(void *p, size_t n, H5FD_file_image_op_t op, void *m) {
    (void)op, (void)m;
    return realloc(p, n);
}

static herr_t image_free(void *p, H5FD_file_image_op_t op, void *m) {
    if (op == H5FD_FILE_IMAGE_OP_FILE_CLOSE)
        ((fbh5_memory *)m)->bytes = p;
    else
        free(p);
    return 0;
}

// Property lists are copied and closed at will; all copies share the one place.
static void  *share(void *m) { return m; }
static herr_t unshare(void *m) { (void)m; return 0; }

int64_t fbh5_create(const char *path, fbh5_memory **m) {
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    const size_t increment = (size_t)1 << 20;
    fbh5_memory *memory = calloc(1, sizeof *memory);
    H5FD_file_image_callbacks_t callbacks = {image_malloc, NULL, image_realloc, image_free, share, unshare, memory};
    hid_t fcpl = H5Pcreate(H5P_FILE_CREATE), fapl = H5Pcreate(H5P_FILE_ACCESS);
    hid_t f = -1;
    // netCDF readers list variables in creation order and want it tracked. The V110 lower bound puts checksums on metadata.
    if (memory && fcpl >= 0 && fapl >= 0 && H5Pset_link_creation_order(fcpl, order) >= 0 &&
        H5Pset_attr_creation_order(fcpl, order) >= 0 && H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG) >= 0 &&
        H5Pset_fapl_core(fapl, increment, 0) >= 0 && H5Pset_file_image_callbacks(fapl, &callbacks) >= 0 &&
        H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0)
        f = H5Fcreate(path, H5F_ACC_EXCL, fcpl, fapl);
    // After a failure no further call that could clear the error stack: the little that was made is left to the library.
    if (f < 0) return -1;
    H5Pclose(fcpl);
    H5Pclose(fapl);
    *m = memory;
    return f;
}

int fbh5_finish(int64_t f, fbh5_memory *m, void **bytes, int64_t *n) {
    if (H5Fclose(f) < 0) return -1;
    const unsigned char *b = m->bytes;
    *bytes = m->bytes;
    *n = 0;
    free(m);
    if (!b) return -3;
    // The driver's memory is a multiple of its increment. The length of the file stands in its superblock (format
    // specification, superblock versions 2 and 3: end of file address, 8 bytes at 28, little-endian).
    if (memcmp(b, "\211HDF\r\n\032\n", 8) != 0 || (b[8] != 2 && b[8] != 3) || b[9] != 8) return -3;
    for (int i = 7; i >= 0; i--) *n = *n << 8 | b[28 + i];
    return 0;
}

int fbh5_group(int64_t f, const char *name) {
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t p = H5Pcreate(H5P_GROUP_CREATE);
    if (p < 0 || H5Pset_link_creation_order(p, order) < 0 || H5Pset_attr_creation_order(p, order) < 0) return -1;
    hid_t g = H5Gcreate2(f, name, H5P_DEFAULT, p, H5P_DEFAULT);
    if (g < 0) return -1;
    H5Pclose(p);
    return H5Gclose(g) < 0 ? -1 : 0;
}

int fbh5_link(int64_t f, const char *from, const char *to) {
    return H5Lcreate_hard(f, from, f, to, H5P_DEFAULT, H5P_DEFAULT) < 0 ? -1 : 0;
}

int fbh5_write(int64_t f, const char *name, int type, int rank, const uint64_t *dims, const uint64_t *chunk, int level,
               const void *v, int64_t n) {
    hsize_t extent[H5S_MAX_RANK], piece[H5S_MAX_RANK];
    int64_t total = 1;
    if (rank < 1 || rank > H5S_MAX_RANK) return -2;
    for (int a = 0; a < rank; a++) {
        extent[a] = dims[a];
        total *= (int64_t)dims[a];
        if (chunk) piece[a] = chunk[a];
    }
    if (total != n) return -2;
    hid_t p = H5Pcreate(H5P_DATASET_CREATE);
    if (p < 0 || H5Pset_attr_creation_order(p, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED) < 0) return -1;
    if (chunk) {
        if (H5Pset_chunk(p, rank, piece) < 0) return -1;
        if (level > 0 && (H5Pset_shuffle(p) < 0 || H5Pset_deflate(p, (unsigned)level) < 0)) return -1;
        if (H5Pset_fletcher32(p) < 0) return -1;
    }
    hid_t s = H5Screate_simple(rank, extent, NULL);
    if (s < 0) return -1;
    hid_t d = H5Dcreate2(f, name, native(type), s, H5P_DEFAULT, p, H5P_DEFAULT);
    if (d < 0) return -1;
    if (n > 0 && H5Dwrite(d, native(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, v) < 0) return -1;
    if (H5Dclose(d) < 0) return -1;
    H5Sclose(s);
    H5Pclose(p);
    return 0;
}

int fbh5_kind(int64_t f, const char *name, int *kind, int *bytes, int64_t *n) {
    hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
    if (d < 0) return -1;
    hid_t t = H5Dget_type(d), s = H5Dget_space(d);
    if (t < 0 || s < 0) return -1;
    *kind = kind_of(t);
    *bytes = (int)H5Tget_size(t);
    *n = H5Sget_simple_extent_npoints(s);
    H5Sclose(s);
    H5Tclose(t);
    return H5Dclose(d) < 0 ? -1 : 0;
}

int fbh5_read(int64_t f, const char *name, int type, void *v, int64_t n) {
    hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
    if (d < 0) return -1;
    hid_t s = H5Dget_space(d);
    if (s < 0) return -1;
    int64_t extent = H5Sget_simple_extent_npoints(s);
    int rc = extent == n ? 0 : -2;
    H5Sclose(s);
    if (rc == 0 && n > 0 && H5Dread(d, native(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, v) < 0) return -1; // strong close cleans
    return H5Dclose(d) < 0 ? -1 : rc;
}

int fbh5_scale(int64_t f, const char *name, const char *label) {
    hid_t d = H5Dopen2(f, name, H5P_DEFAULT);
    if (d < 0 || H5DSset_scale(d, label) < 0) return -1;
    return H5Dclose(d) < 0 ? -1 : 0;
}

int fbh5_attach(int64_t f, const char *var, const char *scale, int axis) {
    hid_t d = H5Dopen2(f, var, H5P_DEFAULT);
    if (d < 0) return -1;
    hid_t s = H5Dopen2(f, scale, H5P_DEFAULT);
    if (s < 0 || H5DSattach_scale(d, s, (unsigned)axis) < 0) return -1;
    return H5Dclose(s) < 0 || H5Dclose(d) < 0 ? -1 : 0;
}

static int attr_write(int64_t f, const char *obj, const char *name, hid_t file_type, hid_t mem_type, hid_t space,
                      const void *v) {
    hid_t o = H5Oopen(f, obj, H5P_DEFAULT);
    if (o < 0) return -1;
    hid_t a = H5Acreate2(o, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0 || H5Awrite(a, mem_type, v) < 0) return -1;
    return H5Aclose(a) < 0 || H5Oclose(o) < 0 ? -1 : 0;
}

int fbh5_attr_str(int64_t f, const char *obj, const char *name, const char *utf8) {
    hid_t t = H5Tcopy(H5T_C_S1), s = H5Screate(H5S_SCALAR);
    if (t < 0 || s < 0 || H5Tset_size(t, H5T_VARIABLE) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0) return -1;
    if (attr_write(f, obj, name, t, t, s, &utf8) < 0) return -1;
    H5Sclose(s);
    H5Tclose(t);
    return 0;
}

int fbh5_attr_ascii(int64_t f, const char *obj, const char *name, const char *ascii) {
    hid_t t = H5Tcopy(H5T_C_S1), s = H5Screate(H5S_SCALAR);
    if (t < 0 || s < 0 || H5Tset_size(t, strlen(ascii)) < 0 || H5Tset_strpad(t, H5T_STR_NULLPAD) < 0) return -1;
    if (attr_write(f, obj, name, t, t, s, ascii) < 0) return -1;
    H5Sclose(s);
    H5Tclose(t);
    return 0;
}

int fbh5_attr_num(int64_t f, const char *obj, const char *name, int type, const void *v, int n) {
    hsize_t extent = (hsize_t)n;
    hid_t s = n == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, NULL);
    if (s < 0 || attr_write(f, obj, name, native(type), native(type), s, v) < 0) return -1;
    H5Sclose(s);
    return 0;
}

int fbh5_attr_count(int64_t f, const char *obj) {
    H5O_info_t info;
    if (H5Oget_info_by_name(f, obj, &info, H5P_DEFAULT) < 0) return -1;
    return (int)info.num_attrs;
}

int fbh5_attr_at(int64_t f, const char *obj, int i, char *name, int size, int *kind, int *bytes, int *n) {
    // By name: creation order is tracked in our own files only.
    hid_t a = H5Aopen_by_idx(f, obj, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0) return -1;
    hid_t t = H5Aget_type(a), s = H5Aget_space(a);
    if (t < 0 || s < 0 || H5Aget_name(a, (size_t)size, name) < 0) return -1;
    *kind = kind_of(t);
    *bytes = (int)H5Tget_size(t);
    *n = H5Sget_simple_extent_type(s) == H5S_SCALAR ? 0 : (int)H5Sget_simple_extent_npoints(s);
    H5Sclose(s);
    H5Tclose(t);
    return H5Aclose(a) < 0 ? -1 : 0;
}

int fbh5_attr_read(int64_t f, const char *obj, const char *name, int type, void *v, int n) {
    hid_t a = H5Aopen_by_name(f, obj, name, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0) return -1;
    hid_t s = H5Aget_space(a);
    if (s < 0) return -1;
    int rc = H5Sget_simple_extent_npoints(s) == n ? 0 : -2;
    H5Sclose(s);
    if (rc == 0 && H5Aread(a, native(type), v) < 0) return -1;
    return H5Aclose(a) < 0 ? -1 : rc;
}

int fbh5_attr_text(int64_t f, const char *obj, const char *name, char **text) {
    hid_t a = H5Aopen_by_name(f, obj, name, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0) return -1;
    hid_t t = H5Aget_type(a), s = H5Aget_space(a);
    if (t < 0 || s < 0) return -1;
    int rc = 0;
    *text = NULL;
    if (H5Tget_class(t) != H5T_STRING || H5Sget_simple_extent_npoints(s) != 1) {
        rc = -2;
    } else if (H5Tis_variable_str(t) > 0) {
        char *p = NULL;
        if (H5Aread(a, t, &p) < 0) return -1;
        *text = strdup(p ? p : "");
        H5free_memory(p);
    } else {
        size_t n = H5Tget_size(t);
        *text = calloc(n + 1, 1);
        if (*text && H5Aread(a, t, *text) < 0) return -1;
    }
    H5Sclose(s);
    H5Tclose(t);
    return H5Aclose(a) < 0 ? -1 : rc;
}

int64_t fbh5_open_objects(int64_t f) { return (int64_t)H5Fget_obj_count(f, H5F_OBJ_ALL | H5F_OBJ_LOCAL); }

void fbh5_let_go(int64_t f) {
    const unsigned others = H5F_OBJ_DATASET | H5F_OBJ_GROUP | H5F_OBJ_DATATYPE | H5F_OBJ_ATTR | H5F_OBJ_LOCAL;
    hid_t ids[64];
    for (;;) {
        ssize_t n = H5Fget_obj_ids(f, others, 64, ids), closed = 0;
        for (ssize_t i = 0; i < n && i < 64; i++) closed += H5Idec_ref(ids[i]) >= 0;
        if (closed == 0) return;
    }
}

void fbh5_free(void *p) { free(p); }

typedef struct {
    char *text;
    int   n;
} sink;

static herr_t first_desc(unsigned i, const H5E_error2_t *e, void *data) {
    sink *s = data;
    if (i == 0 && e->desc) snprintf(s->text, (size_t)s->n, "%s", e->desc);
    return 0;
}

// The innermost entry holds the cause, errno text included; the outer ones only repeat who passed it on.
int fbh5_error(char *text, int n) {
    sink s = {text, n};
    text[0] = 0;
    return H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_desc, &s) < 0 ? -1 : 0;
}
