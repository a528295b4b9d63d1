// Package h5 is the only place that touches HDF5. Files are opened, listed and inspected through gonum/hdf5; creating,
// writing and reading go through our own C functions, because gonum's check neither type nor length nor byte order, lose
// the library's error text, and lack filters, dimension scales and string attributes on files.
//
// A file is composed in memory and put on the disk by Close with plain writes. HDF5's own writing was tried: on a full disk
// a write fails, the close fails or even succeeds, and the half-closed file stays in the library's tables, where it makes
// later, healthy files look as if they had open handles. The price is one copy of the file in memory.
//
// Errors are sticky: the first one is kept, later calls on the file do nothing, and Close returns it. A caller may therefore
// write a whole file and look at one error.
//
// libhdf5 is one per process and not built to be entered twice, so a mutex serialises all calls; any goroutine may call.
package h5
