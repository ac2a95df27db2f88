#pragma once
#include <mpi/mpi.h>
