package schwarz

import (
	"os"
	"runtime"
	"testing"

	"fbpinn-mpi/mpi/mpitest"
)

var world mpitest.World

func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) { os.Exit(world.Main(m)) }
